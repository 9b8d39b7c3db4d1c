//! Which feed a file, an archive or a folder is: by the paths inside and by how they begin, since
//! people rename files.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::path::Path;

use formats::{osv, rustsec};

use super::FeedError;
use super::archive::{Flow, each_file, read_up_to};
use super::limits::{DOCUMENT_BYTES_MAX, RECOGNISE_BYTES, RECOGNISE_FILES_MAX, RECOGNISE_VOTES};
use super::table::{Feed, Kind};

/// The feed that a source is, or `None` where it is none of the known ones.
pub fn recognise<'a>(source: &Path, feeds: &'a [Feed]) -> Result<Option<&'a Feed>, FeedError> {
    let mut votes: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut cast = 0;
    let mut looked_at = 0;
    let mut found = None;
    each_file(source, &mut |path, content| {
        looked_at += 1;
        match guess(path, content).map_err(|error| FeedError::unpacking(source, &error))? {
            Some(Guess::Is(kind)) => found = Some(kind),
            Some(Guess::OsvOf(ecosystems)) => {
                cast += 1;
                for feed in feeds {
                    if let Kind::Osv { ecosystem } = feed.kind
                        && ecosystems.iter().any(|theirs| theirs == ecosystem)
                    {
                        *votes.entry(ecosystem).or_default() += 1;
                    }
                }
            }
            None => {}
        }
        let enough = found.is_some() || cast >= RECOGNISE_VOTES || looked_at >= RECOGNISE_FILES_MAX;
        Ok(if enough { Flow::Stop } else { Flow::Next })
    })?;
    let winner = votes.into_iter().max_by_key(|(_, count)| *count);
    let kind = found.or(winner.map(|(ecosystem, _)| Kind::Osv { ecosystem }));
    Ok(kind.and_then(|kind| feeds.iter().find(|feed| feed.kind == kind)))
}

enum Guess {
    Is(Kind),
    /// An OSV record that names packages of these ecosystems.
    OsvOf(Vec<String>),
}

fn guess(path: &str, content: &mut dyn Read) -> std::io::Result<Option<Guess>> {
    if is_rustsec(path) {
        return Ok(Some(Guess::Is(Kind::Rustsec)));
    }
    if is_debian_list(path) {
        return Ok(Some(Guess::Is(Kind::DebianTracker)));
    }
    let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
    if !matches!(extension, "json" | "yaml" | "yml" | "csv") && path.contains('/') {
        return Ok(None);
    }
    let mut head = vec![0; usize::try_from(RECOGNISE_BYTES).unwrap_or_default()];
    let known = read_up_to(content, &mut head)?;
    head.truncate(known);
    let text = String::from_utf8_lossy(&head);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let has = |needle: &str| text.contains(needle);
    if text.starts_with("#model_version:") || text.starts_with("cve,epss,") {
        return Ok(Some(Guess::Is(Kind::Epss)));
    }
    if text.starts_with('[') {
        return Ok((has("\"cve\"") && has("\"ssvc_")).then_some(Guess::Is(Kind::Vulnrichment)));
    }
    if text.starts_with('{') {
        if has("\"catalogVersion\"") {
            return Ok(Some(Guess::Is(Kind::Kev)));
        }
        if has("\"CVE_RECORD\"") {
            return Ok(Some(Guess::Is(Kind::Vulnrichment)));
        }
        if has("\"releases\"") && has("\"CVE-") && has("\"status\"") {
            return Ok(Some(Guess::Is(Kind::DebianTracker)));
        }
    } else if !matches!(extension, "yaml" | "yml") {
        return Ok(None);
    }
    if matches!(extension, "yaml" | "yml") && is_sigma(text) {
        return Ok(Some(Guess::Is(Kind::Sigma)));
    }
    // What is left may be an OSV record; it is read whole to tell.
    let mut bytes = Vec::new();
    Cursor::new(head).chain(content).take(DOCUMENT_BYTES_MAX).read_to_end(&mut bytes)?;
    let record = match extension {
        "yaml" | "yml" => osv::parse_yaml(&bytes),
        _ => osv::parse(&bytes),
    };
    Ok(record.ok().map(|record| Guess::OsvOf(ecosystems(&record))))
}

/// Whether a file of YAML is one of Sigma rules, by the keys that begin its lines.
pub fn is_sigma(text: &str) -> bool {
    let has = |key: &str| text.lines().any(|line| line.starts_with(key));
    has("title:") && (has("detection:") || has("correlation:") || has("filter:"))
}

/// The ecosystems of the packages that a record names, without releases.
fn ecosystems(record: &osv::Osv) -> Vec<String> {
    let packages = record.affected.iter().filter_map(|affected| affected.package.as_ref());
    let mut names: Vec<String> =
        packages.map(|package| base(&package.ecosystem).to_owned()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// An ecosystem without its release.
pub fn base(ecosystem: &str) -> &str {
    ecosystem.split_once(':').map_or(ecosystem, |(base, _)| base)
}

/// Whether a path is that of a RustSec advisory. The older ones on the toolchain have CVE ids.
pub fn is_rustsec(path: &str) -> bool {
    rustsec::collection_of(path).is_some()
        && path
            .rsplit('/')
            .next()
            .is_some_and(|file| file.starts_with("RUSTSEC-") || file.starts_with("CVE-"))
}

/// Whether a path is that of a list of DSAs or DLAs.
pub fn is_debian_list(path: &str) -> bool {
    path.ends_with("DSA/list") || path.ends_with("DLA/list")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feeds::table;
    use crate::feeds::testing::{gz, tar, zip};

    fn name_of(file: &str, bytes: &[u8]) -> Option<String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(file);
        std::fs::write(&path, bytes).unwrap();
        recognise(&path, &table::all()).unwrap().map(|feed| feed.name.clone())
    }

    fn osv(id: &str, ecosystem: &str) -> Vec<u8> {
        format!(
            r#"{{"id": "{id}", "affected": [{{"package": {{"ecosystem": "{ecosystem}", "name": "widget"}}}}]}}"#
        )
        .into_bytes()
    }

    #[test]
    fn content_tells_whatever_the_name() {
        let kev = br#"{"title": "x", "catalogVersion": "1", "vulnerabilities": []}"#;
        let tracker = br#"{"widget": {"CVE-2026-1": {"releases": {"x": {"status": "open"}}}}}"#;
        let cve = br#"{"dataType": "CVE_RECORD", "cveMetadata": {"cveId": "CVE-2026-1"}}"#;
        let rows: [(&str, &[u8], Option<&str>); 9] = [
            ("a.json", kev, Some("kev")),
            ("json", kev, Some("kev")),
            ("b.json", tracker, Some("debian-tracker")),
            ("data", b"#model_version:v1,score_date:x\ncve,epss,percentile\n", Some("epss")),
            ("scores.csv.gz", &gz(b"cve,epss,percentile\n"), Some("epss")),
            (
                "v.json",
                br#"[{"cve": "CVE-2026-1", "ssvc_Automatable": "no"}]"#,
                Some("vulnrichment"),
            ),
            ("CVE-2026-1.json", cve, Some("vulnrichment")),
            ("README.md", b"# Read me", None),
            ("empty.json", b"", None),
        ];
        for (file, bytes, expected) in rows {
            assert_eq!(name_of(file, bytes).as_deref(), expected, "{file}");
        }
    }

    #[test]
    fn archives_are_told_by_what_is_inside() {
        let rustsec =
            tar(&[("db/README.md", b"x"), ("db/crates/widget/RUSTSEC-2026-0001.md", b"")]);
        assert_eq!(name_of("x.tar", &rustsec).as_deref(), Some("rustsec"));
        let debian = gz(&tar(&[("data/DLA/list", b"")]));
        assert_eq!(name_of("x.bin", &debian).as_deref(), Some("debian-tracker"));
        let yaml: &[u8] = b"id: PYSEC-1\naffected:\n- package: {name: w, ecosystem: PyPI}\n";
        let pypi = tar(&[("LICENSE", b"x"), ("vulns/w/PYSEC-1.yaml", yaml)]);
        assert_eq!(name_of("x.tar", &pypi).as_deref(), Some("osv-pypi"));
        // One stray record of another ecosystem does not decide.
        let (one, two, three) = (osv("A", "npm"), osv("B", "Go"), osv("C", "Go"));
        let go = zip(&[("A.json", &one), ("B.json", &two), ("C.json", &three)]);
        assert_eq!(name_of("all.zip", &go).as_deref(), Some("osv-go"));
        let unknown = osv("A", "Widgets");
        assert_eq!(name_of("all.zip", &zip(&[("A.json", &unknown)])), None);
    }
}
