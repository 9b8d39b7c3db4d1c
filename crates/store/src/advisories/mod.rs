//! Advisories and facts about CVEs, from feeds: one SQLite file of its own, so that it can be
//! thrown away and fetched again.
//!
//! A feed informs and ranks; it never authorises. The bytes of an advisory are kept as they came
//! and given back as they came; what they mean is for others to say.

mod import;

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _};
use serde::{Deserialize, Serialize};
use spine::{CanonicalError, canonical_json};

use crate::database::{Access, DatabaseError, Log, Schema, atomically};

pub use import::SnapshotWriter;

const SCHEMA: Schema = Schema {
    name: "feeds",
    application_id: 0x5246_4644, // "RFFD"
    migrations: &[include_str!("../../migrations/feeds/001.sql")],
    log: Log::Merged,
};

/// Why advisories could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum AdvisoryError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A record passes a limit. The snapshot can go on without it; count it as skipped.
    #[error("`{id}` has {size} {what}; at most {limit} are taken")]
    TooLarge {
        /// The advisory or the CVE, cut to 80 characters.
        id: String,
        /// What there is too much of.
        what: &'static str,
        /// How much there is.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// There are more advisories than one snapshot holds.
    #[error("the snapshot holds as many advisories as it can")]
    TooMany,
    /// Another import of the same feed began after this one.
    #[error("another import of the feed `{0}` began meanwhile; this one was dropped")]
    Overtaken(String),
    /// The snapshot's data are of another feed than the one it was begun for.
    #[error("the snapshot is of the feed `{begun}`, not `{given}`")]
    OtherFeed {
        /// The feed it was begun for.
        begun: String,
        /// The feed that was given.
        given: String,
    },
    /// A stored record cannot be unpacked or read.
    #[error("the stored record `{id}` is damaged: {reason}")]
    Damaged {
        /// The advisory or the feed.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The snapshot's data have no canonical form.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
}

impl From<rusqlite::Error> for AdvisoryError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Where a snapshot came from and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotMeta {
    /// The feed, such as `osv/crates.io` or `kev`.
    pub feed: String,
    /// SHA-256 of what was fetched, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// When it was fetched, or last found to be unchanged, milliseconds since the Unix epoch.
    pub fetched_ms: i64,
    /// When its publisher says it was made, milliseconds since the Unix epoch.
    pub published_ms: Option<i64>,
    /// The address or the folder that it came from.
    pub origin: String,
    /// Records that were taken.
    pub records: u64,
    /// The publisher's HTTP `ETag`, for the next conditional request.
    pub etag: Option<String>,
    /// The publisher's HTTP `Last-Modified`, for the next conditional request.
    pub last_modified: Option<String>,
    /// Records that were not taken: malformed, or past a limit.
    pub skipped: u64,
    /// What the importer keeps beside, in its own shape.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub details: serde_json::Map<String, serde_json::Value>,
}

/// What kind of fact a feed states about a CVE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CveFactKind {
    /// CISA's catalogue of known exploited vulnerabilities.
    Kev,
    /// FIRST's exploit prediction score.
    Epss,
    /// SSVC decision points, as in CISA's vulnrichment.
    Ssvc,
}

impl CveFactKind {
    const ALL: [Self; 3] = [Self::Kev, Self::Epss, Self::Ssvc];

    const fn name(self) -> &'static str {
        match self {
            Self::Kev => "kev",
            Self::Epss => "epss",
            Self::Ssvc => "ssvc",
        }
    }
}

/// What a feed states about a CVE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CveFact {
    /// What kind of fact it is.
    pub kind: CveFactKind,
    /// The feed that states it.
    pub feed: String,
    /// The statement, as it was put in.
    pub json: Vec<u8>,
}

/// Advisories and facts about CVEs in one SQLite file. Each thread opens its own.
pub struct AdvisoryStore {
    connection: Connection,
    unpacker: RefCell<zstd::bulk::Decompressor<'static>>,
}

impl AdvisoryStore {
    /// Opens the store, making it if it is not there.
    pub fn open(path: &Path) -> Result<Self, AdvisoryError> {
        Self::with(SCHEMA.open(path, Access::Write)?)
    }

    /// Opens the store for reading only: nothing is made and nothing is migrated.
    pub fn open_read_only(path: &Path) -> Result<Self, AdvisoryError> {
        Self::with(SCHEMA.open(path, Access::Read)?)
    }

    fn with(connection: Connection) -> Result<Self, AdvisoryError> {
        let unpacker = zstd::bulk::Decompressor::new().map_err(|source| DatabaseError::Io {
            path: std::path::PathBuf::from("zstd"),
            source,
        })?;
        Ok(Self { connection, unpacker: RefCell::new(unpacker) })
    }

    /// Begins to fill a new snapshot of a feed. The one that is live stays until
    /// [`SnapshotWriter::commit`], and for good if that is never reached.
    pub fn begin_snapshot(&mut self, feed: &str) -> Result<SnapshotWriter<'_>, AdvisoryError> {
        SnapshotWriter::begin(&self.connection, feed)
    }

    /// Records that a feed was asked again and had nothing newer. Returns whether the feed has a
    /// snapshot.
    pub fn mark_checked(&mut self, feed: &str, fetched_ms: i64) -> Result<bool, AdvisoryError> {
        atomically(&self.connection, || {
            let Some(mut meta) = self.snapshots()?.into_iter().find(|meta| meta.feed == feed)
            else {
                return Ok(false);
            };
            meta.fetched_ms = fetched_ms;
            self.connection.execute(
                "UPDATE snapshots SET meta = ?2 WHERE feed = ?1 AND meta IS NOT NULL",
                (feed, document(&meta)?),
            )?;
            Ok(true)
        })
    }

    /// The live snapshots, by feed.
    pub fn snapshots(&self) -> Result<Vec<SnapshotMeta>, AdvisoryError> {
        let sql = "SELECT feed, meta FROM snapshots WHERE meta IS NOT NULL ORDER BY feed";
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.map(|row| {
            let (id, meta): (String, String) = row?;
            serde_json::from_str(&meta)
                .map_err(|error| AdvisoryError::Damaged { id, reason: error.to_string() })
        })
        .collect()
    }

    /// The ecosystems that live snapshots have advisories for, sorted. A package of any other
    /// ecosystem is unknown, not unaffected.
    pub fn ecosystems(&self) -> Result<Vec<String>, AdvisoryError> {
        let sql = "SELECT DISTINCT ecosystem FROM live_ecosystems ORDER BY ecosystem";
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<Vec<String>, rusqlite::Error>>()?)
    }

    /// The advisories that name a package, by id, each as it was put in. Names are compared byte
    /// by byte: whoever puts and looks up spells them the same way.
    pub fn lookup(&self, ecosystem: &str, package: &str) -> Result<Vec<Vec<u8>>, AdvisoryError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT b.id, b.unpacked_bytes, b.json
             FROM live_ecosystems AS live
             JOIN affected AS a ON a.snapshot = live.snapshot AND a.ecosystem = live.ecosystem
             JOIN bodies AS b ON b.body = a.body
             WHERE live.ecosystem = ?1 AND a.package = ?2
             ORDER BY b.id, b.body",
        )?;
        let mut rows = statement.query([ecosystem, package])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let json = row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
            let unpacked: Option<i64> = row.get(1)?;
            found.push(match unpacked {
                None => json.to_vec(),
                Some(bytes) => self.unpack(json, bytes).map_err(|reason| {
                    let id = row.get(0).unwrap_or_default();
                    AdvisoryError::Damaged { id, reason }
                })?,
            });
        }
        Ok(found)
    }

    fn unpack(&self, json: &[u8], bytes: i64) -> Result<Vec<u8>, String> {
        let size = usize::try_from(bytes).unwrap_or(usize::MAX);
        if size > crate::limits::ADVISORY_BYTES_MAX {
            return Err(format!("it says it has {bytes} bytes"));
        }
        let unpacked =
            self.unpacker.borrow_mut().decompress(json, size).map_err(|error| error.to_string())?;
        if unpacked.len() == size {
            Ok(unpacked)
        } else {
            Err(format!("it has {} bytes instead of {size}", unpacked.len()))
        }
    }

    /// What feeds state about some CVEs, by CVE; a CVE that no feed speaks of has no entry.
    pub fn cve_facts<T: AsRef<str>>(
        &self,
        cves: &[T],
    ) -> Result<BTreeMap<String, Vec<CveFact>>, AdvisoryError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT s.feed, f.json
             FROM live_kinds AS live
             JOIN snapshots AS s ON s.snapshot = live.snapshot
             JOIN cve_facts AS f ON f.snapshot = live.snapshot AND f.kind = live.kind
             WHERE live.kind = ?1 AND f.cve = ?2
             ORDER BY s.feed",
        )?;
        let mut facts: BTreeMap<String, Vec<CveFact>> = BTreeMap::new();
        for cve in cves {
            let cve = cve.as_ref();
            if facts.contains_key(cve) {
                continue;
            }
            let mut found = Vec::new();
            for kind in CveFactKind::ALL {
                let rows = statement.query_map([kind.name(), cve], |row| {
                    Ok(CveFact { kind, feed: row.get(0)?, json: row.get(1)? })
                })?;
                for fact in rows {
                    found.push(fact?);
                }
            }
            if !found.is_empty() {
                facts.insert(cve.to_owned(), found);
            }
        }
        Ok(facts)
    }

    /// The hash, date and origin of one feed's live snapshot.
    pub fn snapshot(&self, feed: &str) -> Result<Option<SnapshotMeta>, AdvisoryError> {
        let sql = "SELECT meta FROM snapshots WHERE feed = ?1 AND meta IS NOT NULL";
        let meta: Option<String> =
            self.connection.prepare_cached(sql)?.query_row([feed], |row| row.get(0)).optional()?;
        meta.map(|meta| {
            serde_json::from_str(&meta).map_err(|error| AdvisoryError::Damaged {
                id: feed.to_owned(),
                reason: error.to_string(),
            })
        })
        .transpose()
    }
}

fn document(meta: &SnapshotMeta) -> Result<String, AdvisoryError> {
    String::from_utf8(canonical_json(meta)?)
        .map_err(|error| CanonicalError::Encode(error.to_string()).into())
}
