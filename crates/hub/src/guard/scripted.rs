//! A server on loopback that answers as it is told, a guard before it, and a record in memory: for
//! the self-test, the tests and the measurement.

use std::future::Future;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use futures_util::stream;
use serde_json::Value;
use tokio::net::TcpListener;

use super::{Guard, serve};

/// What a scripted server answers.
#[derive(Clone, Debug)]
pub enum Reply {
    /// One document.
    Whole(Value),
    /// Pieces of a stream of events, each sent by itself.
    Pieces(Vec<Bytes>),
}

/// A server that answers as a function says, on loopback.
///
/// # Errors
///
/// No address can be had.
pub async fn scripted<F, R>(script: F) -> io::Result<String>
where
    F: Fn(Value) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Reply> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let answer = move |body: Bytes| {
        let script = script.clone();
        async move {
            let asked = serde_json::from_slice(&body).unwrap_or(Value::Null);
            reply(script(asked).await)
        }
    };
    let router = Router::new().fallback(answer);
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            // A server that cannot set it is only slower.
            let _ = stream.set_nodelay(true);
            let service = hyper_util::service::TowerToHyperService::new(router.clone());
            tokio::spawn(async move {
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(hyper_util::rt::TokioIo::new(stream), service);
                let _ = connection.await;
            });
        }
    });
    Ok(format!("http://{address}"))
}

fn reply(reply: Reply) -> Response {
    let (kind, body) = match reply {
        Reply::Whole(value) => ("application/json", Body::from(value.to_string())),
        Reply::Pieces(pieces) => {
            let pieces = stream::unfold(pieces.into_iter(), |mut pieces| async move {
                tokio::task::yield_now().await;
                pieces.next().map(|piece| (Ok::<_, std::convert::Infallible>(piece), pieces))
            });
            ("text/event-stream", Body::from_stream(pieces))
        }
    };
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// Lines that were written down, for a look afterwards.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    /// The text so far.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A guard on loopback, and its address.
///
/// # Errors
///
/// No address can be had.
pub async fn started(guard: Arc<Guard>) -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", listener.local_addr()?);
    tokio::spawn(serve::serve(guard, listener, None));
    Ok(address)
}
