//! The store of advisories behind the seam. Rows are spooled to a file while a snapshot is read,
//! so that the store's own transaction is short and the last good snapshot stays until then.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use store::{AdvisoryStore, CveFactKind};

use super::sink::{AdvisoryRow, AdvisorySink, SinkError, SnapshotMeta};
use super::stored::fact;

/// The kinds of facts, as feeds and as the store name them.
const KINDS: [(&str, CveFactKind); 3] = [
    (fact::KEV, CveFactKind::Kev),
    (fact::EPSS, CveFactKind::Epss),
    (fact::VULNRICHMENT, CveFactKind::Ssvc),
];

/// One spooled row.
#[derive(Serialize, Deserialize)]
enum Row {
    Advisory { id: String, modified: String, affected: Vec<(String, String)>, json: String },
    Fact { cve: String, kind: String, json: String },
}

/// The store of advisories as a sink.
pub struct StoreSink {
    store: AdvisoryStore,
    work_dir: PathBuf,
    spool: Option<(String, BufWriter<File>, PathBuf)>,
}

impl StoreSink {
    /// Opens the store; spools go to the folder for work.
    pub fn open(path: &Path, work_dir: &Path) -> Result<Self, SinkError> {
        let store = AdvisoryStore::open(path).map_err(sink_error)?;
        Ok(Self { store, work_dir: work_dir.to_path_buf(), spool: None })
    }

    fn spool(&mut self, row: &Row) -> Result<(), SinkError> {
        let (_, file, _) = self.spool.as_mut().ok_or_else(|| sink_error("no snapshot is begun"))?;
        serde_json::to_writer(&mut *file, row).map_err(sink_error)?;
        file.write_all(b"\n").map_err(sink_error)
    }
}

fn sink_error(error: impl std::fmt::Display) -> SinkError {
    SinkError(error.to_string())
}

fn text(json: &[u8]) -> Result<String, SinkError> {
    String::from_utf8(json.to_vec()).map_err(sink_error)
}

fn to_store(meta: &SnapshotMeta) -> Result<store::FeedSnapshot, SinkError> {
    let value = serde_json::to_value(meta).map_err(sink_error)?;
    let serde_json::Value::Object(details) = value else {
        return Err(sink_error("a snapshot's facts are an object"));
    };
    Ok(store::FeedSnapshot {
        feed: meta.feed.clone(),
        sha256: meta.sha256.to_hex(),
        fetched_ms: meta.taken_ms,
        published_ms: Some(meta.as_of_ms),
        origin: meta.origin.clone(),
        records: meta.records,
        etag: meta.etag.clone(),
        last_modified: meta.last_modified.clone(),
        skipped: meta.skipped.values().sum(),
        details,
    })
}

impl AdvisorySink for StoreSink {
    fn live(&self, feed: &str) -> Result<Option<SnapshotMeta>, SinkError> {
        let Some(meta) = self.store.snapshot(feed).map_err(sink_error)? else { return Ok(None) };
        serde_json::from_value(serde_json::Value::Object(meta.details))
            .map(Some)
            .map_err(sink_error)
    }

    fn begin(&mut self, feed: &str) -> Result<(), SinkError> {
        let path = self.work_dir.join("rows.spool");
        let file = File::create(&path).map_err(sink_error)?;
        self.spool = Some((feed.to_owned(), BufWriter::new(file), path));
        Ok(())
    }

    fn put_advisory(&mut self, row: &AdvisoryRow<'_>) -> Result<(), SinkError> {
        self.spool(&Row::Advisory {
            id: row.id.to_owned(),
            modified: row.modified.to_owned(),
            affected: row.affected.to_vec(),
            json: text(row.json)?,
        })
    }

    fn put_cve_fact(&mut self, cve: &str, kind: &str, json: &[u8]) -> Result<(), SinkError> {
        self.spool(&Row::Fact { cve: cve.to_owned(), kind: kind.to_owned(), json: text(json)? })
    }

    fn commit(&mut self, meta: &SnapshotMeta) -> Result<(), SinkError> {
        let (feed, file, path) = self.spool.take().ok_or_else(|| sink_error("nothing is begun"))?;
        file.into_inner().map_err(sink_error)?.sync_all().map_err(sink_error)?;
        let mut writer = self.store.begin_snapshot(&feed).map_err(sink_error)?;
        for line in BufReader::new(File::open(&path).map_err(sink_error)?).lines() {
            match serde_json::from_str(&line.map_err(sink_error)?).map_err(sink_error)? {
                Row::Advisory { id, modified, affected, json } => {
                    for (ecosystem, package) in &affected {
                        writer
                            .put_advisory(ecosystem, package, &id, &modified, json.as_bytes())
                            .map_err(sink_error)?;
                    }
                }
                Row::Fact { cve, kind, json } => {
                    let known = KINDS.iter().find(|(name, _)| *name == kind);
                    let (_, kind) = known.ok_or_else(|| sink_error("an unknown kind of fact"))?;
                    writer.put_cve_fact(&cve, *kind, json.as_bytes()).map_err(sink_error)?;
                }
            }
        }
        writer.commit(&to_store(meta)?).map_err(sink_error)?;
        std::fs::remove_file(path).map_err(sink_error)
    }

    fn abandon(&mut self) -> Result<(), SinkError> {
        match self.spool.take() {
            Some((_, _, path)) => std::fs::remove_file(path).map_err(sink_error),
            None => Ok(()),
        }
    }

    fn touch(&mut self, meta: &SnapshotMeta) -> Result<(), SinkError> {
        self.store.replace_meta(&to_store(meta)?).map(|_| ()).map_err(sink_error)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn meta() -> SnapshotMeta {
        SnapshotMeta {
            feed: "example".into(),
            origin: "/srv/feeds".into(),
            sha256: spine::Digest([7; 32]),
            bytes: 42,
            taken_ms: 1_000,
            as_of_ms: 900,
            published: Some("2026-11-01".into()),
            etag: None,
            last_modified: None,
            records: 1,
            skipped: BTreeMap::from([("no id".to_owned(), 2)]),
        }
    }

    #[test]
    fn a_snapshot_comes_back_whole_and_an_abandoned_one_leaves_the_last_good_one() {
        let dir = tempfile::tempdir().unwrap();
        let mut sink = StoreSink::open(&dir.path().join("feeds.db"), dir.path()).unwrap();
        let affected = [("Widgets".to_owned(), "widget".to_owned())];
        let row = AdvisoryRow { id: "EX-1", modified: "", affected: &affected, json: b"{}" };
        sink.begin("example").unwrap();
        sink.put_advisory(&row).unwrap();
        sink.put_cve_fact("CVE-2026-1000", fact::KEV, b"{}").unwrap();
        sink.commit(&meta()).unwrap();
        assert_eq!(sink.live("example").unwrap(), Some(meta()));
        assert_eq!(sink.store.lookup("Widgets", "widget").unwrap(), [b"{}".to_vec()]);

        sink.begin("example").unwrap();
        sink.abandon().unwrap();
        assert_eq!(sink.live("example").unwrap(), Some(meta()));
        assert_eq!(sink.store.lookup("Widgets", "widget").unwrap().len(), 1);
        assert_eq!(sink.store.cve_facts(&["CVE-2026-1000"]).unwrap().len(), 1);

        let newer = SnapshotMeta { as_of_ms: 2_000, ..meta() };
        sink.touch(&newer).unwrap();
        assert_eq!(sink.live("example").unwrap(), Some(newer));
    }
}
