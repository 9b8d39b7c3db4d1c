//! Files, their hashes, and the zip file that holds them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use serde::Serialize;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::Bundle;
use crate::web::Oops;

/// Files on their way into a zip file, by path.
#[derive(Default)]
pub struct Archive {
    files: BTreeMap<String, Vec<u8>>,
    left_out: Vec<(String, String)>,
}

fn failed(error: impl std::fmt::Display) -> Oops {
    Oops::Internal(format!("the evidence cannot be written: {error}"))
}

impl Archive {
    /// Adds a file.
    pub fn bytes(&mut self, path: &str, bytes: Vec<u8>) {
        self.files.insert(path.to_owned(), bytes);
    }

    /// Adds a text.
    pub fn text(&mut self, path: &str, text: &str) {
        self.bytes(path, text.as_bytes().to_vec());
    }

    /// Adds a document, indented for people.
    pub fn json(&mut self, path: &str, value: &impl Serialize) -> Result<(), Oops> {
        let mut bytes = serde_json::to_vec_pretty(value).map_err(failed)?;
        bytes.push(b'\n');
        self.bytes(path, bytes);
        Ok(())
    }

    /// Adds documents, one a line.
    pub fn lines(
        &mut self,
        path: &str,
        values: impl IntoIterator<Item = Value>,
    ) -> Result<(), Oops> {
        let mut bytes = Vec::new();
        for value in values {
            serde_json::to_writer(&mut bytes, &value).map_err(failed)?;
            bytes.push(b'\n');
        }
        self.bytes(path, bytes);
        Ok(())
    }

    /// Names something that is not in it, or not whole.
    pub fn leave(&mut self, what: &str, why: &str) {
        self.left_out.push((what.to_owned(), why.to_owned()));
    }

    /// Adds manifest and sums, and packs everything. The same content gives the same bytes.
    pub fn finish(mut self, about: &Map<String, Value>) -> Result<Bundle, Oops> {
        let hash = |bytes: &[u8]| hex::encode(Sha256::digest(bytes));
        let files: Vec<Value> = self
            .files
            .iter()
            .map(|(path, bytes)| {
                json!({ "path": path, "bytes": bytes.len(), "sha256": hash(bytes) })
            })
            .collect();
        let left = self.left_out.iter();
        let left: Vec<Value> =
            left.map(|(what, why)| json!({ "what": what, "why": why })).collect();
        let mut manifest = about.clone();
        manifest.insert("files".into(), files.into());
        manifest.insert("left_out".into(), left.into());
        self.json("MANIFEST.json", &manifest)?;
        let mut sums = String::new();
        for (path, bytes) in &self.files {
            let _ = writeln!(sums, "{}  {path}", hash(bytes));
        }
        self.text("SHA256SUMS", &sums);
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (path, bytes) in &self.files {
            zip.start_file(path.as_str(), SimpleFileOptions::default()).map_err(failed)?;
            zip.write_all(bytes).map_err(failed)?;
        }
        let zip = zip.finish().map_err(failed)?.into_inner();
        let left_out = self.left_out.into_iter().map(|(what, why)| format!("{what}: {why}"));
        Ok(Bundle { zip, files: self.files.len(), left_out: left_out.collect() })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn packed() -> Bundle {
        let mut archive = Archive::default();
        archive.text("a.txt", "hello\n");
        archive.lines("b.jsonl", [json!(1), json!({ "x": "\n" })]).unwrap();
        archive.leave("c", "it is gone");
        archive.finish(&Map::from_iter([("schema".to_owned(), json!(1))])).unwrap()
    }

    #[test]
    fn every_file_has_its_sum_and_what_is_missing_is_named() {
        let bundle = packed();
        assert_eq!(
            (bundle.files, bundle.left_out.as_slice()),
            (4, &["c: it is gone".to_owned()][..])
        );
        let mut zip = zip::ZipArchive::new(Cursor::new(bundle.zip)).unwrap();
        let mut read = |name: &str| {
            let mut text = String::new();
            zip.by_name(name).unwrap().read_to_string(&mut text).unwrap();
            text
        };
        assert_eq!(read("b.jsonl"), "1\n{\"x\":\"\\n\"}\n");
        let sums = read("SHA256SUMS");
        assert_eq!(sums.lines().count(), 3, "all but itself: {sums}");
        for line in sums.lines() {
            let (sum, name) = line.split_once("  ").unwrap();
            assert_eq!(hex::encode(Sha256::digest(read(name))), sum, "{name}");
        }
        let manifest: Value = serde_json::from_str(&read("MANIFEST.json")).unwrap();
        assert_eq!(manifest["left_out"][0]["why"], "it is gone");
    }

    #[test]
    fn the_same_content_gives_the_same_bytes() {
        assert_eq!(packed().zip, packed().zip);
    }
}
