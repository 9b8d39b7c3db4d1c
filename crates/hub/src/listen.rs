//! Connections of one listener: how many, how long; with TLS or without. The page and the guard are
//! served alike and differ in their limits.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tower::Service as _;

use crate::limits;

/// The pause after a connection that could not be accepted.
const PAUSE: Duration = Duration::from_millis(50);

/// What differs between listeners.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once; further ones wait.
    pub connections_max: usize,
    /// Bytes of all headers of one request.
    pub header_bytes_max: usize,
}

type Ended = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// Serves until the process ends.
pub async fn serve(
    router: Router,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    limits: Limits,
) -> io::Result<()> {
    let open = Arc::new(Semaphore::new(limits.connections_max));
    loop {
        let permit = Arc::clone(&open).acquire_owned().await.map_err(io::Error::other)?;
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // No descriptor left, or the client went away: neither ends the listener.
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let (router, tls) = (router.clone(), tls.clone());
        tokio::spawn(async move {
            if let Err(error) = connection(router, tls, stream, address, limits).await {
                tracing::debug!(%error, "a connection ended");
            }
            drop(permit);
        });
    }
}

async fn connection(
    router: Router,
    tls: Option<TlsAcceptor>,
    stream: TcpStream,
    address: SocketAddr,
    limits: Limits,
) -> Ended {
    // Without it the small pieces of a stream wait for each other.
    stream.set_nodelay(true)?;
    let Some(tls) = tls else { return converse(router, stream, address, limits).await };
    let accepted = tokio::time::timeout(limits::HEADER_TIMEOUT, tls.accept(stream));
    converse(router, accepted.await??, address, limits).await
}

async fn converse(
    router: Router,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    address: SocketAddr,
    limits: Limits,
) -> Ended {
    let service = tower::service_fn(move |mut request: Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(ConnectInfo(address));
        router.clone().call(request)
    });
    hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HEADER_TIMEOUT)
        .max_headers(limits::HEADERS_MAX)
        .max_buf_size(limits.header_bytes_max)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
        .await?;
    Ok(())
}
