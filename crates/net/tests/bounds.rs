//! The client against a server that keeps to no rules.

mod server;

use std::io::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use net::{Client, Fetch, Fetched, NetConfig, NetError, Received, Timeouts};
use server::{Server, ok};

const SHORT: Duration = Duration::from_millis(80);

fn config() -> NetConfig {
    NetConfig {
        timeouts: Timeouts { connect: SHORT * 10, read: SHORT, whole: SHORT * 10 },
        body_bytes_max: 10_000,
        hosts: ["127.0.0.1".to_owned()].into(),
        backoff: vec![Duration::from_millis(1); 2],
        ..NetConfig::default()
    }
}

fn get(fetch: &Fetch) -> (Result<Fetched, NetError>, Vec<u8>) {
    let mut out = Vec::new();
    let result = Client::new(config()).unwrap().get(fetch, &mut out);
    (result, out)
}

fn fetch(url: String) -> Fetch {
    Fetch { url, ..Fetch::default() }
}

fn error(server: &Server) -> NetError {
    let started = Instant::now();
    let (result, _) = get(&fetch(server.url("/x")));
    assert!(started.elapsed() < Duration::from_secs(4), "took {:?}", started.elapsed());
    result.unwrap_err()
}

fn body(result: Result<Fetched, NetError>) -> Received {
    match result.unwrap() {
        Fetched::Body(received) => received,
        Fetched::NotModified => panic!("not modified"),
    }
}

#[test]
fn a_body_comes_with_its_hash_and_validators() {
    let server = Server::with(ok("etag: \"7\"\r\nlast-modified: yesterday\r\n", b"hello"));
    let (result, out) = get(&Fetch { accept: Some("text/x".into()), ..fetch(server.url("/x")) });
    let received = body(result);
    assert_eq!((out.as_slice(), received.bytes), (&b"hello"[..], 5));
    assert_eq!(received.sha256.to_hex(), spine::sha256_hex(b"hello"));
    assert_eq!(received.etag.as_deref(), Some("\"7\""));
    assert_eq!(received.last_modified.as_deref(), Some("yesterday"));
    let request = &server.requests()[0];
    assert!(request.contains(&"accept: text/x".to_owned()), "{request:?}");
    assert!(request.iter().any(|line| line.starts_with("user-agent: ringfort/")), "{request:?}");
}

#[test]
fn a_conditional_request_may_be_answered_with_not_modified() {
    let server = Server::with("HTTP/1.1 304 Not Modified\r\n\r\n");
    let conditions = Fetch {
        etag: Some("\"7\"".into()),
        last_modified: Some("yesterday".into()),
        ..fetch(server.url("/x"))
    };
    assert_eq!(get(&conditions).0.unwrap(), Fetched::NotModified);
    let request = &server.requests()[0];
    assert!(request.contains(&"if-none-match: \"7\"".to_owned()), "{request:?}");
    assert!(request.contains(&"if-modified-since: yesterday".to_owned()), "{request:?}");
    // Without a condition the answer makes no sense and must not read as "nothing new".
    assert!(matches!(error(&server), NetError::Status { status: 304, .. }));
}

#[test]
fn a_stated_length_over_the_limit_is_refused_before_the_body() {
    let server = Server::with("HTTP/1.1 200 OK\r\ncontent-length: 10001\r\n\r\nx");
    assert!(matches!(
        error(&server),
        NetError::TooLarge { limit: 10_000, measured: "as stated", .. }
    ));
}

#[test]
fn an_endless_body_without_a_length_is_cut_at_the_limit() {
    let server = Server::start(|_, _, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
        while stream.write_all(&[b'x'; 1_000]).is_ok() {}
    });
    let (result, out) = get(&fetch(server.url("/x")));
    assert!(matches!(result, Err(NetError::TooLarge { measured: "as received", .. })));
    assert!(out.len() <= 10_000);
}

#[test]
fn an_endless_chunked_body_is_cut_at_the_limit() {
    let server = Server::start(|_, _, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
        while stream.write_all(b"8\r\nxxxxxxxx\r\n").is_ok() {}
    });
    assert!(matches!(error(&server), NetError::TooLarge { measured: "as received", .. }));
}

#[test]
fn a_gzip_bomb_is_cut_at_the_limit() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&vec![0; 1 << 20]).unwrap();
    let server = Server::with(ok("content-encoding: gzip\r\n", &encoder.finish().unwrap()));
    assert!(matches!(error(&server), NetError::TooLarge { measured: "as decompressed", .. }));
}

#[test]
fn a_coding_that_was_not_asked_for_is_refused() {
    let server = Server::with(ok("content-encoding: br\r\n", b"x"));
    assert!(matches!(error(&server), NetError::Coding { .. }));
    let server = Server::with(ok("content-encoding: gzip\r\n", b"not gzip at all"));
    assert!(matches!(error(&server), NetError::Coding { .. }));
}

#[test]
fn endless_headers_are_cut() {
    let server = Server::start(|_, _, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        while stream.write_all(b"x-more: and more\r\n").is_ok() {}
    });
    let error = error(&server);
    assert!(matches!(error, NetError::Protocol { .. }), "{error}");
}

#[test]
fn one_endless_header_is_cut() {
    let server = Server::start(|_, _, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nx-long: ");
        while stream.write_all(&[b'x'; 1_000]).is_ok() {}
    });
    let error = error(&server);
    assert!(matches!(error, NetError::Protocol { .. }), "{error}");
}

#[test]
fn what_is_not_http_is_refused() {
    let server = Server::with("SSH-2.0-server\r\n\r\n");
    let error = error(&server);
    assert!(matches!(error, NetError::Protocol { .. }), "{error}");
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    let server = Server::start(|_, _, _| thread::sleep(SHORT * 4));
    let error = error(&server);
    assert!(matches!(error, NetError::TimedOut { .. }), "{error}");
    assert_eq!(server.requests().len(), 3, "one try and two more");
}

#[test]
fn a_body_that_stops_is_given_up_and_not_tried_again() {
    let server = Server::start(|_, _, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc");
        thread::sleep(SHORT * 4);
    });
    let (result, out) = get(&fetch(server.url("/x")));
    assert!(matches!(result, Err(NetError::TimedOut { phase: "between two reads", .. })));
    assert_eq!(out, b"abc");
    assert_eq!(server.requests().len(), 1, "what was written cannot be taken back");
}

#[test]
fn a_body_that_drips_is_given_up_after_the_whole_time() {
    let server = Server::start(|_, _, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n");
        while stream.write_all(b"x").is_ok() {
            thread::sleep(SHORT / 4);
        }
    });
    assert!(matches!(error(&server), NetError::TimedOut { phase: "in all", .. }));
}

#[test]
fn a_body_that_ends_early_is_an_error() {
    let server = Server::with("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc");
    let short = error(&server);
    assert!(matches!(short, NetError::CutShort { .. }), "{short}");
    let server =
        Server::with("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nwor");
    let chunked = error(&server);
    assert!(matches!(chunked, NetError::CutShort { .. }), "{chunked}");
}

#[test]
fn a_body_past_its_stated_length_is_not_taken() {
    let server = Server::with("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabcdef");
    let (result, out) = get(&fetch(server.url("/x")));
    assert_eq!((body(result).bytes, out.as_slice()), (3, &b"abc"[..]));
}

#[test]
fn a_server_error_is_tried_again_and_then_told() {
    let server = Server::start(|number, _, stream| {
        let busy = b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n".to_vec();
        let _ = stream.write_all(&if number < 2 { busy } else { ok("", b"at last") });
    });
    let (result, out) = get(&fetch(server.url("/x")));
    assert_eq!((body(result).bytes, out.as_slice()), (7, &b"at last"[..]));
    let server = Server::with("HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n");
    assert!(matches!(error(&server), NetError::Status { status: 500, .. }));
    assert_eq!(server.requests().len(), 3);
    let server = Server::with("HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n");
    assert!(matches!(error(&server), NetError::Status { status: 404, .. }));
    assert_eq!(server.requests().len(), 1, "what is not there will not be there in a second");
}

#[test]
fn redirects_are_followed_within_the_list_and_the_limit() {
    let server = Server::start(|_, lines, stream| {
        let first = lines.first().cloned().unwrap_or_default();
        let to = |place: &str| {
            format!("HTTP/1.1 302 Found\r\nlocation: {place}\r\ncontent-length: 0\r\n\r\n")
        };
        let answer = match first.split(' ').nth(1).unwrap_or_default() {
            "/once" => to("/there?x=1").into_bytes(),
            "/loop" => to("/loop").into_bytes(),
            "/away" => to("https://elsewhere.example/x").into_bytes(),
            "/plain" => to("http://elsewhere.example/x").into_bytes(),
            "/nowhere" => b"HTTP/1.1 302 Found\r\ncontent-length: 0\r\n\r\n".to_vec(),
            path => ok("", path.as_bytes()),
        };
        let _ = stream.write_all(&answer);
    });
    let at = |path: &str| get(&fetch(server.url(path)));
    let (result, out) = at("/once");
    assert_eq!((body(result).url, out.as_slice()), (server.url("/there?x=1"), &b"/there?x=1"[..]));
    assert!(matches!(at("/loop").0, Err(NetError::TooManyRedirects { limit: 5, .. })));
    assert!(matches!(at("/away").0, Err(NetError::HostNotAllowed { .. })));
    assert!(matches!(at("/plain").0, Err(NetError::NotSecure { .. })));
    assert!(at("/nowhere").0.is_err());
}

#[test]
fn a_host_outside_the_list_is_not_even_asked() {
    let server = Server::with(ok("", b"x"));
    let none = NetConfig { hosts: [].into(), ..config() };
    let result = Client::new(none).unwrap().get(&fetch(server.url("/x")), &mut Vec::new());
    assert!(matches!(result, Err(NetError::HostNotAllowed { .. })));
    assert!(server.requests().is_empty());
}

#[test]
fn a_writer_that_is_full_is_told_as_such() {
    let server = Server::with(ok("", &[b'x'; 100]));
    let mut room = [0_u8; 10];
    let client = Client::new(config()).unwrap();
    let result = client.get(&fetch(server.url("/x")), &mut room.as_mut_slice());
    assert!(matches!(result, Err(NetError::Write(_))));
}

#[test]
fn settings_that_cannot_be_used_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("ca.pem");
    std::fs::write(&empty, "no certificate").unwrap();
    for broken in [
        NetConfig { ca_file: Some(folder.path().join("none.pem")), ..config() },
        NetConfig { ca_file: Some(empty), ..config() },
        NetConfig { proxy: Some("::".into()), ..config() },
        NetConfig { backoff: vec![SHORT; 9], ..config() },
    ] {
        assert!(matches!(Client::new(broken), Err(NetError::Setting { .. })));
    }
}

#[test]
fn a_server_whose_certificate_nobody_signed_is_not_trusted() {
    // It does not even speak TLS; what counts is that nothing is sent in the clear.
    let server = Server::with(ok("", b"x"));
    let url = server.url("/secret").replace("http://", "https://");
    let (result, out) = get(&fetch(url));
    assert!(result.is_err() && out.is_empty());
    assert!(!server.requests().concat().concat().contains("secret"));
}
