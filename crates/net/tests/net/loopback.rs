//! The client against a server that means no good.

use std::time::{Duration, Instant};

use crate::support::{Server, client, config, respond};
use net::{Client, Fetch, Fetched, NetConfig, NetError, limits};

fn get(url: &str, max_bytes: u64) -> (Result<Fetched, NetError>, Vec<u8>) {
    let mut out = Vec::new();
    let result = client().get(&Fetch { url, max_bytes, ..Fetch::default() }, &mut out);
    (result, out)
}

#[test]
fn a_body_is_streamed_hashed_and_its_validators_kept() {
    let body: Vec<u8> = (0..300_000_u32).map(|n| u8::try_from(n % 251).unwrap()).collect();
    let sent = body.clone();
    let server = Server::start(move |_, out| {
        let date = "Wed, 21 Oct 2026 07:28:00 GMT";
        respond(out, "200 OK", &[("ETag", "\"a1\""), ("Last-Modified", date)], &sent);
    });
    let (result, out) = get(&server.url("/all.zip"), 300_000);
    let Fetched::Body { bytes, sha256, etag, last_modified } = result.unwrap() else { panic!() };
    assert_eq!((bytes, out == body), (300_000, true));
    assert_eq!(sha256.to_hex(), spine::sha256_hex(&body));
    assert_eq!(etag.as_deref(), Some("\"a1\""));
    assert_eq!(last_modified.as_deref(), Some("Wed, 21 Oct 2026 07:28:00 GMT"));
    let head = server.seen().remove(0).to_lowercase();
    assert!(head.contains("user-agent: ringfort-test"), "{head}");
    assert!(!head.contains("gzip") && !head.contains("if-none-match"), "{head}");
}

#[test]
fn what_is_unchanged_is_not_sent_again() {
    let server = Server::start(|head, out| {
        let head = head.to_lowercase();
        let known = head.contains("if-none-match: \"a1\"")
            && head.contains("if-modified-since: wed, 21 oct 2026 07:28:00 gmt");
        respond(out, if known { "304 Not Modified" } else { "200 OK" }, &[], b"");
    });
    let url = server.url("/");
    let mut fetch = Fetch { url: &url, max_bytes: 1, ..Fetch::default() };
    fetch.etag = Some("\"a1\"");
    fetch.last_modified = Some("Wed, 21 Oct 2026 07:28:00 GMT");
    assert_eq!(client().get(&fetch, &mut Vec::new()).unwrap(), Fetched::NotModified);
}

#[test]
fn a_304_that_nobody_asked_for_is_an_error() {
    let server = Server::start(|_, out| respond(out, "304 Not Modified", &[], b""));
    let (result, _) = get(&server.url("/"), 1);
    assert!(matches!(result, Err(NetError::Status { status: 304, .. })), "{result:?}");
}

#[test]
fn a_body_over_the_limit_is_refused_announced_or_not() {
    let server = Server::start(|head, out| {
        let body = [b'x'; 101];
        if head.starts_with("GET /announced") {
            respond(out, "200 OK", &[], &body);
        } else if head.starts_with("GET /chunked") {
            let mut chunks = b"65\r\n".to_vec();
            chunks.extend(body);
            chunks.extend(b"\r\n0\r\n\r\n");
            respond(out, "200 OK", &[("Transfer-Encoding", "chunked")], &chunks);
        } else {
            // It never ends by itself.
            let _ = out.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
            while out.write_all(&body).is_ok() {}
        }
    });
    for path in ["/announced", "/chunked", "/endless"] {
        let (result, out) = get(&server.url(path), 100);
        assert!(matches!(result, Err(NetError::TooLarge { limit: 100, .. })), "{result:?}");
        assert!(out.len() <= 100);
        assert!(result.unwrap_err().to_string().contains("limit of 100 bytes"));
    }
    for path in ["/announced", "/chunked"] {
        assert!(get(&server.url(path), 101).0.is_ok(), "{path}");
    }
}

#[test]
fn endless_headers_are_refused() {
    let server = Server::start(|head, out| {
        let _ = out.write_all(b"HTTP/1.1 200 OK\r\n");
        let one = if head.starts_with("GET /many") {
            b"A: b\r\n".to_vec()
        } else {
            format!("X-Long: {}\r\n", "y".repeat(3_000)).into_bytes()
        };
        while out.write_all(&one).is_ok() {}
    });
    for path in ["/many", "/long"] {
        let (result, _) = get(&server.url(path), 100);
        assert!(
            matches!(result, Err(NetError::HeadersTooLarge { .. } | NetError::Transport { .. })),
            "{path}: {result:?}"
        );
    }
    let (result, _) = get(&server.url("/long"), 100);
    assert!(matches!(result, Err(NetError::HeadersTooLarge { .. })), "{result:?}");
}

#[test]
fn a_cut_body_is_an_error() {
    let server = Server::start(|head, out| {
        let head = if head.starts_with("GET /length") {
            "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this"
        } else {
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nonly this"
        };
        let _ = out.write_all(head.as_bytes());
    });
    for path in ["/length", "/chunked"] {
        let (result, _) = get(&server.url(path), 1_000);
        assert!(
            matches!(result, Err(NetError::Truncated { received: 9, .. })),
            "{path}: {result:?}"
        );
    }
}

#[test]
fn a_redirect_on_the_same_host_is_followed_and_a_loop_is_not() {
    let server = Server::start(|head, out| match head.split(' ').nth(1) {
        Some("/a") => respond(out, "302 Found", &[("Location", "/b?x=1")], b"gone"),
        Some("/b?x=1") => respond(out, "200 OK", &[], b"here"),
        Some("/nowhere") => respond(out, "301 Moved Permanently", &[], b""),
        _ => respond(out, "302 Found", &[("Location", "/loop")], b""),
    });
    let (result, out) = get(&server.url("/a"), 100);
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(out, b"here");
    let before = server.seen().len();
    let (result, _) = get(&server.url("/loop"), 100);
    assert!(matches!(result, Err(NetError::TooManyRedirects { limit: 5, .. })), "{result:?}");
    assert_eq!(server.seen().len() - before, limits::REDIRECTS_MAX + 1);
    let (result, _) = get(&server.url("/nowhere"), 100);
    assert!(matches!(result, Err(NetError::RedirectNowhere { .. })), "{result:?}");
}

#[test]
fn a_redirect_to_another_host_needs_to_be_expected_and_allowed() {
    let target = Server::start(|_, out| respond(out, "200 OK", &[], b"there"));
    // The same machine by another name: 127.0.0.2 is loopback too.
    let location = format!("http://127.0.0.2:{}/x", target.address.port());
    let place = location.clone();
    let server =
        Server::start(move |_, out| respond(out, "307 Temporary", &[("Location", &place)], b""));
    let url = server.url("/");
    let fetch = Fetch { url: &url, max_bytes: 9, ..Fetch::default() };
    let expected = Fetch { redirect_hosts: &["127.0.0.2"], ..fetch.clone() };
    let get = |client: &Client, fetch: &Fetch<'_>| client.get(fetch, &mut Vec::new());

    let narrow = client();
    let refused = get(&narrow, &fetch).unwrap_err();
    assert!(
        matches!(&refused, NetError::RedirectHost { host, .. } if host == "127.0.0.2"),
        "{refused:?}"
    );
    let refused = get(&narrow, &expected).unwrap_err();
    assert!(matches!(refused, NetError::HostNotAllowed { .. }), "{refused:?}");
    assert!(target.seen().is_empty());

    let mut wide = config();
    wide.allowed_hosts.insert("127.0.0.2".into());
    let wide = Client::new(wide).unwrap();
    assert!(matches!(get(&wide, &fetch), Err(NetError::RedirectHost { .. })));
    // Nobody listens on 127.0.0.2, so that the refusal is now one of the network.
    let gone = get(&wide, &expected).unwrap_err();
    assert!(matches!(gone, NetError::Transport { .. }), "{gone:?}");
}

#[test]
fn a_redirect_to_a_file_or_a_foreign_http_address_is_refused() {
    let server = Server::start(|head, out| {
        let to =
            if head.starts_with("GET /file") { "file:///etc/passwd" } else { "http://a.example" };
        respond(out, "302 Found", &[("Location", to)], b"");
    });
    for path in ["/file", "/http"] {
        let (result, _) = get(&server.url(path), 100);
        assert!(matches!(result, Err(NetError::Address { .. })), "{result:?}");
    }
}

#[test]
fn hosts_that_are_not_on_the_list_are_never_asked() {
    let server = Server::start(|_, out| respond(out, "200 OK", &[], b""));
    let client = Client::new(NetConfig { allowed_hosts: [].into(), ..config() }).unwrap();
    let url = server.url("/");
    let fetch = Fetch { url: &url, max_bytes: 9, ..Fetch::default() };
    let result = client.get(&fetch, &mut Vec::new());
    assert!(matches!(result, Err(NetError::HostNotAllowed { .. })), "{result:?}");
    let fetch = Fetch { url: "https://feeds.example/", max_bytes: 9, ..Fetch::default() };
    assert!(matches!(client.get(&fetch, &mut Vec::new()), Err(NetError::HostNotAllowed { .. })));
    assert!(server.seen().is_empty());
}

#[test]
fn other_statuses_and_encodings_are_errors() {
    let server = Server::start(|head, out| match head.split(' ').nth(1) {
        Some("/500") => respond(out, "500 Internal Server Error", &[], b"sorry"),
        Some("/206") => respond(out, "206 Partial Content", &[], b"part"),
        Some("/404") => respond(out, "404 Not Found", &[], b""),
        Some("/nonsense") => drop(out.write_all(b"\x16\x03\x01 what is this\r\n\r\n")),
        _ => respond(out, "200 OK", &[("Content-Encoding", "br")], b"x"),
    });
    for status in [500, 206, 404] {
        let (result, out) = get(&server.url(&format!("/{status}")), 100);
        assert!(
            matches!(result, Err(NetError::Status { status: got, .. }) if got == status),
            "{result:?}"
        );
        assert!(out.is_empty());
    }
    let (result, _) = get(&server.url("/br"), 100);
    assert!(matches!(result, Err(NetError::Encoding { .. })), "{result:?}");
    let (result, _) = get(&server.url("/nonsense"), 100);
    assert!(matches!(result, Err(NetError::Transport { .. })), "{result:?}");
}

#[test]
fn a_server_that_stands_still_is_left() {
    let server = Server::start(|head, out| {
        if head.starts_with("GET /body") {
            let _ = out.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx");
            let _ = out.flush();
        }
        std::thread::sleep(Duration::from_secs(2));
    });
    for path in ["/body", "/silent"] {
        let start = Instant::now();
        let (result, _) = get(&server.url(path), 100);
        assert!(matches!(result, Err(NetError::Timeout { .. })), "{path}: {result:?}");
        assert!(start.elapsed() < Duration::from_secs(4), "{path}: {:?}", start.elapsed());
    }
}

#[test]
fn a_writer_that_fails_ends_the_fetch() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let server = Server::start(|_, out| respond(out, "200 OK", &[], b"x"));
    let url = server.url("/");
    let result = client().get(&Fetch { url: &url, max_bytes: 9, ..Fetch::default() }, &mut Full);
    assert!(matches!(result, Err(NetError::Write(_))), "{result:?}");
}
