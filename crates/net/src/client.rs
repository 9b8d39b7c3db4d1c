//! The client.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{Read as _, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use spine::Digest;
use ureq::http::{HeaderMap, Response, header};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body, Proxy};

use crate::NetError;
use crate::address::{Address, shown};
use crate::limits::{
    CA_FILE_BYTES_MAX, CHUNK_BYTES, CONNECT_TIMEOUT, HEADER_BYTES_MAX, REDIRECTS_MAX,
    RESPONSE_TIMEOUT, STALL_TIMEOUT, TOTAL_TIMEOUT, VALIDATOR_BYTES_MAX,
};

/// How long each part of a fetch may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// To find the host, connect, and agree on TLS.
    pub connect: Duration,
    /// Until the headers of a response are there.
    pub response: Duration,
    /// How long a body may stand still.
    pub stall: Duration,
    /// One request in all, its body included.
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: CONNECT_TIMEOUT,
            response: RESPONSE_TIMEOUT,
            stall: STALL_TIMEOUT,
            total: TOTAL_TIMEOUT,
        }
    }
}

/// The settings of a client. Nothing is taken from the environment.
#[derive(Clone, Default)]
pub struct NetConfig {
    /// How long each part of a fetch may take.
    pub timeouts: Timeouts,
    /// What the client calls itself.
    pub user_agent: String,
    /// The only hosts it ever talks to, redirects included; names without ports.
    pub allowed_hosts: BTreeSet<String>,
    /// A PEM file of certificate authorities that are trusted beside the built-in ones.
    pub ca_file: Option<PathBuf>,
    /// A proxy, `http://[user:password@]host:port`.
    pub proxy: Option<String>,
}

impl fmt::Debug for NetConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetConfig")
            .field("timeouts", &self.timeouts)
            .field("user_agent", &self.user_agent)
            .field("allowed_hosts", &self.allowed_hosts)
            .field("ca_file", &self.ca_file)
            .field("proxy", &self.proxy.as_deref().map(|_| "***"))
            .finish()
    }
}

/// One thing to fetch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fetch<'a> {
    /// Where it is: https, or http to a loopback address.
    pub url: &'a str,
    /// The most bytes that are taken.
    pub max_bytes: u64,
    /// The entity tag of the copy that is already there (RFC 9110, section 8.8.3).
    pub etag: Option<&'a str>,
    /// The modification date of the copy that is already there, as the server wrote it.
    pub last_modified: Option<&'a str>,
    /// Hosts that a redirect may lead to beside the address's own. They must be among the allowed
    /// hosts too.
    pub redirect_hosts: &'a [&'a str],
}

/// What a fetch gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// The copy that is already there is still right.
    NotModified,
    /// The whole body was written.
    Body {
        /// Its bytes, as the server sent them.
        bytes: u64,
        /// Their SHA-256.
        sha256: Digest,
        /// The server's entity tag, to ask with the next time.
        etag: Option<String>,
        /// The server's modification date, to ask with the next time.
        last_modified: Option<String>,
    },
}

/// The client. It keeps no cookies and sends nothing about this machine.
#[derive(Debug)]
pub struct Client {
    allowed_hosts: BTreeSet<String>,
    /// Trusts the built-in authorities.
    agent: Agent,
    /// Trusts the owner's own; asked when the built-in ones do not vouch for a host.
    own_authorities: Option<Agent>,
}

impl Client {
    /// A client. Reads the file of certificate authorities, if one is named.
    pub fn new(config: NetConfig) -> Result<Self, NetError> {
        let proxy = config.proxy.as_deref().map(Proxy::new).transpose();
        let proxy = proxy.map_err(|_| {
            NetError::Config("the proxy is not an address such as `http://host:port`".into())
        })?;
        let certificates = config.ca_file.as_deref().map(read_authorities).transpose()?;
        let agent = |roots| agent(&config, proxy.clone(), roots);
        Ok(Self {
            agent: agent(RootCerts::WebPki),
            own_authorities: certificates.map(|list| agent(RootCerts::new_with_certs(&list))),
            allowed_hosts: config
                .allowed_hosts
                .into_iter()
                .map(|host| host.to_ascii_lowercase())
                .collect(),
        })
    }

    /// Fetches something into `out`. After an error, what was written to `out` is worth nothing.
    pub fn get(&self, fetch: &Fetch<'_>, out: &mut dyn Write) -> Result<Fetched, NetError> {
        let first = Address::parse(fetch.url)?;
        let mut address = first.clone();
        for _ in 0..=REDIRECTS_MAX {
            if !self.allowed_hosts.contains(&address.host) {
                return Err(NetError::HostNotAllowed { host: address.host });
            }
            let response = self.ask(&address, fetch)?;
            let status = response.status().as_u16();
            match status {
                200 => return receive(&address, response, fetch.max_bytes, out),
                304 if fetch.etag.is_some() || fetch.last_modified.is_some() => {
                    return Ok(Fetched::NotModified);
                }
                301 | 302 | 303 | 307 | 308 => {
                    address = follow(&first, &address, response.headers(), fetch)?;
                }
                _ => return Err(NetError::Status { url: address.text(), status }),
            }
        }
        Err(NetError::TooManyRedirects { url: first.text(), limit: REDIRECTS_MAX })
    }

    fn ask(&self, address: &Address, fetch: &Fetch<'_>) -> Result<Response<Body>, NetError> {
        match (call(&self.agent, address, fetch), &self.own_authorities) {
            (Err(NetError::Certificate { .. }), Some(own)) => call(own, address, fetch),
            (result, _) => result,
        }
    }
}

fn agent(config: &NetConfig, proxy: Option<Proxy>, roots: RootCerts) -> Agent {
    let timeouts = config.timeouts;
    Agent::config_builder()
        .tls_config(TlsConfig::builder().root_certs(roots).build())
        .proxy(proxy)
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(config.user_agent.as_str())
        .accept_encoding("identity")
        .max_response_header_size(HEADER_BYTES_MAX)
        .timeout_resolve(Some(timeouts.connect))
        .timeout_connect(Some(timeouts.connect))
        .timeout_recv_response(Some(timeouts.response))
        .timeout_per_read(Some(timeouts.stall))
        .timeout_global(Some(timeouts.total))
        .build()
        .into()
}

fn read_authorities(path: &Path) -> Result<Vec<Certificate<'static>>, NetError> {
    let wrong = |reason: &str| {
        NetError::Config(format!("the certificate file `{}`: {reason}", path.display()))
    };
    let mut pem = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(CA_FILE_BYTES_MAX + 1).read_to_end(&mut pem))
        .map_err(|error| wrong(&error.to_string()))?;
    if u64::try_from(pem.len()).is_ok_and(|bytes| bytes > CA_FILE_BYTES_MAX) {
        return Err(wrong("it has more than 4 MiB"));
    }
    let mut certificates = Vec::new();
    for item in parse_pem(&pem) {
        match item {
            Ok(PemItem::Certificate(certificate)) => certificates.push(certificate),
            Ok(_) => return Err(wrong("it holds something other than certificates")),
            Err(error) => return Err(wrong(&error.to_string())),
        }
    }
    if certificates.is_empty() { Err(wrong("it holds no certificate")) } else { Ok(certificates) }
}

fn call(agent: &Agent, address: &Address, fetch: &Fetch<'_>) -> Result<Response<Body>, NetError> {
    let mut request = agent.get(&address.uri);
    if let Some(etag) = fetch.etag {
        request = request.header(header::IF_NONE_MATCH, etag);
    }
    if let Some(date) = fetch.last_modified {
        request = request.header(header::IF_MODIFIED_SINCE, date);
    }
    if !address.secure {
        // This machine is reached without a proxy.
        request = request.config().proxy(None).build();
    }
    request.call().map_err(|error| NetError::from_ureq(address.text(), error))
}

/// Where a redirect leads, if it may.
fn follow(
    first: &Address,
    from: &Address,
    headers: &HeaderMap,
    fetch: &Fetch<'_>,
) -> Result<Address, NetError> {
    let location = text(headers, header::LOCATION)
        .ok_or_else(|| NetError::RedirectNowhere { url: from.text() })?;
    let next = from.redirect(location)?;
    let known = next.host == first.host
        || fetch.redirect_hosts.iter().any(|host| host.eq_ignore_ascii_case(&next.host));
    if known { Ok(next) } else { Err(NetError::RedirectHost { url: from.text(), host: next.host }) }
}

/// Takes a body in pieces, hashing and counting.
fn receive(
    address: &Address,
    mut response: Response<Body>,
    max_bytes: u64,
    out: &mut dyn Write,
) -> Result<Fetched, NetError> {
    let headers = response.headers();
    if let Some(encoding) = headers.get(header::CONTENT_ENCODING)
        && !encoding.as_bytes().eq_ignore_ascii_case(b"identity")
    {
        let encoding = shown(&String::from_utf8_lossy(encoding.as_bytes()));
        return Err(NetError::Encoding { url: address.text(), encoding });
    }
    let etag = validator(headers, header::ETAG);
    let last_modified = validator(headers, header::LAST_MODIFIED);
    let too_large = || NetError::TooLarge { url: address.text(), limit: max_bytes };
    let announced = response.body().content_length();
    if announced.is_some_and(|bytes| bytes > max_bytes) {
        return Err(too_large());
    }
    let mut hasher = Sha256::new();
    let mut received = 0_u64;
    let mut chunk = vec![0_u8; CHUNK_BYTES];
    let mut body = response.body_mut().as_reader();
    loop {
        let piece = match body.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => chunk.get(..count).unwrap_or_default(),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                return Err(NetError::Truncated { url: address.text(), received });
            }
            Err(error) => return Err(NetError::from_io(address.text(), error)),
        };
        received = received.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        if received > max_bytes {
            return Err(too_large());
        }
        hasher.update(piece);
        out.write_all(piece).map_err(NetError::Write)?;
    }
    if announced.is_some_and(|bytes| bytes != received) {
        return Err(NetError::Truncated { url: address.text(), received });
    }
    let sha256 = Digest(hasher.finalize().into());
    Ok(Fetched::Body { bytes: received, sha256, etag, last_modified })
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn validator(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    text(headers, name).filter(|text| text.len() <= VALIDATOR_BYTES_MAX).map(str::to_owned)
}
