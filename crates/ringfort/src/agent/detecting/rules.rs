//! Rule packs: Sigma rules from files, folders and archives.

use std::fs::File;
use std::io::{self, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use detect::sigma::{Pack, Rules};
use store::AdvisoryStore;

use super::RulesReport;
use crate::agent::session::feeds_db;
use crate::failure::{Failure, OrHint as _};
use crate::feeds::archive::{Flow, each_file};
use crate::feeds::stored::{SIGMA, StoredAdvisory};

/// Files of rules that are read at most.
const FILES_MAX: usize = 50_000;
/// Bytes of one file of rules that are read at most.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Reads all rules below some paths.
pub fn read(paths: &[PathBuf]) -> (Rules, RulesReport) {
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    let mut report = RulesReport::default();
    for path in paths {
        if let Err(reason) = collect(path, &mut files) {
            report.unreadable.push(reason);
        }
    }
    let loaded = Pack::from_yaml_files(files);
    report.rules = loaded.pack.len();
    report.refused = loaded.refused.len();
    report.first_refused =
        loaded.refused.first().map(|refused| format!("{}: {}", refused.file, refused.reason));
    (Rules::new(loaded.pack), report)
}

/// Writes the rules of the feed into an archive in a folder, for a worker that may read nothing
/// else; `None` where there are none.
pub fn unpack_feed(data_dir: &Path, dir: &Path) -> Result<Option<PathBuf>, Failure> {
    let db = feeds_db(data_dir);
    if !db.exists() {
        return Ok(None);
    }
    let help = "run `ringfort feeds sync`";
    let store = AdvisoryStore::open_read_only(&db).or_hint("the feeds do not open", help)?;
    let rules = store.lookup(SIGMA.0, SIGMA.1).or_hint("the rules do not read", help)?;
    if rules.is_empty() {
        return Ok(None);
    }
    let path = dir.join("rules.tar");
    write_archive(&path, &rules).or_hint("the rules cannot be written", "check the disk")?;
    Ok(Some(path))
}

fn write_archive(path: &Path, rules: &[Vec<u8>]) -> io::Result<()> {
    let mut archive = tar::Builder::new(BufWriter::new(File::create_new(path)?));
    for json in rules {
        let Ok(StoredAdvisory::SigmaRules(file)) = serde_json::from_slice(json) else { continue };
        let mut header = tar::Header::new_gnu();
        header.set_size(file.yaml.len() as u64);
        header.set_mode(0o600);
        archive.append_data(&mut header, &file.path, file.yaml.as_bytes())?;
    }
    archive.into_inner()?.flush()
}

fn collect(path: &Path, files: &mut Vec<(String, Vec<u8>)>) -> Result<(), String> {
    let mut failure = None;
    let walked = each_file(path, &mut |name, content| {
        if !is_rule_file(name) {
            return Ok(Flow::Next);
        }
        if files.len() >= FILES_MAX {
            failure = Some(format!("more than {FILES_MAX} files of rules"));
            return Ok(Flow::Stop);
        }
        let mut bytes = Vec::new();
        match content.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes) {
            Ok(_) => files.push((name.to_owned(), bytes)),
            Err(error) => failure = Some(format!("`{name}`: {error}")),
        }
        Ok(Flow::Next)
    });
    let failure = failure.or_else(|| walked.err().map(|error| error.to_string()));
    failure.map_or(Ok(()), |reason| Err(format!("`{}`: {reason}", path.display())))
}

/// Whether a file may hold rules. What describes tests of rules does not.
fn is_rule_file(name: &str) -> bool {
    let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
    let ending = file.rsplit_once('.').map_or("", |(_, ending)| ending);
    matches!(ending, "yml" | "yaml")
        && file != "info.yml"
        && !folder.split('/').any(|part| matches!(part, "regression_data" | ".git" | ".github"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_from_folders_and_what_is_no_rule_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let rule = "title: T\nid: 6f3a1f0e-0000-4000-8000-000000000002\n\
                    logsource: {product: linux}\ndetection:\n  s: {a: b}\n  condition: s\n";
        std::fs::create_dir_all(dir.path().join("rules/linux")).unwrap();
        std::fs::create_dir_all(dir.path().join("regression_data/x")).unwrap();
        std::fs::write(dir.path().join("rules/linux/a.yml"), rule).unwrap();
        std::fs::write(dir.path().join("rules/linux/bad.yml"), "title: [").unwrap();
        std::fs::write(dir.path().join("rules/README.md"), "hello").unwrap();
        std::fs::write(dir.path().join("regression_data/x/info.yml"), "a: b").unwrap();
        let (_, report) = read(&[dir.path().to_owned(), "/nonexistent/rules".into()]);
        assert_eq!((report.rules, report.refused), (1, 1), "{report:?}");
        assert_eq!(report.unreadable.len(), 1);
    }
}
