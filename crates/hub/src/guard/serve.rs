//! Connections of applications.

use std::io;
use std::sync::Arc;

use axum::Router;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::{CONNECTIONS_MAX, Guard, proxy};
use crate::listen::{self, Limits};

/// How many, and how much each may say: keys and cookies of providers are long.
const LIMITS: Limits = Limits { connections_max: CONNECTIONS_MAX, header_bytes_max: 64 << 10 };

/// Serves until the process ends.
pub async fn serve(
    guard: Arc<Guard>,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
) -> io::Result<()> {
    let router = Router::new().fallback(proxy::handle).with_state(guard);
    listen::serve(router, listener, tls, LIMITS).await
}
