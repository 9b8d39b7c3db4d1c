//! What the tests of feeds share: small archives, and a store in memory.

use std::collections::BTreeMap;
use std::io::Write as _;

use super::sink::{AdvisoryRow, AdvisorySink, SinkError, SnapshotMeta};
use super::stored::StoredAdvisory;

/// A tar archive of these files.
pub fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        if name.contains("..") || name.starts_with('/') {
            // The builder refuses to write such a path; an attacker does not.
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            builder.append(&header, *bytes).unwrap();
        } else {
            builder.append_data(&mut header, name, *bytes).unwrap();
        }
    }
    builder.into_inner().unwrap()
}

/// A zip archive of these files.
pub fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in files {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// The bytes under gzip.
pub fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

/// The bytes under xz.
pub fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut out = liblzma::write::XzEncoder::new(Vec::new(), 1);
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

/// One snapshot in memory.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Advisories by ecosystem, package and id.
    pub advisories: BTreeMap<(String, String, String), StoredAdvisory>,
    /// Facts by CVE and kind.
    pub facts: BTreeMap<(String, String), serde_json::Value>,
    /// What is kept beside it.
    pub meta: Option<SnapshotMeta>,
}

/// A store in memory.
#[derive(Default)]
pub struct MemorySink {
    /// The live snapshots by feed.
    pub live: BTreeMap<String, Snapshot>,
    /// The one that is being filled.
    pub filling: Option<(String, Snapshot)>,
    /// Fails after so many writes.
    pub fails_after: Option<usize>,
}

impl MemorySink {
    fn open(&mut self) -> Result<&mut Snapshot, SinkError> {
        if let Some(left) = &mut self.fails_after {
            *left = left.checked_sub(1).ok_or_else(|| SinkError("the disk is full".into()))?;
        }
        let filling = self.filling.as_mut().map(|(_, snapshot)| snapshot);
        filling.ok_or_else(|| SinkError("no snapshot was begun".into()))
    }
}

impl AdvisorySink for MemorySink {
    fn live(&self, feed: &str) -> Result<Option<SnapshotMeta>, SinkError> {
        Ok(self.live.get(feed).and_then(|snapshot| snapshot.meta.clone()))
    }

    fn begin(&mut self, feed: &str) -> Result<(), SinkError> {
        assert!(self.filling.is_none(), "one snapshot at a time");
        self.filling = Some((feed.to_owned(), Snapshot::default()));
        Ok(())
    }

    fn put_advisory(&mut self, row: &AdvisoryRow<'_>) -> Result<(), SinkError> {
        let advisory: StoredAdvisory = serde_json::from_slice(row.json).unwrap();
        assert!(!row.affected.is_empty());
        let snapshot = self.open()?;
        for (ecosystem, package) in row.affected {
            let key = (ecosystem.clone(), package.clone(), row.id.to_owned());
            let before = snapshot.advisories.insert(key, advisory.clone());
            assert!(before.is_none(), "{} twice", row.id);
        }
        Ok(())
    }

    fn put_cve_fact(&mut self, cve: &str, kind: &str, json: &[u8]) -> Result<(), SinkError> {
        let value = serde_json::from_slice(json).unwrap();
        self.open()?.facts.insert((cve.to_owned(), kind.to_owned()), value);
        Ok(())
    }

    fn commit(&mut self, meta: &SnapshotMeta) -> Result<(), SinkError> {
        self.open()?.meta = Some(meta.clone());
        let (feed, snapshot) = self.filling.take().unwrap();
        assert_eq!(feed, meta.feed);
        self.live.insert(feed, snapshot);
        Ok(())
    }

    fn abandon(&mut self) -> Result<(), SinkError> {
        self.filling = None;
        Ok(())
    }

    fn touch(&mut self, meta: &SnapshotMeta) -> Result<(), SinkError> {
        self.live.get_mut(&meta.feed).unwrap().meta = Some(meta.clone());
        Ok(())
    }
}
