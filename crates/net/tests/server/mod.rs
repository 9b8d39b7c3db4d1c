//! A tiny server on loopback that answers each connection as a test says.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What one connection gets: the request's lines, and the stream to answer on.
pub type Answer = dyn Fn(usize, &[String], &mut TcpStream) + Send + Sync;

/// A server that lives as long as the test process.
pub struct Server {
    port: u16,
    requests: Arc<Mutex<Vec<Vec<String>>>>,
}

impl Server {
    /// Serves every connection with `answer`, which gets the connection's number from 0.
    pub fn start(
        answer: impl Fn(usize, &[String], &mut TcpStream) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, answer): (_, Arc<Answer>) = (Arc::clone(&requests), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                thread::spawn(move || serve(&stream, &seen, &*answer));
            }
        });
        Self { port, requests }
    }

    /// A server that gives every connection the same bytes.
    pub fn with(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self::start(move |_, _, stream| {
            let _ = stream.write_all(&bytes); // The client may have had enough.
        })
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The requests so far, each as its lines in lower case.
    pub fn requests(&self) -> Vec<Vec<String>> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(stream: &TcpStream, seen: &Mutex<Vec<Vec<String>>>, answer: &Answer) {
    let mut lines = Vec::new();
    for line in BufReader::new(stream).lines() {
        match line {
            Ok(line) if !line.is_empty() => lines.push(line.to_lowercase()),
            _ => break,
        }
    }
    let number = {
        let mut seen = seen.lock().unwrap();
        seen.push(lines.clone());
        seen.len() - 1
    };
    let mut stream = stream.try_clone().unwrap();
    answer(number, &lines, &mut stream);
}

/// A whole answer with a body and its length.
pub fn ok(headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
    [head.as_bytes(), body].concat()
}
