//! Which path leads where, and the page's listener.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use futures_util::stream;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::hub::Hub;
use crate::jobs::{Job, Progress};
use crate::listen::{self, Limits};
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
    let tls = tls::acceptor(&hub.config).map_err(std::io::Error::other)?;
    let limits = Limits {
        connections_max: limits::CONNECTIONS_MAX,
        header_bytes_max: limits::HEADER_BYTES_MAX,
    };
    listen::serve(router(hub), listener, tls, limits).await
}
