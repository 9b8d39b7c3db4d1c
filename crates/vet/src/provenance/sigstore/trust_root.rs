//! What is trusted of a sigstore instance: its certificate authorities, its transparency logs and
//! its logs of certificates, each with the time for which it counts.

use serde::Deserialize;

use crate::provenance::bundle::{Base64, LogId, RawBytes};
use crate::provenance::{Certificate, ProvenanceError, PublicKey, limits};

/// The keys and certificates of one sigstore instance.
#[derive(Clone, Debug)]
pub struct TrustRoot {
    pub(super) logs: Vec<Log>,
    pub(super) certificate_logs: Vec<Log>,
    pub(super) authorities: Vec<Authority>,
}

/// A log and its key.
#[derive(Clone, Debug)]
pub(super) struct Log {
    pub id: Vec<u8>,
    pub key: PublicKey,
    pub valid: Span,
}

/// A certificate authority: the last certificate of its chain is the root.
#[derive(Clone, Debug)]
pub(super) struct Authority {
    pub roots: Vec<Certificate>,
    pub between: Vec<Certificate>,
    pub valid: Span,
}

/// Seconds since 1970, from and up to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub first_s: u64,
    pub last_s: u64,
}

impl Span {
    pub fn holds(self, time_s: u64) -> bool {
        (self.first_s..=self.last_s).contains(&time_s)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Json {
    media_type: String,
    #[serde(default)]
    tlogs: Vec<LogRow>,
    #[serde(default)]
    ctlogs: Vec<LogRow>,
    #[serde(default)]
    certificate_authorities: Vec<AuthorityRow>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogRow {
    public_key: KeyRow,
    log_id: LogId,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyRow {
    raw_bytes: Base64,
    #[serde(default)]
    valid_for: SpanRow,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AuthorityRow {
    cert_chain: ChainRow,
    #[serde(default)]
    valid_for: SpanRow,
}

#[derive(Deserialize)]
struct ChainRow {
    certificates: Vec<RawBytes>,
}

#[derive(Default, Deserialize)]
struct SpanRow {
    #[serde(default)]
    start: Option<jiff::Timestamp>,
    #[serde(default)]
    end: Option<jiff::Timestamp>,
}

impl SpanRow {
    fn span(&self) -> Span {
        let seconds = |time: jiff::Timestamp| u64::try_from(time.as_second()).unwrap_or(0);
        Span { first_s: self.start.map_or(0, seconds), last_s: self.end.map_or(u64::MAX, seconds) }
    }
}

impl TrustRoot {
    /// Reads a `trusted_root.json` (media type
    /// `application/vnd.dev.sigstore.trustedroot+json;version=0.1`, or `...trustedroot.v0.2+json`).
    /// Whoever calls has authenticated the file: by TUF, or by the hash that its owner pinned.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ProvenanceError> {
        let wrong = |reason: String| ProvenanceError::malformed("trust root", reason);
        limits::check("bytes of a trust root", bytes.len(), limits::TRUST_ROOT_BYTES_MAX)?;
        let json: Json = serde_json::from_slice(bytes).map_err(|e| wrong(e.to_string()))?;
        if !json.media_type.starts_with("application/vnd.dev.sigstore.trustedroot") {
            return Err(wrong(format!("it is a `{}`", json.media_type)));
        }
        let rows = [json.tlogs.len(), json.ctlogs.len(), json.certificate_authorities.len()];
        for count in rows {
            limits::check("rows of a trust root", count, limits::CERTIFICATES_MAX)?;
        }
        // A key of a kind that is not known here makes its log unknown, not the root unreadable.
        let logs = |rows: Vec<LogRow>| rows.into_iter().filter_map(log).collect();
        let authorities = json.certificate_authorities.iter().map(authority);
        Ok(Self {
            logs: logs(json.tlogs),
            certificate_logs: logs(json.ctlogs),
            authorities: authorities.collect::<Result<_, _>>()?,
        })
    }

    /// The log with this id that counted at that second.
    pub(super) fn log(&self, id: &[u8], time_s: u64) -> Option<&Log> {
        self.logs.iter().find(|log| log.id == id && log.valid.holds(time_s))
    }

    /// The log of certificates with this id that counted at that second.
    pub(super) fn certificate_log(&self, id: &[u8], time_s: u64) -> Option<&Log> {
        self.certificate_logs.iter().find(|log| log.id == id && log.valid.holds(time_s))
    }

    pub(super) fn authorities_at(&self, time_s: u64) -> impl Iterator<Item = &Authority> {
        self.authorities.iter().filter(move |authority| authority.valid.holds(time_s))
    }
}

fn log(row: LogRow) -> Option<Log> {
    let key = PublicKey::from_der(&row.public_key.raw_bytes.0).ok()?;
    Some(Log { id: row.log_id.key_id.0, key, valid: row.public_key.valid_for.span() })
}

fn authority(row: &AuthorityRow) -> Result<Authority, ProvenanceError> {
    let rows = row.cert_chain.certificates.iter();
    let mut between: Vec<Certificate> =
        rows.map(|raw| Certificate::from_der(&raw.raw_bytes.0)).collect::<Result<_, _>>()?;
    let root =
        between.pop().ok_or_else(|| ProvenanceError::malformed("trust root", "an empty chain"))?;
    Ok(Authority { roots: vec![root], between, valid: row.valid_for.span() })
}
