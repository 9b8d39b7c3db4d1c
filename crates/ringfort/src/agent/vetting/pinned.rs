//! Trust on first use: what each folder of a model was when it was first seen, and what is said
//! when it is something else today.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use durable::{Files as _, StdFiles};
use sha2::{Digest as _, Sha256};
use vet::Report;
use vet::provenance::pins::{Change, Pin, PinBook, Seen};
use vet::remark::{self, Remark, Weight};

use crate::failure::{Failure, OrHint as _};

const ACCEPT: &str = "look at what changed with `ringfort vet-drift`; take its entry out of the \
                      file of pins to accept it";

/// The name and the revision of a folder: of a hub's cache (`models--OWNER--NAME/snapshots/COMMIT`)
/// those of the repository, otherwise its path.
fn name_of(folder: &Path) -> (String, Option<String>) {
    let whole = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
    let parts: Vec<String> =
        whole.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    let snapshot = parts.windows(3).find_map(|three| match three {
        [repository, middle, commit] if middle == "snapshots" => {
            let name = repository.strip_prefix("models--")?;
            Some((name.replace("--", "/"), Some(commit.clone())))
        }
        _ => None,
    });
    snapshot.unwrap_or_else(|| (whole.display().to_string(), None))
}

/// SHA-256 over the paths and digests of the files of a folder.
fn digest_of(folder: &Path, digests: &[(PathBuf, String)]) -> Option<String> {
    let mut files: BTreeMap<&Path, &str> = BTreeMap::new();
    for (path, sha256) in digests {
        if let Ok(relative) = path.strip_prefix(folder) {
            files.insert(relative, sha256);
        }
    }
    let mut state = Sha256::new();
    for (path, sha256) in &files {
        state.update(path.as_os_str().as_encoded_bytes());
        state.update([0]);
        state.update(sha256.as_bytes());
        state.update([0]);
    }
    (!files.is_empty()).then(|| hex::encode(state.finalize()))
}

/// One report a folder; the book is written anew where a folder was seen for the first time.
pub fn folders(
    book: &Path,
    paths: &[&PathBuf],
    digests: &[(PathBuf, String)],
    now_ms: i64,
) -> Result<Vec<Report>, Failure> {
    let help = "name a file of pins that ringfort wrote, or one that is not there yet";
    let mut pins: PinBook = match std::fs::read(book) {
        Ok(bytes) => serde_json::from_slice(&bytes).or_hint("the pins do not read", help)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => PinBook::default(),
        Err(error) => return Err(error).or_hint("the pins cannot be read", help),
    };
    let mut reports = Vec::new();
    for folder in paths.iter().filter(|path| path.is_dir()) {
        let Some(digest) = digest_of(folder, digests) else { continue };
        let (name, revision) = name_of(folder);
        let pin = Pin { revision, digest: digest.clone(), signer: None, pinned_ms: now_ms };
        let remarks = said(&pins.see(&name, &pin));
        let findings = remark::findings(remarks, "", false);
        reports.push(Report {
            path: folder.display().to_string(),
            sha256: digest,
            size: 0,
            format: "snapshot".to_owned(),
            verdict: Report::verdict_of(&findings),
            findings,
        });
    }
    let json = serde_json::to_vec_pretty(&pins).or_hint("the pins cannot be written", help)?;
    StdFiles.write_atomic(book, &json).or_hint("the pins cannot be written", help)?;
    Ok(reports)
}

fn said(seen: &Seen) -> Vec<Remark> {
    let say = |rule, weight, why: String| vec![Remark::new(rule, weight, 0, why, "", ACCEPT)];
    match seen {
        Seen::Same => Vec::new(),
        Seen::First => say(
            "provenance.first_seen",
            Weight::Note,
            "it was never seen here before, and is remembered from now on".to_owned(),
        ),
        Seen::Full => say(
            "provenance.pins_full",
            Weight::Unknown,
            "no more folders can be remembered".to_owned(),
        ),
        Seen::Changed(changes) => changes.iter().flat_map(|change| said_of(change, &say)).collect(),
    }
}

fn said_of(
    change: &Change,
    say: &dyn Fn(&'static str, Weight, String) -> Vec<Remark>,
) -> Vec<Remark> {
    let shown = |revision: &Option<String>| revision.clone().unwrap_or_else(|| "none".to_owned());
    match change {
        Change::Revision { from, to } => say(
            "provenance.new_revision",
            Weight::Suspicious,
            format!("it was at revision {}, and is at {} now", shown(from), shown(to)),
        ),
        Change::Files => say(
            "provenance.rewritten",
            Weight::Suspicious,
            "its files are not those that were here under the same name".to_owned(),
        ),
        Change::Signer { from, to } => say(
            "provenance.new_signer",
            Weight::Suspicious,
            format!("it was signed by {}, and is by {} now", shown(from), shown(to)),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vet::Verdict;

    #[test]
    fn a_folder_is_remembered_and_a_change_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let (book, folder) = (dir.path().join("pins"), dir.path().to_path_buf());
        let digest = |text: &str| vec![(folder.join("a"), text.repeat(64))];
        let see = |text: &str| folders(&book, &[&folder], &digest(text), 1).unwrap().remove(0);
        assert_eq!(see("a").findings[0].rule, "provenance.first_seen");
        assert!(see("a").findings.is_empty());
        let changed = see("b");
        assert_eq!((changed.verdict, changed.findings[0].rule.as_str()), {
            (Verdict::Suspicious, "provenance.rewritten")
        });
        assert_eq!(see("b").verdict, Verdict::Suspicious, "until a person accepts it");
    }

    #[test]
    fn a_snapshot_is_known_by_its_repository_and_commit() {
        let path = Path::new("/srv/hub/models--org--name/snapshots/abc");
        assert_eq!(name_of(path), ("org/name".to_owned(), Some("abc".to_owned())));
        assert_eq!(name_of(Path::new("/srv/m")).1, None);
    }
}
