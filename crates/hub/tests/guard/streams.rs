//! Streams stay streams: each piece is passed on when it comes, and as it was.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use axum::body::Bytes;
use futures_util::StreamExt as _;
use hub::guard::scripted::Reply;
use serde_json::json;

use crate::cases::streamed;
use crate::support::{Bench, run};

const ASK: &str = r#"{"messages": [{"role": "user", "content": "hello"}], "stream": true}"#;
const PATH: &str = "/v1/chat/completions";

#[test]
fn a_stream_is_the_same_byte_by_byte_however_it_was_cut() {
    run(async {
        let message = json!({"content": "Grüße, 🙂 and \"quotes\"\nand lines. ".repeat(20)});
        for size in [1, 2, 7, 64, 100_000] {
            let pieces = streamed(&message, size);
            let sent = pieces.concat();
            let bench = Bench::start("", Arc::new(move |_| Reply::Pieces(pieces.clone()))).await;
            let (status, got) = bench.send("POST", PATH, ASK).await;
            assert_eq!(status, 200);
            assert!(got == sent, "pieces of {size} bytes came out changed");
        }
    });
}

/// A server that sends a piece only when it is told to.
fn on_demand() -> (String, Sender<Bytes>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (tell, told) = channel::<Bytes>();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut buffer = [0; 4096];
        let _ = stream.read(&mut buffer).unwrap();
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                    transfer-encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        for piece in told {
            let chunk = format!("{:x}\r\n", piece.len());
            stream.write_all(&[chunk.as_bytes(), &piece, b"\r\n"].concat()).unwrap();
        }
        stream.write_all(b"0\r\n\r\n").unwrap();
    });
    (address, tell)
}

#[test]
fn each_event_comes_before_the_next_is_sent() {
    run(async {
        let (server, tell) = on_demand();
        let bench = Bench::before(&server).await;
        let (_, body) = bench.ask("POST", PATH, ASK).await;
        let mut pieces = body.into_data_stream();
        for word in ["one ", "two ", "three "] {
            let delta = json!({"choices": [{"index": 0, "delta": {"content": word}}]});
            let event = Bytes::from(format!("data: {delta}\n\n"));
            tell.send(event.clone()).unwrap();
            // The server sends nothing more until this one is here.
            let got = tokio::time::timeout(Duration::from_secs(20), pieces.next()).await;
            assert_eq!(got.expect("it waits for the next event").unwrap().unwrap(), event);
        }
        drop(tell);
        assert!(pieces.next().await.is_none());
    });
}

#[test]
fn a_server_that_breaks_off_in_a_call_gives_no_call() {
    run(async {
        let (server, tell) = on_demand();
        let bench = Bench::before(&server).await;
        let (_, body) = bench.ask("POST", PATH, ASK).await;
        let call = json!({"choices": [{"index": 0, "delta": {"tool_calls": [
            {"index": 0, "function": {"name": "send", "arguments": "{\"to\": \"x"}}]}}]});
        tell.send(Bytes::from(format!("data: {call}\n\n"))).unwrap();
        drop(tell);
        let got = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let text = String::from_utf8(got.to_vec()).unwrap();
        assert!(text.contains("arguments.form") && !text.contains("tool_calls"), "{text}");
    });
}
