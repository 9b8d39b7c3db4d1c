//! Connections of applications: how many, how long; with TLS or without.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tower::Service as _;

use super::{CONNECTIONS_MAX, Guard, proxy};
use crate::limits;

/// Bytes of all headers of one request: keys and cookies of providers are long.
const HEADER_BYTES_MAX: usize = 64 << 10;

type Ended = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// What accepts connections with TLS, from a certificate and its key in PEM.
pub fn acceptor(chain: &Path, key: &Path) -> io::Result<TlsAcceptor> {
    let wrong = |error: &dyn std::fmt::Display| io::Error::other(error.to_string());
    let chain = CertificateDer::pem_file_iter(chain)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| wrong(&error))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(&error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(&error))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| wrong(&error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Serves until the process ends.
pub async fn serve(
    guard: Arc<Guard>,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
) -> io::Result<()> {
    let router = Router::new().fallback(proxy::handle).with_state(guard);
    let open = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let permit = Arc::clone(&open).acquire_owned().await.map_err(io::Error::other)?;
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let (router, tls) = (router.clone(), tls.clone());
        tokio::spawn(async move {
            // Without it the small pieces of a stream wait for each other.
            let ended = match (stream.set_nodelay(true), tls) {
                (Err(error), _) => Err(error.into()),
                (Ok(()), None) => converse(router, stream, address).await,
                (Ok(()), Some(tls)) => secure(router, tls, stream, address).await,
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended");
            }
            drop(permit);
        });
    }
}

async fn secure(
    router: Router,
    tls: TlsAcceptor,
    stream: tokio::net::TcpStream,
    address: SocketAddr,
) -> Ended {
    let accepted = tokio::time::timeout(limits::HEADER_TIMEOUT, tls.accept(stream));
    converse(router, accepted.await??, address).await
}

async fn converse(
    router: Router,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    address: SocketAddr,
) -> Ended {
    let service = tower::service_fn(move |mut request: Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(ConnectInfo(address));
        router.clone().call(request)
    });
    hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HEADER_TIMEOUT)
        .max_headers(limits::HEADERS_MAX)
        .max_buf_size(HEADER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
        .await?;
    Ok(())
}
