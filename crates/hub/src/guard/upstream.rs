//! Connections to the model's server: a small pool over HTTP/1.1, with TLS or without.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, header};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::ANSWER_TIMEOUT;

/// Connections that are kept open while nobody uses them.
const IDLE_MAX: usize = 128;
/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The model's server.
pub struct Upstream {
    host: String,
    port: u16,
    /// What stands before `/v1` in its paths, or the path up to and with `/v1`.
    base: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    authority: HeaderValue,
    idle: Mutex<Vec<SendRequest<Body>>>,
}

fn wrong(reason: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, reason.to_string())
}

impl Upstream {
    /// A server by its address, such as `http://127.0.0.1:8000/v1`. `ca` are roots in PEM in place
    /// of the public ones.
    ///
    /// # Errors
    ///
    /// It is no address of http or https, or has a user name, a query or a fragment.
    pub fn new(address: &str, ca: Option<&[u8]>) -> io::Result<Self> {
        let uri: Uri = address.parse().map_err(|_| wrong("it is no address"))?;
        let authority = uri.authority().ok_or_else(|| wrong("it has no host"))?;
        if authority.as_str().contains('@') || uri.query().is_some() || address.contains('#') {
            return Err(wrong("it has a user name, a query or a fragment"));
        }
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong("it begins with neither `http://` nor `https://`")),
        };
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let port = authority.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let name = || ServerName::try_from(host.clone()).map_err(wrong);
        let tls = if secure { Some((connector(ca)?, name()?)) } else { None };
        Ok(Self {
            authority: HeaderValue::from_str(authority.as_str()).map_err(wrong)?,
            base: uri.path().trim_end_matches('/').to_owned(),
            host,
            port,
            tls,
            idle: Mutex::default(),
        })
    }

    /// Whether what is asked goes over a network in the open.
    pub fn is_in_the_open(&self) -> bool {
        let here = self.host == "localhost"
            || self.host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        self.tls.is_none() && !here
    }

    /// The path at the server for a path at the guard, which begins with `/v1`.
    fn path(&self, path: &str) -> String {
        let below = path.strip_prefix("/v1").filter(|_| self.base.ends_with("/v1"));
        format!("{}{}", self.base, below.unwrap_or(path))
    }

    /// Asks, and gives the answer as soon as its head is there.
    pub async fn ask(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        body: Bytes,
    ) -> io::Result<Response<hyper::body::Incoming>> {
        loop {
            let (mut sender, fresh) = match self.kept() {
                Some(sender) => (sender, false),
                None => (self.connect().await?, true),
            };
            let request = self.request(method, path, headers, body.clone())?;
            let answer = tokio::time::timeout(ANSWER_TIMEOUT, sender.send_request(request)).await;
            match answer {
                Ok(Ok(response)) => {
                    self.keep(sender);
                    return Ok(response);
                }
                // A connection that was kept may have been closed meanwhile; ask on a new one.
                Ok(Err(error)) if !fresh && (error.is_canceled() || error.is_closed()) => {}
                Ok(Err(error)) => return Err(io::Error::other(error)),
                Err(_) => return Err(io::ErrorKind::TimedOut.into()),
            }
        }
    }

    fn request(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        body: Bytes,
    ) -> io::Result<Request<Body>> {
        let mut request = Request::new(Body::from(body));
        *request.method_mut() = method.clone();
        *request.uri_mut() = self.path(path).parse().map_err(|_| wrong("the path is none"))?;
        let kept = headers.iter().filter(|(name, _)| !is_own(name));
        request.headers_mut().extend(kept.map(|(name, value)| (name.clone(), value.clone())));
        request.headers_mut().insert(header::HOST, self.authority.clone());
        // What is compressed cannot be judged while it comes.
        let plain = HeaderValue::from_static("identity");
        request.headers_mut().insert(header::ACCEPT_ENCODING, plain);
        Ok(request)
    }

    fn kept(&self) -> Option<SendRequest<Body>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|sender| !sender.is_closed());
        let ready = idle.iter().position(SendRequest::is_ready)?;
        Some(idle.swap_remove(ready))
    }

    fn keep(&self, sender: SendRequest<Body>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX {
            idle.push(sender);
        }
    }

    async fn connect(&self) -> io::Result<SendRequest<Body>> {
        let connecting = TcpStream::connect((self.host.as_str(), self.port));
        let stream = tokio::time::timeout(CONNECT_TIMEOUT, connecting).await??;
        stream.set_nodelay(true)?;
        let Some((connector, name)) = &self.tls else {
            return begin(TokioIo::new(stream)).await;
        };
        let secured = connector.connect(name.clone(), stream);
        begin(TokioIo::new(tokio::time::timeout(CONNECT_TIMEOUT, secured).await??)).await
    }
}

async fn begin<T>(stream: T) -> io::Result<SendRequest<Body>>
where
    T: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (sender, connection) = handshake(stream).await.map_err(io::Error::other)?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection to the model's server ended");
        }
    });
    Ok(sender)
}

/// Headers that belong to one connection, or that the guard sets itself.
pub(super) fn is_own(name: &header::HeaderName) -> bool {
    const OWN: [header::HeaderName; 10] = [
        header::HOST,
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
        header::ACCEPT_ENCODING,
        header::TE,
        header::TRAILER,
        header::UPGRADE,
        header::PROXY_AUTHORIZATION,
        header::EXPECT,
    ];
    OWN.contains(name) || name.as_str() == "keep-alive" || name.as_str() == "proxy-connection"
}

fn connector(ca: Option<&[u8]>) -> io::Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                roots.add(certificate.map_err(wrong)?).map_err(wrong)?;
            }
        }
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(wrong)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_with_and_without_v1_lead_to_the_same_place() {
        for address in ["http://127.0.0.1:8000/v1/", "http://127.0.0.1:8000"] {
            let upstream = Upstream::new(address, None).unwrap();
            assert_eq!(upstream.path("/v1/chat/completions"), "/v1/chat/completions");
        }
        let upstream = Upstream::new("https://a.example/openai/v1", None).unwrap();
        assert_eq!(upstream.path("/v1/models"), "/openai/v1/models");
        assert!(!upstream.is_in_the_open());
        assert!(Upstream::new("http://192.0.2.1", None).unwrap().is_in_the_open());
        for bad in ["ftp://a.example", "http://u@a.example", "a", "http://a.example/?x"] {
            assert!(Upstream::new(bad, None).is_err(), "{bad}");
        }
    }
}
