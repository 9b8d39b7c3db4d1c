//! A conditional GET into a writer.

use std::collections::BTreeSet;
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use spine::Digest;
use ureq::http::{Response, StatusCode, header};
use ureq::tls::{PemItem, RootCerts, TlsConfig};
use ureq::{Body, Timeout};

use crate::address::Address;
use crate::body::{self, Coding, Stopped};
use crate::{NetError, limits};

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Finding the host, connecting to it and the TLS handshake.
    pub connect: Duration,
    /// Between two reads, and until the headers are there.
    pub read: Duration,
    /// One try in all.
    pub whole: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            read: Duration::from_secs(30),
            whole: Duration::from_mins(10),
        }
    }
}

/// What the owner set.
#[derive(Clone, Debug)]
pub struct NetConfig {
    /// How long things may take.
    pub timeouts: Timeouts,
    /// Body bytes where a request states no limit of its own.
    pub body_bytes_max: u64,
    /// What the client calls itself.
    pub user_agent: String,
    /// The hosts that may be asked, in lower case. Empty: none.
    pub hosts: BTreeSet<String>,
    /// The address of a proxy, such as `http://proxy.example:3128`. The environment is not asked.
    pub proxy: Option<String>,
    /// A PEM file of certificate authorities to trust **instead of** the built-in ones, for sites
    /// whose proxy opens TLS (such as `/etc/ssl/certs/ca-certificates.crt`).
    pub ca_file: Option<PathBuf>,
    /// How long to wait before each further try; its length is the number of further tries.
    pub backoff: Vec<Duration>,
}

impl Default for NetConfig {
    fn default() -> Self {
        Self {
            timeouts: Timeouts::default(),
            body_bytes_max: 64 << 20,
            user_agent: concat!("ringfort/", env!("CARGO_PKG_VERSION")).into(),
            hosts: BTreeSet::new(),
            proxy: None,
            ca_file: None,
            backoff: vec![Duration::from_secs(2), Duration::from_secs(8)],
        }
    }
}

/// One thing to fetch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fetch {
    /// The address.
    pub url: String,
    /// Body bytes, as received and as decompressed; `None`: as the client was set.
    pub body_bytes_max: Option<u64>,
    /// The `ETag` that came with what is already there.
    pub etag: Option<String>,
    /// The `Last-Modified` that came with what is already there.
    pub last_modified: Option<String>,
    /// The `Accept` header; `None`: anything.
    pub accept: Option<String>,
    /// Hosts that this one thing may be sent on to, beside those of the client.
    pub redirect_hosts: Vec<String>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// What is already there is still right (HTTP 304).
    NotModified,
    /// A body, which was written.
    Body(Received),
}

/// A body that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The address that it came from in the end.
    pub url: String,
    /// SHA-256 of what was written.
    pub sha256: Digest,
    /// Bytes that were written.
    pub bytes: u64,
    /// Bytes that were received, before decompression.
    pub wire_bytes: u64,
    /// `ETag`, for the next request.
    pub etag: Option<String>,
    /// `Last-Modified`, for the next request.
    pub last_modified: Option<String>,
    /// `Content-Type`.
    pub content_type: Option<String>,
}

/// The client.
pub struct Client {
    agent: ureq::Agent,
    config: NetConfig,
}

impl Client {
    /// A client as the owner set it.
    pub fn new(config: NetConfig) -> Result<Self, NetError> {
        let setting = |setting: &str, reason: String| NetError::Setting {
            setting: setting.to_owned(),
            reason,
        };
        let proxy = match &config.proxy {
            None => None,
            Some(url) => {
                Some(ureq::Proxy::new(url).map_err(|error| setting("proxy", error.to_string()))?)
            }
        };
        let roots = match &config.ca_file {
            None => RootCerts::WebPki,
            Some(path) => authorities(path)
                .map_err(|reason| setting("ca_file", format!("`{}`: {reason}", path.display())))?,
        };
        if config.backoff.len() >= limits::TRIES_MAX {
            let most = limits::TRIES_MAX - 1;
            return Err(setting("backoff", format!("it has more than {most} entries")));
        }
        let times = config.timeouts;
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(proxy)
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .user_agent(config.user_agent.as_str())
            .max_response_header_size(limits::HEADER_BYTES_MAX)
            .max_idle_connections(0)
            .timeout_resolve(Some(times.connect))
            .timeout_connect(Some(times.connect))
            .timeout_recv_response(Some(times.read))
            .timeout_per_read(Some(times.read))
            .timeout_global(Some(times.whole))
            .build()
            .into();
        Ok(Self { agent, config })
    }

    /// Fetches one thing into `out`. Tries again (after the waits that the owner set) where that
    /// may help and nothing was written yet; `out` is only complete when this returns a body.
    pub fn get(&self, fetch: &Fetch, out: &mut dyn Write) -> Result<Fetched, NetError> {
        let mut waits = self.config.backoff.iter();
        loop {
            match self.try_once(fetch, out) {
                Ok(fetched) => return Ok(fetched),
                Err(Stopped { error, wrote }) => match waits.next() {
                    Some(wait) if error.is_passing() && !wrote => std::thread::sleep(*wait),
                    _ => return Err(error),
                },
            }
        }
    }

    fn try_once(&self, fetch: &Fetch, out: &mut dyn Write) -> Result<Fetched, Stopped> {
        let (address, mut response) = self.follow(fetch).map_err(early)?;
        let url = address.to_string();
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_MODIFIED if fetch.etag.is_some() || fetch.last_modified.is_some() => {
                return Ok(Fetched::NotModified);
            }
            status => return Err(early(NetError::Status { url, status: status.as_u16() })),
        }
        let coding = coding(&url, &response).map_err(early)?;
        let text = |name| short_text(&response, &name);
        let (etag, last_modified) = (text(header::ETAG), text(header::LAST_MODIFIED));
        let content_type = text(header::CONTENT_TYPE);
        let stated = text(header::CONTENT_LENGTH).and_then(|length| length.parse().ok());
        let limit = fetch.body_bytes_max.unwrap_or(self.config.body_bytes_max);
        let explain = |error: io::Error| self.explain(&url, ureq::Error::from(error));
        let from = response.body_mut().as_reader();
        let copied = body::copy(&url, from, coding, (stated, limit), out, &explain)?;
        Ok(Fetched::Body(Received {
            sha256: copied.sha256,
            bytes: copied.bytes,
            wire_bytes: copied.wire_bytes,
            etag,
            last_modified,
            content_type,
            url,
        }))
    }

    /// Asks, and asks again where the server says, within the lists of hosts.
    fn follow(&self, fetch: &Fetch) -> Result<(Address, Response<Body>), NetError> {
        let mut address = Address::parse(&fetch.url)?;
        address.check_host(&self.config.hosts, &[])?;
        for _ in 0..=limits::REDIRECTS_MAX {
            let response = self.ask(&address, fetch)?;
            let redirects = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
            if !redirects {
                return Ok((address, response));
            }
            let location = response.headers().get(header::LOCATION);
            let location = location.and_then(|value| value.to_str().ok()).unwrap_or_default();
            if location.is_empty() {
                let reason = "it sends the request on and does not say where to".into();
                return Err(NetError::Protocol { url: address.to_string(), reason });
            }
            address = address.follow(location)?;
            address.check_host(&self.config.hosts, &fetch.redirect_hosts)?;
        }
        let limit = limits::REDIRECTS_MAX;
        Err(NetError::TooManyRedirects { url: fetch.url.clone(), limit })
    }

    fn ask(&self, address: &Address, fetch: &Fetch) -> Result<Response<Body>, NetError> {
        let mut request = self.agent.get(address.uri()).header(header::ACCEPT_ENCODING, "gzip");
        let conditions = [
            (header::ACCEPT, &fetch.accept),
            (header::IF_NONE_MATCH, &fetch.etag),
            (header::IF_MODIFIED_SINCE, &fetch.last_modified),
        ];
        for (name, value) in conditions {
            if let Some(value) = value {
                request = request.header(name, value.as_str());
            }
        }
        request.call().map_err(|error| self.explain(&address.to_string(), error))
    }

    fn explain(&self, url: &str, error: ureq::Error) -> NetError {
        let url = url.to_owned();
        let times = self.config.timeouts;
        match error {
            ureq::Error::Timeout(timeout) => {
                let (phase, limit) = match timeout {
                    Timeout::Global | Timeout::PerCall => ("in all", times.whole),
                    Timeout::Resolve => ("finding the host", times.connect),
                    Timeout::Connect => ("connecting", times.connect),
                    Timeout::RecvResponse => ("waiting for the headers", times.read),
                    _ => ("between two reads", times.read),
                };
                NetError::TimedOut { url, phase, limit }
            }
            ureq::Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                NetError::CutShort { url, got: 0, expected: "the stated length".into() }
            }
            ureq::Error::Protocol(reason) => NetError::Protocol { url, reason: reason.to_string() },
            ureq::Error::LargeResponseHeader(_, limit) => {
                let reason = format!("the headers are over the limit of {limit} bytes");
                NetError::Protocol { url, reason }
            }
            ureq::Error::Http(reason) => NetError::Protocol { url, reason: reason.to_string() },
            other => NetError::Unreachable { url, reason: other.to_string() },
        }
    }
}

fn early(error: NetError) -> Stopped {
    Stopped { error, wrote: false }
}

/// The coding of the body; one that was not asked for is refused rather than guessed at.
fn coding(url: &str, response: &Response<Body>) -> Result<Coding, NetError> {
    let mut codings = response.headers().get_all(header::CONTENT_ENCODING).iter();
    let first = codings.next().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let unknown = |reason: String| Err(NetError::Coding { url: url.to_owned(), reason });
    if codings.next().is_some() {
        return unknown("it is coded more than once".into());
    }
    match first.as_deref().map(str::trim) {
        None | Some("" | "identity") => Ok(Coding::Identity),
        Some("gzip" | "x-gzip") => Ok(Coding::Gzip),
        Some(other) => {
            let other: String = other.chars().take(80).collect();
            unknown(format!("its coding is `{other}`"))
        }
    }
}

/// A header's value, if it is short and plain text.
fn short_text(response: &Response<Body>, name: &header::HeaderName) -> Option<String> {
    let value = response.headers().get(name)?.to_str().ok()?;
    (value.len() <= limits::VALIDATOR_BYTES_MAX).then(|| value.to_owned())
}

/// The certificate authorities of a PEM file.
fn authorities(path: &Path) -> Result<RootCerts, String> {
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let mut pem = Vec::new();
    let read = file.take(limits::CA_BYTES_MAX + 1).read_to_end(&mut pem);
    read.map_err(|error| error.to_string())?;
    if pem.len() as u64 > limits::CA_BYTES_MAX {
        return Err(format!("it is over the limit of {} bytes", limits::CA_BYTES_MAX));
    }
    let mut certificates = Vec::new();
    for item in ureq::tls::parse_pem(&pem) {
        if let PemItem::Certificate(certificate) = item.map_err(|error| error.to_string())? {
            certificates.push(certificate);
        }
        if certificates.len() > limits::CA_CERTIFICATES_MAX {
            return Err(format!("it has more than {} certificates", limits::CA_CERTIFICATES_MAX));
        }
    }
    if certificates.is_empty() {
        return Err("it holds no certificate".into());
    }
    Ok(RootCerts::from(certificates))
}
