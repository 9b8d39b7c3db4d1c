//! TLS: rustls with ring, version 1.3 and 1.2, and a certificate from two files or one that the
//! page made itself and keeps.

use std::path::Path;
use std::sync::Arc;

use durable::{Files as _, StdFiles};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use tokio_rustls::TlsAcceptor;

use crate::hub::{HubConfig, Tls};
use crate::web::Oops;

/// What accepts connections, if the page speaks TLS.
pub fn acceptor(config: &HubConfig) -> Result<Option<TlsAcceptor>, Oops> {
    let Some(tls) = &config.tls else { return Ok(None) };
    let (chain, key) = match tls {
        Tls::Files(chain, key) => (read(chain)?, read(key)?),
        Tls::SelfSigned => self_signed(config)?,
    };
    let wrong = |error: &dyn std::fmt::Display| Oops::Internal(format!("the certificate: {error}"));
    let chain = CertificateDer::pem_slice_iter(&chain)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| wrong(&error))?;
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(|error| wrong(&error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(&error))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| wrong(&error))?;
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(TlsAcceptor::from(Arc::new(server))))
}

fn read(path: &Path) -> Result<Vec<u8>, Oops> {
    StdFiles.read(path).map_err(|error| Oops::Internal(format!("`{}`: {error}", path.display())))
}

/// The page's own certificate: made once for its name, and kept, so that a browser that was told
/// to trust it need not be told again.
fn self_signed(config: &HubConfig) -> Result<(Vec<u8>, Vec<u8>), Oops> {
    let path = config.dir.join(format!("tls-{}.pem", config.name.replace(['/', ':'], "_")));
    if let Ok(kept) = StdFiles.read(&path) {
        return Ok((kept.clone(), kept));
    }
    let failed =
        |error: &dyn std::fmt::Display| Oops::Internal(format!("the certificate: {error}"));
    let made = rcgen::generate_simple_self_signed(vec![config.name.clone()])
        .map_err(|error| failed(&error))?;
    let pem = format!("{}{}", made.signing_key.serialize_pem(), made.cert.pem());
    StdFiles.write_atomic(&path, pem.as_bytes()).map_err(|error| failed(&error))?;
    Ok((pem.clone().into_bytes(), pem.into_bytes()))
}
