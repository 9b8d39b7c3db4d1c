//! Where feeds go: a seam, so that the store can be a database or, in tests, a map.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use spine::Digest;

/// The store failed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SinkError(pub String);

/// What is kept beside a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotMeta {
    /// The feed.
    pub feed: String,
    /// The address or the path it came from.
    pub origin: String,
    /// SHA-256 of what came; of several files, of the lines `digest  name`.
    pub sha256: Digest,
    /// Bytes of what came.
    pub bytes: u64,
    /// When it was taken in, milliseconds since the Unix epoch.
    pub taken_ms: i64,
    /// The last moment at which it was known to be the newest, milliseconds since the Unix epoch.
    pub as_of_ms: i64,
    /// The date that the feed itself carries, as it writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<String>,
    /// The server's entity tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// The server's modification date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
    /// Advisories and facts that were taken in.
    pub records: u64,
    /// What was skipped, by reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub skipped: BTreeMap<String, u64>,
}

/// One advisory for the store.
#[derive(Clone, Copy, Debug)]
pub struct AdvisoryRow<'a> {
    /// Its id.
    pub id: &'a str,
    /// When it last changed, as it writes it; may be empty.
    pub modified: &'a str,
    /// What it is about: OSV ecosystem and name, each pair once. The names are spelled as
    /// `patch::matching::normal_name` spells them.
    pub affected: &'a [(String, String)],
    /// The advisory: a [`StoredAdvisory`](super::stored::StoredAdvisory) as JSON.
    pub json: &'a [u8],
}

/// Takes snapshots in. Between `begin` and `commit` nothing of the new one is seen by readers, and
/// the last good one stays.
pub trait AdvisorySink {
    /// What is kept beside the live snapshot of a feed, if there is one.
    fn live(&self, feed: &str) -> Result<Option<SnapshotMeta>, SinkError>;
    /// Begins a new snapshot of a feed.
    fn begin(&mut self, feed: &str) -> Result<(), SinkError>;
    /// Adds an advisory.
    fn put_advisory(&mut self, row: &AdvisoryRow<'_>) -> Result<(), SinkError>;
    /// Adds what the feed says of a CVE; the same CVE and kind again replaces it.
    fn put_cve_fact(&mut self, cve: &str, kind: &str, json: &[u8]) -> Result<(), SinkError>;
    /// Makes the new snapshot the live one, at once and durably.
    fn commit(&mut self, meta: &SnapshotMeta) -> Result<(), SinkError>;
    /// Throws the new snapshot away.
    fn abandon(&mut self) -> Result<(), SinkError>;
    /// Replaces what is kept beside the live snapshot.
    fn touch(&mut self, meta: &SnapshotMeta) -> Result<(), SinkError>;
}
