//! Whom the client believes. The certificates in `testdata/` are made up for this.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::support::{Server, config, respond};
use net::{Client, Fetch, Fetched, NetConfig, NetError};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name)
}

/// A TLS server with one of the certificates.
fn server(certificate: &str) -> Server {
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
    let wrap = move |stream| -> Box<dyn crate::support::Stream> {
        let connection = ServerConnection::new(Arc::clone(&tls)).unwrap();
        Box::new(StreamOwned::new(connection, stream))
    };
    Server::start_over(wrap, |_, out| respond(out, "200 OK", &[], b"secret"))
}

fn get(server: &Server, ca_file: Option<&str>) -> Result<Fetched, NetError> {
    let config = NetConfig { ca_file: ca_file.map(testdata), ..config() };
    let url = format!("https://{}/", server.address);
    let fetch = Fetch { url: &url, max_bytes: 9, ..Fetch::default() };
    Client::new(config).unwrap().get(&fetch, &mut Vec::new())
}

#[test]
fn a_certificate_needs_an_authority_and_the_right_name() {
    let good = server("server.pem");
    let result = get(&good, None);
    assert!(matches!(result, Err(NetError::Certificate { .. })), "{result:?}");
    let result = get(&good, Some("ca.pem"));
    assert!(matches!(result, Ok(Fetched::Body { bytes: 6, .. })), "{result:?}");
    let other = server("other.pem");
    let result = get(&other, Some("ca.pem"));
    assert!(matches!(result, Err(NetError::Certificate { .. })), "{result:?}");
    assert_eq!((good.seen().len(), other.seen().len()), (1, 0));
}

#[test]
fn a_wrong_file_of_authorities_is_an_error_at_the_start() {
    for name in ["none.pem", "server.key", "README.md"] {
        let config = NetConfig { ca_file: Some(testdata(name)), ..config() };
        let error = Client::new(config).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
}

#[test]
fn a_proxy_with_a_password_is_not_shown() {
    let config = NetConfig { proxy: Some("http://ann:secret@proxy.example:1".into()), ..config() };
    assert!(!format!("{config:?}").contains("secret"));
    let client = Client::new(config).unwrap();
    assert!(!format!("{client:?}").contains("secret"));
    let config = NetConfig { proxy: Some("gopher://ann:secret@x".into()), ..self::config() };
    assert!(!Client::new(config).unwrap_err().to_string().contains("secret"));
}
