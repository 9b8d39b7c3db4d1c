//! A small server on the loopback address that answers whatever a test wants.

use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use net::{Client, NetConfig, Timeouts};

/// A server; it lives as long as the test's process.
pub struct Server {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

/// What a connection is to the server.
pub trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

impl Server {
    /// Starts a server that answers each request, which `answer` gets as its head.
    pub fn start(answer: impl Fn(&str, &mut dyn Write) + Send + 'static) -> Self {
        Self::start_over(|stream| Box::new(stream), answer)
    }

    /// The same over whatever `wrap` puts around a connection.
    pub fn start_over(
        wrap: impl Fn(TcpStream) -> Box<dyn Stream> + Send + 'static,
        answer: impl Fn(&str, &mut dyn Write) + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
                stream.set_write_timeout(Some(Duration::from_secs(10))).unwrap();
                let mut reader = BufReader::new(wrap(stream));
                if let Some(head) = read_head(&mut reader) {
                    record.lock().unwrap().push(head.clone());
                    answer(&head, reader.get_mut());
                    let _ = reader.get_mut().flush();
                }
            }
        });
        Self { address, seen }
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The heads of the requests so far.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

fn read_head(reader: &mut impl std::io::BufRead) -> Option<String> {
    let mut head = String::new();
    loop {
        let before = head.len();
        reader.read_line(&mut head).ok().filter(|bytes| *bytes > 0)?;
        if head[before..].trim().is_empty() {
            return Some(head);
        }
    }
}

/// Writes a whole response. A client that goes away early is no failure.
pub fn respond(out: &mut dyn Write, status: &str, headers: &[(&str, &str)], body: &[u8]) {
    let length = ("Content-Length", body.len().to_string());
    let chunked = headers.iter().any(|(name, _)| *name == "Transfer-Encoding");
    let length = (!chunked).then_some((length.0, length.1.as_str()));
    let lines: String = headers
        .iter()
        .copied()
        .chain(length)
        .map(|(name, value)| name.to_owned() + ": " + value + "\r\n")
        .collect();
    let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n{lines}");
    let _ = out.write_all(format!("{head}\r\n").as_bytes()).and_then(|()| out.write_all(body));
}

/// Settings that allow this machine only, with short times.
pub fn config() -> NetConfig {
    NetConfig {
        timeouts: Timeouts {
            connect: Duration::from_secs(5),
            response: Duration::from_millis(600),
            stall: Duration::from_millis(400),
            total: Duration::from_secs(5),
        },
        user_agent: "ringfort-test".into(),
        allowed_hosts: ["127.0.0.1".to_owned()].into(),
        ..NetConfig::default()
    }
}

/// A client with these settings.
pub fn client() -> Client {
    Client::new(config()).unwrap()
}
