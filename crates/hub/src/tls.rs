//! TLS of the page and of the guard: rustls with ring, version 1.3 and 1.2, and a certificate from
//! two files or one that the page made itself and keeps.

use std::io;
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
    let accepting = match &config.tls {
        None => return Ok(None),
        Some(Tls::Files(chain, key)) => from_files(chain, key),
        Some(Tls::SelfSigned) => {
            let pem = self_signed(config)?;
            from_pem(&pem, &pem)
        }
    };
    accepting.map(Some).map_err(|error| Oops::Internal(format!("the certificate: {error}")))
}

/// What accepts connections with the certificate and the key of two files, PEM.
pub fn from_files(chain: &Path, key: &Path) -> io::Result<TlsAcceptor> {
    let read = |path: &Path| {
        StdFiles
            .read(path)
            .map_err(|error| io::Error::new(error.kind(), format!("`{}`: {error}", path.display())))
    };
    from_pem(&read(chain)?, &read(key)?)
}

fn from_pem(chain: &[u8], key: &[u8]) -> io::Result<TlsAcceptor> {
    let chain = CertificateDer::pem_slice_iter(chain)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| io::Error::other(error.to_string()))?;
    let key =
        PrivateKeyDer::from_pem_slice(key).map_err(|error| io::Error::other(error.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(io::Error::other)?;
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(server)))
}

/// The page's own certificate: made once for its name, and kept, so that a browser that was told
/// to trust it need not be told again.
fn self_signed(config: &HubConfig) -> Result<Vec<u8>, Oops> {
    let path = config.dir.join(format!("tls-{}.pem", config.name.replace(['/', ':'], "_")));
    if let Ok(kept) = StdFiles.read(&path) {
        return Ok(kept);
    }
    let failed =
        |error: &dyn std::fmt::Display| Oops::Internal(format!("the certificate: {error}"));
    let made = rcgen::generate_simple_self_signed(vec![config.name.clone()])
        .map_err(|error| failed(&error))?;
    let pem = format!("{}{}", made.signing_key.serialize_pem(), made.cert.pem());
    StdFiles.write_atomic(&path, pem.as_bytes()).map_err(|error| failed(&error))?;
    Ok(pem.into_bytes())
}
