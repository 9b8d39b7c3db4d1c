//! Filling a snapshot: streamed in with bounded memory, and live in one transaction.

use rusqlite::{Connection, OptionalExtension as _};

use super::{AdvisoryError, CveFactKind, SnapshotMeta, document};
use crate::database::{DatabaseError, atomically};
use crate::limits;

const ZSTD_LEVEL: i32 = 3;

/// A record that waits to be written.
enum Record {
    Body { number: i64, id: String, modified: String, unpacked: Option<i64>, json: Vec<u8> },
    Affected { number: i64, ecosystem: String, package: String },
    Fact { cve: String, kind: CveFactKind, json: Vec<u8> },
}

/// Fills a new snapshot of a feed. Dropping it without [`SnapshotWriter::commit`] throws away what
/// was put and leaves the live snapshot as it is.
pub struct SnapshotWriter<'s> {
    connection: &'s Connection,
    feed: String,
    snapshot: i64,
    packer: zstd::bulk::Compressor<'static>,
    /// The number of the last advisory, and what was put for it.
    last: (i64, String, Vec<u8>),
    waiting: Vec<Record>,
    waiting_bytes: usize,
    live: bool,
}

impl<'s> SnapshotWriter<'s> {
    pub(super) fn begin(connection: &'s Connection, feed: &str) -> Result<Self, AdvisoryError> {
        check_name(feed, "bytes in the feed's name", feed)?;
        let packer = zstd::bulk::Compressor::new(ZSTD_LEVEL).map_err(|source| {
            DatabaseError::Io { path: std::path::PathBuf::from("zstd"), source }
        })?;
        tune(connection, limits::SQLITE_IMPORT_CACHE_KIB, "normal")?;
        let snapshot = atomically(connection, || {
            // An import that is still running is overtaken: without its row it cannot commit.
            connection.execute("DELETE FROM snapshots WHERE feed = ?1 AND meta IS NULL", [feed])?;
            connection.execute("INSERT INTO snapshots (feed) VALUES (?1)", [feed])?;
            Ok::<_, AdvisoryError>(connection.last_insert_rowid())
        })?;
        sweep(connection)?;
        Ok(Self {
            connection,
            feed: feed.to_owned(),
            snapshot,
            packer,
            last: (-1, String::new(), Vec::new()),
            waiting: Vec::new(),
            waiting_bytes: 0,
            live: false,
        })
    }

    /// Puts an advisory for one package that it names. An advisory for several packages is put
    /// once for each, one after the other, and kept once.
    pub fn put_advisory(
        &mut self,
        ecosystem: &str,
        package: &str,
        id: &str,
        modified: &str,
        json: &[u8],
    ) -> Result<(), AdvisoryError> {
        check_name(id, "bytes in its id", id)?;
        check_name(id, "bytes in an ecosystem's name", ecosystem)?;
        check_name(id, "bytes in a package's name", package)?;
        check_name(id, "bytes in its time", modified)?;
        check_size(id, "bytes", json.len(), limits::ADVISORY_BYTES_MAX)?;
        let (number, last_id, last_json) = &self.last;
        let mut number = *number;
        if last_id != id || last_json != json || number < 0 {
            number += 1;
            if number > limits::SNAPSHOT_BODIES_MAX {
                return Err(AdvisoryError::TooMany);
            }
            self.last = (number, id.to_owned(), json.to_vec());
            let (unpacked, json) = self.pack(json);
            let (id, modified) = (id.to_owned(), modified.to_owned());
            self.push(Record::Body { number, id, modified, unpacked, json })?;
        }
        let (ecosystem, package) = (ecosystem.to_owned(), package.to_owned());
        self.push(Record::Affected { number, ecosystem, package })
    }

    /// Puts what the feed states about a CVE; a later statement of the same kind replaces it.
    pub fn put_cve_fact(
        &mut self,
        cve: &str,
        kind: CveFactKind,
        json: &[u8],
    ) -> Result<(), AdvisoryError> {
        check_name(cve, "bytes in its name", cve)?;
        check_size(cve, "bytes", json.len(), limits::ADVISORY_BYTES_MAX)?;
        self.push(Record::Fact { cve: cve.to_owned(), kind, json: json.to_vec() })
    }

    fn pack(&mut self, json: &[u8]) -> (Option<i64>, Vec<u8>) {
        let packed = (json.len() >= limits::ADVISORY_PACK_BYTES_MIN)
            .then(|| self.packer.compress(json).ok())
            .flatten()
            .filter(|packed| packed.len() < json.len());
        match packed {
            Some(packed) => (i64::try_from(json.len()).ok(), packed),
            None => (None, json.to_vec()),
        }
    }

    fn push(&mut self, record: Record) -> Result<(), AdvisoryError> {
        self.waiting_bytes += match &record {
            Record::Body { json, .. } | Record::Fact { json, .. } => json.len(),
            Record::Affected { ecosystem, package, .. } => ecosystem.len() + package.len(),
        };
        self.waiting.push(record);
        let full = self.waiting.len() >= limits::IMPORT_RECORDS_MAX
            || self.waiting_bytes >= limits::IMPORT_BYTES_MAX;
        if full { self.flush() } else { Ok(()) }
    }

    /// Writes what waits, in one short transaction, so that other writers get their turn.
    fn flush(&mut self) -> Result<(), AdvisoryError> {
        let waiting = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        let base = self.snapshot << 32;
        atomically(self.connection, || {
            let mut body = self.connection.prepare_cached(
                "INSERT INTO bodies (body, id, modified, unpacked_bytes, json)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?;
            let mut affected = self.connection.prepare_cached(
                "INSERT OR IGNORE INTO affected (snapshot, ecosystem, package, body)
                 VALUES (?1, ?2, ?3, ?4)",
            )?;
            let mut fact = self.connection.prepare_cached(
                "INSERT OR REPLACE INTO cve_facts (snapshot, cve, kind, json)
                 VALUES (?1, ?2, ?3, ?4)",
            )?;
            for record in &waiting {
                match record {
                    Record::Body { number, id, modified, unpacked, json } => {
                        body.execute((base | number, id, modified, unpacked, json))?
                    }
                    Record::Affected { number, ecosystem, package } => {
                        affected.execute((self.snapshot, ecosystem, package, base | number))?
                    }
                    Record::Fact { cve, kind, json } => {
                        fact.execute((self.snapshot, cve, kind.name(), json))?
                    }
                };
            }
            Ok(())
        })
    }

    /// Makes the snapshot live in place of the one before it, in one durable step. After an error
    /// the one before it is still live.
    pub fn commit(mut self, meta: &SnapshotMeta) -> Result<(), AdvisoryError> {
        if meta.feed != self.feed {
            let (begun, given) = (self.feed.clone(), meta.feed.clone());
            return Err(AdvisoryError::OtherFeed { begun, given });
        }
        let meta = document(meta)?;
        self.flush()?;
        self.connection.pragma_update(None, "synchronous", "full")?;
        atomically(self.connection, || self.go_live(&meta))?;
        self.live = true;
        // The snapshot is live; what is left of the one before it goes now, or with the next.
        let _ = sweep(self.connection);
        let _ = self.connection.pragma_query(None, "wal_checkpoint(truncate)", |_| Ok(()));
        Ok(())
    }

    fn go_live(&self, meta: &str) -> Result<(), AdvisoryError> {
        let live: Option<i64> = self
            .connection
            .query_row(
                "SELECT snapshot FROM snapshots WHERE feed = ?1 AND meta IS NOT NULL",
                [&self.feed],
                |row| row.get(0),
            )
            .optional()?;
        if let Some(live) = live {
            for table in ["snapshots", "live_ecosystems", "live_kinds"] {
                self.connection
                    .execute(&format!("DELETE FROM {table} WHERE snapshot = ?1"), [live])?;
            }
        }
        let sql = "UPDATE snapshots SET meta = ?2 WHERE snapshot = ?1";
        if self.connection.execute(sql, (self.snapshot, meta))? == 0 {
            return Err(AdvisoryError::Overtaken(self.feed.clone()));
        }
        self.connection.execute(
            "INSERT INTO live_ecosystems (ecosystem, snapshot)
             SELECT DISTINCT ecosystem, snapshot FROM affected WHERE snapshot = ?1",
            [self.snapshot],
        )?;
        self.connection.execute(
            "INSERT INTO live_kinds (kind, snapshot)
             SELECT DISTINCT kind, snapshot FROM cve_facts WHERE snapshot = ?1",
            [self.snapshot],
        )?;
        Ok(())
    }
}

impl Drop for SnapshotWriter<'_> {
    fn drop(&mut self) {
        if !self.live {
            // What cannot be thrown away now goes with the next import.
            let sql = "DELETE FROM snapshots WHERE snapshot = ?1 AND meta IS NULL";
            let _ = self.connection.execute(sql, [self.snapshot]);
            let _ = sweep(self.connection);
        }
        let _ = tune(self.connection, limits::SQLITE_CACHE_KIB, "full");
    }
}

/// Sets the page cache and when SQLite syncs. While a snapshot is filled, nothing is acknowledged.
fn tune(connection: &Connection, cache_kib: i64, synchronous: &str) -> Result<(), DatabaseError> {
    connection.pragma_update(None, "cache_size", -cache_kib)?;
    connection.pragma_update(None, "synchronous", synchronous)?;
    Ok(())
}

/// Deletes the rows of snapshots that do not exist any more, a part at a time.
fn sweep(connection: &Connection) -> Result<(), DatabaseError> {
    // Snapshots are found by jumping from one range to the next, not by reading the ranges.
    let next = [
        ("affected", "SELECT min(snapshot) FROM affected WHERE snapshot > ?1"),
        ("cve_facts", "SELECT min(snapshot) FROM cve_facts WHERE snapshot > ?1"),
        ("bodies", "SELECT min(body) >> 32 FROM bodies WHERE body >= (?1 + 1) << 32"),
    ];
    for (table, sql) in next {
        let mut snapshot = -1_i64;
        while let Some(found) =
            connection.query_row(sql, [snapshot], |row| row.get::<_, Option<i64>>(0))?
        {
            snapshot = found;
            let exists: bool = connection.query_row(
                "SELECT EXISTS (SELECT 1 FROM snapshots WHERE snapshot = ?1)",
                [snapshot],
                |row| row.get(0),
            )?;
            if !exists {
                delete_range(connection, table, snapshot)?;
            }
        }
    }
    Ok(())
}

fn delete_range(connection: &Connection, table: &str, snapshot: i64) -> Result<(), DatabaseError> {
    let sql = match table {
        "affected" => {
            "DELETE FROM affected WHERE (snapshot, ecosystem, package, body) IN
                (SELECT snapshot, ecosystem, package, body FROM affected
                 WHERE snapshot = ?1 LIMIT ?2)"
        }
        "cve_facts" => {
            "DELETE FROM cve_facts WHERE (snapshot, cve, kind) IN
                (SELECT snapshot, cve, kind FROM cve_facts WHERE snapshot = ?1 LIMIT ?2)"
        }
        _ => {
            "DELETE FROM bodies WHERE body IN
                (SELECT body FROM bodies WHERE body BETWEEN ?1 << 32 AND (?1 << 32) | 4294967295
                 LIMIT ?2)"
        }
    };
    // Ends because every round but the last deletes something.
    while connection.execute(sql, (snapshot, limits::SWEEP_ROWS_MAX))? > 0 {}
    Ok(())
}

fn check_name(id: &str, what: &'static str, name: &str) -> Result<(), AdvisoryError> {
    check_size(id, what, name.len(), limits::ADVISORY_NAME_BYTES_MAX)
}

fn check_size(
    id: &str,
    what: &'static str,
    size: usize,
    limit: usize,
) -> Result<(), AdvisoryError> {
    if size <= limit {
        return Ok(());
    }
    let id = id.chars().take(80).collect();
    Err(AdvisoryError::TooLarge { id, what, size, limit })
}
