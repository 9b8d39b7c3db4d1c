//! Connections: how many, how long, with TLS or without; and which path leads where.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use futures_util::stream;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tower::Service as _;

use crate::hub::Hub;
use crate::jobs::{Job, Progress};
use crate::web::registry;
use crate::{api, gate, limits, look::assets, metrics, tls};

/// Which path leads where.
pub fn router(hub: Arc<Hub>) -> Router {
    let mut router = Router::new();
    for page in registry::ALL {
        let shown = get(gate::show).with_state((Arc::clone(&hub), *page));
        router = router.route(page.path, shown);
        for act in page.acts {
            let done = post(gate::act).with_state((Arc::clone(&hub), *page, act));
            router = router.route(act.path, done);
        }
    }
    router
        .route("/assets/{name}", get(asset))
        .route("/jobs/{id}/events", get(events).with_state(Arc::clone(&hub)))
        .route("/metrics", get(metrics::show).with_state(Arc::clone(&hub)))
        .merge(api::router(Arc::clone(&hub)))
        .fallback_service(axum::routing::any(gate::nowhere).with_state(Arc::clone(&hub)))
        .layer(axum::middleware::from_fn_with_state(hub, gate::guard))
}

async fn asset(request: Request) -> Response {
    let Some(asset) = assets::at(request.uri().path()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let kept = HeaderValue::from_static("public, max-age=31536000, immutable");
    let kind = HeaderValue::from_static(asset.kind);
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, kept)], asset.bytes).into_response()
}

static STREAMS: Semaphore = Semaphore::const_new(limits::STREAMS_MAX);

/// How a job goes, as server-sent events: one event a line, then `end`.
async fn events(State(hub): State<Arc<Hub>>, Path(id): Path<u64>, headers: HeaderMap) -> Response {
    let asked = Arc::clone(&hub);
    let viewer = tokio::task::spawn_blocking(move || gate::viewer(&asked, &headers)).await;
    if !matches!(viewer, Ok(Ok(Some(_)))) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let Some(job) = hub.jobs.get(id) else { return StatusCode::NOT_FOUND.into_response() };
    let Ok(permit) = STREAMS.try_acquire() else {
        return StatusCode::TOO_MANY_REQUESTS.into_response();
    };
    let until = tokio::time::Instant::now() + limits::STREAM_TIMEOUT;
    let begin =
        Following { listening: job.listen(), job, told: 0, over: false, until, _permit: permit };
    let events = stream::unfold(begin, |mut following| async move {
        let event = following.next().await?;
        Some((Ok::<_, Infallible>(event), following))
    });
    Sse::new(events).keep_alive(KeepAlive::default()).into_response()
}

/// Somebody who follows a job.
struct Following {
    job: Arc<Job>,
    listening: tokio::sync::watch::Receiver<Progress>,
    told: usize,
    over: bool,
    until: tokio::time::Instant,
    _permit: tokio::sync::SemaphorePermit<'static>,
}

impl Following {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if self.over {
                return None;
            }
            let progress = self.job.progress();
            if let Some(line) = progress.lines.get(self.told) {
                self.told += 1;
                // One event is one line, whatever is in the text.
                let line = crate::look::foreign::plain(line);
                return Some(Event::default().event("line").data(line));
            }
            if progress.end.is_some() {
                self.over = true;
                return Some(Event::default().event("end").data("end"));
            }
            match tokio::time::timeout_at(self.until, self.listening.changed()).await {
                Ok(Ok(())) => {}
                _ => return None,
            }
        }
    }
}

/// Serves until the process ends.
pub async fn serve(hub: Arc<Hub>, listener: TcpListener) -> std::io::Result<()> {
    let acceptor = tls::acceptor(&hub.config).map_err(std::io::Error::other)?;
    let router = router(hub);
    let open = Arc::new(Semaphore::new(limits::CONNECTIONS_MAX));
    loop {
        let permit = Arc::clone(&open).acquire_owned().await.map_err(std::io::Error::other)?;
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // No descriptor left, or the client went away: neither ends the page.
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                continue;
            }
        };
        let (router, acceptor) = (router.clone(), acceptor.clone());
        tokio::spawn(async move {
            let ended = match acceptor {
                None => converse(router, stream, address).await,
                Some(acceptor) => secure(router, acceptor, stream, address).await,
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
    acceptor: TlsAcceptor,
    stream: tokio::net::TcpStream,
    address: SocketAddr,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let accepted = tokio::time::timeout(limits::HEADER_TIMEOUT, acceptor.accept(stream));
    converse(router, accepted.await??, address).await
}

async fn converse(
    router: Router,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    address: SocketAddr,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let service = tower::service_fn(move |mut request: Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(ConnectInfo(address));
        router.clone().call(request)
    });
    hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HEADER_TIMEOUT)
        .max_headers(limits::HEADERS_MAX)
        .max_buf_size(limits::HEADER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
        .await?;
    Ok(())
}
