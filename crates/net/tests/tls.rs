//! Whom the client believes. The certificates in `testdata/` are made up for this.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use net::{Client, Fetch, Fetched, NetConfig, NetError};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name)
}

/// A TLS server with one of the certificates: its address, and the requests that it understood.
fn server(certificate: &str) -> (String, Arc<AtomicUsize>) {
    let chain = vec![CertificateDer::from_pem_file(testdata(certificate)).unwrap()];
    let key = PrivateKeyDer::from_pem_file(testdata("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let tls = Arc::new(tls);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let understood = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&understood);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            let connection = ServerConnection::new(Arc::clone(&tls)).unwrap();
            let mut stream = StreamOwned::new(connection, stream);
            let mut head = [0; 1_024];
            if stream.read(&mut head).is_ok_and(|bytes| bytes > 0) {
                count.fetch_add(1, Ordering::SeqCst);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret");
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    (url, understood)
}

fn get(url: &str, ca_file: Option<&str>) -> Result<Fetched, NetError> {
    let config = NetConfig {
        hosts: ["127.0.0.1".to_owned()].into(),
        ca_file: ca_file.map(testdata),
        backoff: Vec::new(),
        ..NetConfig::default()
    };
    let fetch = Fetch { url: url.to_owned(), ..Fetch::default() };
    Client::new(config).unwrap().get(&fetch, &mut Vec::new())
}

#[test]
fn a_certificate_needs_an_authority_and_the_right_name() {
    let (good, understood) = server("server.pem");
    assert!(get(&good, None).is_err(), "nobody that is built in signed it");
    let received = get(&good, Some("ca.pem"));
    assert!(matches!(&received, Ok(Fetched::Body(body)) if body.bytes == 6), "{received:?}");
    assert_eq!(understood.load(Ordering::SeqCst), 1);
    let (other, understood) = server("other.pem");
    assert!(get(&other, Some("ca.pem")).is_err(), "it is for another name");
    assert_eq!(understood.load(Ordering::SeqCst), 0);
}

#[test]
fn passwords_are_not_shown() {
    let proxy = Some("http://ann:hush@proxy.example:1".to_owned());
    assert!(!format!("{:?}", NetConfig { proxy, ..NetConfig::default() }).contains("hush"));
    let error = net::host_of("https://ann:hush@feeds.example/x").unwrap_err().to_string();
    assert!(!error.contains("hush") && error.contains("feeds.example"), "{error}");
}
