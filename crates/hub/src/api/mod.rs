//! The page's own actions for programs: `/api/v1`, JSON both ways, a token with scopes.
//!
//! The table of endpoints is in `table.rs`, what each does in `answers.rs`. The description
//! (OpenAPI 3.1) and the router are made from the table, so neither can say something else. A copy
//! of the description is in `docs/openapi.json`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, RawPathParams, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, on};
use serde_json::{Value, json};

use crate::db::Token;
use crate::hub::Hub;
use crate::web::{Ask, Oops, Viewer};
use crate::{gate, limits};

mod answers;
pub mod openapi;
mod table;

pub use table::ENDPOINTS;

/// What a token may do.
pub const SCOPES: &[(&str, &str)] = &[
    ("read", "look at everything that the page shows"),
    ("comment", "comment on cases"),
    ("triage", "set cases aside, take them up, open them again"),
    ("propose", "have fixes prepared, hand in signatures"),
    ("stop", "pull the stop switch"),
    ("metrics", "read the metrics"),
];

/// One thing that can be asked.
pub struct Endpoint {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// The path below `/api/v1`.
    pub path: &'static str,
    /// The scope that a token needs.
    pub scope: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
    /// The fields of the query (`GET`) or of the body (`POST`): name, and what it is.
    pub fields: &'static [(&'static str, &'static str)],
    /// The name of the answer's schema.
    pub answer: &'static str,
    /// Does it.
    pub run: fn(&Ask<'_>) -> Result<Value, Oops>,
}

/// Which path leads where.
pub fn router(hub: Arc<Hub>) -> Router {
    let mut router = Router::new();
    for endpoint in ENDPOINTS {
        let filter = match endpoint.method {
            "GET" => axum::routing::MethodFilter::GET,
            _ => axum::routing::MethodFilter::POST,
        };
        let path = format!("/api/v1{}", endpoint.path);
        router = router.route(&path, on(filter, answer).with_state((Arc::clone(&hub), endpoint)));
    }
    router.route("/api/v1/openapi.json", get(description))
}

async fn description() -> Response {
    spoken(StatusCode::OK, &openapi::description())
}

fn spoken(status: StatusCode, value: &Value) -> Response {
    let kind = HeaderValue::from_static("application/json");
    (status, [(header::CONTENT_TYPE, kind)], value.to_string()).into_response()
}

fn problem(error: &Oops) -> Response {
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if status.is_server_error() {
        tracing::error!(%error, "a request failed");
    }
    spoken(status, &json!({ "error": error.shown() }))
}

async fn answer(
    State((hub, endpoint)): State<(Arc<Hub>, &'static Endpoint)>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    params: RawPathParams,
    request: Request,
) -> Response {
    let path: BTreeMap<String, String> =
        params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let query = gate::fields(request.uri().query().unwrap_or_default().as_bytes());
    let headers = request.headers().clone();
    let bytes = axum::body::to_bytes(request.into_body(), limits::BODY_BYTES_MAX).await;
    gate::blocking(move || {
        let result = viewer(&hub, &headers, endpoint.scope).and_then(|viewer| {
            let body = bytes.map_err(|_| Oops::Bad("The body is too large.".into()))?;
            let ask = Ask {
                hub: &hub,
                viewer: Some(viewer),
                here: endpoint.path,
                path,
                query,
                form: body_fields(&body)?,
                address: address.ip().to_string(),
                agent: String::new(),
                now_ms: hub.clock.now_ms(),
            };
            (endpoint.run)(&ask)
        });
        match result {
            Ok(value) => spoken(StatusCode::OK, &value),
            Err(error) => problem(&error),
        }
    })
    .await
}

/// The fields of a JSON object; what is no text is kept as JSON.
fn body_fields(body: &[u8]) -> Result<BTreeMap<String, String>, Oops> {
    if body.is_empty() {
        return Ok(BTreeMap::new());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object
            .into_iter()
            .map(|(name, value)| match value {
                Value::String(text) => (name, text),
                other => (name, other.to_string()),
            })
            .collect()),
        _ => Err(Oops::Bad("The body is no JSON object.".into())),
    }
}

/// The token of a request, if it is good for a scope.
pub fn token(hub: &Hub, headers: &HeaderMap, scope: &str) -> Result<Token, Oops> {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let secret = value.and_then(|value| value.strip_prefix("Bearer ")).ok_or(Oops::SignIn)?;
    let now_ms = hub.clock.now_ms();
    let token = hub.db.token(secret.trim(), now_ms)?.ok_or(Oops::SignIn)?;
    if !hub.api_calls.take(&token.id, now_ms) {
        return Err(Oops::TooMany);
    }
    if !token.scopes.split(' ').any(|given| given == scope) {
        return Err(Oops::Forbidden(format!("This token has not the scope `{scope}`.")));
    }
    Ok(token)
}

fn viewer(hub: &Hub, headers: &HeaderMap, scope: &str) -> Result<Viewer, Oops> {
    let token = token(hub, headers, scope)?;
    let user = hub.db.user(&token.user)?.ok_or(Oops::SignIn)?;
    Ok(Viewer {
        name: format!("{} ({})", token.name, user.name),
        user: user.id,
        role: user.role,
        method: "token".into(),
        session: String::new(),
        csrf: String::new(),
    })
}
