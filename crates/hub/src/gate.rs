//! The one gate before every page: which names the page answers to, who is signed in, whether a
//! form was sent by our own page, who may do what, how often, and which headers go out.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{ConnectInfo, RawPathParams, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next as Onward;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use maud::html;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::hub::Hub;
use crate::limits;
use crate::look::layout;
use crate::web::{Act, Ask, File, Next, Oops, Page, View, Viewer};

/// The cookie of a session. The prefix makes browsers refuse it unless it is secure and of exactly
/// this host.
pub const COOKIE: &str = "__Host-ringfort";

/// No script, style, image, frame or connection but our own, and nothing inline.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

const HEADERS: [(&str, &str); 8] = [
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    // Not `no-referrer`: with that, browsers hide the origin of our own forms from us.
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "permissions-policy",
        "publickey-credentials-get=(self), publickey-credentials-create=(self), camera=(), \
         microphone=(), geolocation=(), payment=(), usb=()",
    ),
    ("x-robots-tag", "noindex"),
];

/// Puts the headers on every answer, and refuses requests for another name (DNS rebinding).
pub async fn guard(State(hub): State<Arc<Hub>>, request: Request, onward: Onward) -> Response {
    let named = request.headers().get(header::HOST).and_then(|value| value.to_str().ok());
    let named = named.or_else(|| request.uri().authority().map(axum::http::uri::Authority::as_str));
    let mut response = if named.is_some_and(|name| answers_to(&hub, name)) {
        match tokio::time::timeout(limits::ANSWER_TIMEOUT, onward.run(request)).await {
            Ok(response) => response,
            Err(_) => StatusCode::GATEWAY_TIMEOUT.into_response(),
        }
    } else {
        (StatusCode::MISDIRECTED_REQUEST, "This page does not answer to that name.\n")
            .into_response()
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if hub.config.tls.is_some() {
        let value = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, value);
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

fn answers_to(hub: &Hub, named: &str) -> bool {
    let host = match named.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => named,
    };
    let host = host.to_ascii_lowercase();
    let loopback = hub.config.listen.ip().is_loopback();
    host == hub.config.name
        || (loopback && matches!(host.as_str(), "localhost" | "127.0.0.1" | "[::1]"))
}

/// What is asked, before it is known who asks.
struct Asked {
    headers: HeaderMap,
    path: BTreeMap<String, String>,
    query: BTreeMap<String, String>,
    address: String,
}

impl Asked {
    fn new(params: &RawPathParams, address: SocketAddr, request: &Request) -> Self {
        let path = params.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let query = request.uri().query().unwrap_or_default();
        Self {
            headers: request.headers().clone(),
            path: path.collect(),
            query: fields(query.as_bytes()),
            address: address.ip().to_string(),
        }
    }

    fn ask<'a>(self, hub: &'a Arc<Hub>, here: &'static str, viewer: Option<Viewer>) -> Ask<'a> {
        let agent = self.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        Ask {
            hub,
            viewer,
            here,
            path: self.path,
            query: self.query,
            form: BTreeMap::new(),
            address: self.address,
            agent: agent.unwrap_or_default().chars().take(200).collect(),
            now_ms: hub.clock.now_ms(),
        }
    }
}

/// The fields of a query or a form. The first of a name counts.
pub fn fields(bytes: &[u8]) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(bytes) {
        fields.entry(name.into_owned()).or_insert_with(|| value.into_owned());
    }
    fields
}

/// Shows a page.
pub async fn show(
    State((hub, page)): State<(Arc<Hub>, &'static Page)>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    params: RawPathParams,
    request: Request,
) -> Response {
    let asked = Asked::new(&params, address, &request);
    blocking(move || {
        let viewer = viewer(&hub, &asked.headers);
        let ask = asked.ask(&hub, page.path, viewer.unwrap_or(None));
        if let Some(needed) = page.sees {
            if ask.viewer.is_none() {
                return Redirect::to("/sign-in").into_response();
            }
            if !ask.may(needed) {
                return oops(&ask, &forbidden(needed));
            }
        }
        match (page.view)(&ask) {
            Ok(view) => whole(StatusCode::OK, &ask, &view),
            Err(error) => oops(&ask, &error),
        }
    })
    .await
}

/// Does something that was asked for by a form.
pub async fn act(
    State((hub, page, act)): State<(Arc<Hub>, &'static Page, &'static Act)>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    params: RawPathParams,
    request: Request,
) -> Response {
    let asked = Asked::new(&params, address, &request);
    let bytes = axum::body::to_bytes(request.into_body(), limits::BODY_BYTES_MAX).await;
    blocking(move || {
        let viewer = viewer(&hub, &asked.headers);
        let headers = asked.headers.clone();
        let mut ask = asked.ask(&hub, page.path, viewer.unwrap_or(None));
        let result = bytes
            .map_err(|_| Oops::Bad("The form is too large.".into()))
            .and_then(|bytes| {
                ask.form = fields(&bytes);
                check_act(&ask, act, &headers)
            })
            .and_then(|()| (act.run)(&ask));
        match result {
            Ok(next) => follow(&ask, next),
            Err(error) => oops(&ask, &error),
        }
    })
    .await
}

fn check_act(ask: &Ask<'_>, act: &Act, headers: &HeaderMap) -> Result<(), Oops> {
    if !is_our_own(ask.hub, headers) {
        return Err(Oops::Forbidden("This form was not sent by this page.".into()));
    }
    if let Some(needed) = act.needs {
        let viewer = ask.viewer()?;
        let given = ask.form.get("csrf").map_or("", String::as_str);
        if !bool::from(given.as_bytes().ct_eq(viewer.csrf.as_bytes())) {
            let text = "This form is from an earlier sign-in. Load the page again.";
            return Err(Oops::Forbidden(text.into()));
        }
        if !ask.hub.changes.take(&viewer.session, ask.now_ms) {
            return Err(Oops::TooMany);
        }
        if !ask.may(needed) {
            return Err(forbidden(needed));
        }
    }
    Ok(())
}

fn forbidden(needed: crate::role::Role) -> Oops {
    Oops::Forbidden(format!("This needs the role {needed}: who has it {}.", needed.meaning()))
}

/// Whether the browser says that our own page sent this. A request without both headers comes from
/// no browser that keeps our cookie.
pub fn is_our_own(hub: &Hub, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let site = text("sec-fetch-site");
    let origin = text("origin");
    match (site, origin) {
        (Some(site), _) if site != "same-origin" && site != "none" => false,
        (_, Some(origin)) => origin == hub.origin || is_own_loopback(hub, origin),
        (site, None) => site.is_some(),
    }
}

/// The same page by another name of this machine: signing in works there, passkeys do not.
fn is_own_loopback(hub: &Hub, origin: &str) -> bool {
    let port = hub.origin.rsplit(':').next().unwrap_or_default();
    hub.config.listen.ip().is_loopback()
        && ["127.0.0.1", "[::1]", "localhost"]
            .iter()
            .any(|host| origin == format!("http://{host}:{port}"))
}

/// Who is signed in by the cookie.
pub fn viewer(hub: &Hub, headers: &HeaderMap) -> Result<Option<Viewer>, Oops> {
    let Some(secret) = cookie(headers) else { return Ok(None) };
    let now_ms = hub.clock.now_ms();
    let Some(session) = hub.db.session(&secret, now_ms, limits::SESSION_IDLE_MS)? else {
        return Ok(None);
    };
    let Some(user) = hub.db.user(&session.user)? else { return Ok(None) };
    if now_ms.saturating_sub(session.seen_ms) >= limits::SESSION_TOUCH_MS {
        hub.db.touch_session(&session.hash, now_ms)?;
        hub.db.spent_a_minute(now_ms)?;
    }
    Ok(Some(Viewer {
        user: user.id,
        name: user.name,
        role: user.role,
        method: session.method,
        session: session.hash,
        csrf: csrf_of(&secret),
    }))
}

/// The token of a session's forms: it can be computed from the cookie only.
fn csrf_of(secret: &str) -> String {
    hex::encode(Sha256::digest(format!("ringfort/csrf/v1\n{secret}")))
}

fn cookie(headers: &HeaderMap) -> Option<String> {
    let mut found = None;
    for value in headers.get_all(header::COOKIE) {
        for pair in value.to_str().ok()?.split(';') {
            if let Some((name, value)) = pair.trim().split_once('=')
                && name == COOKIE
            {
                found = Some(value.to_owned()).filter(|text| text.len() == 64);
            }
        }
    }
    found
}

fn follow(ask: &Ask<'_>, next: Next) -> Response {
    let cookie = |value: &str, age_s: i64| {
        let text =
            format!("{COOKIE}={value}; Path=/; Max-Age={age_s}; Secure; HttpOnly; SameSite=Lax");
        HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
    };
    match next {
        Next::See(path) => Redirect::to(&path).into_response(),
        Next::Show(view) => whole(StatusCode::OK, ask, &view),
        Next::Send(file) => sent(file),
        Next::SignIn(secret, path) => {
            let mut response = Redirect::to(&path).into_response();
            let value = cookie(&secret, limits::SESSION_MS / 1_000);
            response.headers_mut().insert(header::SET_COOKIE, value);
            response
        }
        Next::SignOut => {
            let mut response = Redirect::to("/sign-in").into_response();
            response.headers_mut().insert(header::SET_COOKIE, cookie("", 0));
            response
        }
    }
}

/// A file that a browser keeps and never shows as a page of ours.
fn sent(file: File) -> Response {
    let named = HeaderValue::from_str(&format!("attachment; filename=\"{}\"", file.name));
    let named = named.unwrap_or_else(|_| HeaderValue::from_static("attachment"));
    let kind = HeaderValue::from_static(file.kind);
    ([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, named)], file.bytes)
        .into_response()
}

fn whole(status: StatusCode, ask: &Ask<'_>, view: &View) -> Response {
    (status, Html(layout::page(ask, view).into_string())).into_response()
}

/// A page that says what is wrong and what to do.
pub fn oops(ask: &Ask<'_>, error: &Oops) -> Response {
    if matches!(error, Oops::SignIn) {
        return Redirect::to("/sign-in").into_response();
    }
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if status.is_server_error() {
        tracing::error!(%error, path = ask.here, "a page failed");
    }
    let body = html! {
        h1 { "This did not work" }
        p.lead { (crate::look::foreign::Foreign(&error.shown())) }
        p { a href="/" { "Back to today" } }
    };
    whole(status, ask, &View::new("This did not work", body))
}

/// Whoever asks for what is not there.
pub async fn nowhere(State(hub): State<Arc<Hub>>, method: Method, headers: HeaderMap) -> Response {
    blocking(move || {
        let asked = Asked {
            headers: headers.clone(),
            path: BTreeMap::new(),
            query: BTreeMap::new(),
            address: String::new(),
        };
        let viewer = viewer(&hub, &headers).unwrap_or(None);
        if viewer.is_none() && method == Method::GET {
            return Redirect::to("/sign-in").into_response();
        }
        oops(&asked.ask(&hub, "", viewer), &Oops::NotFound("page"))
    })
    .await
}

/// Runs what may wait for a disk on a thread that may wait.
pub async fn blocking(work: impl FnOnce() -> Response + Send + 'static) -> Response {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        tracing::error!(%error, "a page broke off");
        let text = "Something went wrong here. The log of the hub says what.\n";
        (StatusCode::INTERNAL_SERVER_ERROR, Body::from(text)).into_response()
    })
}
