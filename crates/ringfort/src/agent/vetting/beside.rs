//! What a signature says of the files beside it: which of them are what was signed, which are not,
//! and which were never signed at all.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use vet::Finding;
use vet::provenance::check::{Checked, State};
use vet::provenance::{Difference, Manifest, Serialization};
use vet::remark::{self, Remark, Weight};

use super::around;
use super::folder::{self, Part};
use crate::failure::Failure;

/// Findings by the file that they are about.
pub type ByFile = BTreeMap<PathBuf, Vec<Finding>>;

const FETCH: &str = "do not load it; fetch the model and its signature again from its publisher";

/// The model that a signature is about: the one file that it names, or the folder it stands in.
fn model_of(signature: &Path, manifest: &Manifest) -> Option<PathBuf> {
    let folder = signature.parent()?;
    if !manifest.resources().iter().any(|r| r.name == "." || r.name.starts_with(".:")) {
        return Some(folder.to_path_buf());
    }
    let name = signature.file_name()?.to_str()?;
    let endings = [".sigstore.json", ".sigstore", ".sig", ".bundle"];
    let named = endings.iter().filter_map(|ending| name.strip_suffix(ending));
    let named = named.map(|stem| folder.join(stem)).find(|path| path.is_file());
    named.or_else(|| {
        let entries = std::fs::read_dir(folder).ok()?.filter_map(Result::ok);
        let mut others = entries.map(|entry| entry.path()).filter(|path| {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            path.is_file() && name.is_some_and(|name| !around::may_be_signature(&name))
        });
        let first = others.next()?;
        others.next().is_none().then_some(first)
    })
}

/// A file that no loader takes for part of a model: what is written for people, and git's own.
fn is_for_people(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
    let written = [".md", ".txt", ".rst", ".png", ".jpg", ".svg", ".pdf"];
    last.starts_with('.')
        || written.iter().any(|ending| last.ends_with(ending))
        || ["license", "notice", "readme", "copying"].iter().any(|name| last.starts_with(name))
}

/// Holds a signature against the files that were asked about; none asked: against all of them.
pub fn hold(
    signature: &Path,
    checked: &Checked,
    asked: Option<&BTreeSet<PathBuf>>,
) -> Result<ByFile, Failure> {
    let mut found = ByFile::new();
    let Some(manifest) = &checked.manifest else { return Ok(found) };
    let Some(model) = model_of(signature, manifest) else { return Ok(found) };
    // A link that leads out of the model would be hashed as what it leads to; what was signed says
    // whether that was meant.
    let how = Serialization { allow_symlinks: true, ..manifest.serialization().clone() };
    let parts: Vec<Part> = folder::parts(&model, true)?
        .into_iter()
        .filter(|(_, path)| {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            path != signature && name.is_none_or(|name| !around::may_be_signature(&name))
        })
        .collect();
    let wanted = |part: &Part| asked.is_none_or(|asked| asked.contains(&part.1));
    let here = folder::hash(manifest.model(), &parts, &how, &wanted)?;
    let paths: BTreeMap<&str, &PathBuf> =
        parts.iter().map(|(name, path)| (name.as_str(), path)).collect();
    let differences = manifest.differences(&here);
    let mut wrong = BTreeSet::new();
    for difference in &differences {
        let (name, rule, weight) = match difference {
            Difference::Changed(name) => (name, "provenance.changed", Weight::Suspicious),
            Difference::Missing(_) if asked.is_some() => continue,
            Difference::Missing(name) => (name, "provenance.missing", Weight::Suspicious),
            Difference::Added(name) if is_for_people(name) => {
                (name, "provenance.unsigned", Weight::Note)
            }
            Difference::Added(name) => (name, "provenance.unsigned", Weight::Suspicious),
        };
        let file = file_of(name, manifest);
        wrong.insert(file);
        let why = format!("{difference} (the signature is of {})", checked.signer);
        let remark = Remark::new(rule, weight, 0, why, name, FETCH);
        let at = paths.get(file).filter(|_| !matches!(difference, Difference::Missing(_)));
        let at = at.map_or_else(|| signature.to_path_buf(), |path| (*path).clone());
        found.entry(at).or_default().extend(remark::findings(vec![remark], "", false));
    }
    if let State::Verified { trusted, .. } = checked.state {
        let resources = here.resources().iter().map(|resource| file_of(&resource.name, &here));
        let right: BTreeSet<&str> = resources.filter(|file| !wrong.contains(file)).collect();
        for path in right.into_iter().filter_map(|file| paths.get(file)) {
            let note = around::signed(&checked.signer, trusted);
            found.entry((*path).clone()).or_default().extend(note);
        }
    }
    Ok(found)
}

/// How a signature stands that is not good, or could not be checked.
pub fn stands(checked: &Checked) -> Vec<Finding> {
    let by = &checked.signer;
    let (rule, weight, why, next) = match &checked.state {
        State::Verified { .. } => return Vec::new(),
        State::Unchecked { why } => (
            "provenance.unchecked",
            Weight::Note,
            format!("a signature of {by} lies beside it, and could not be checked: {why}"),
            "give the signer's key with `--key`, or the root with `--certificates`",
        ),
        State::Refused { why } => (
            "provenance.refused",
            Weight::Suspicious,
            format!("the signature of {by} that lies beside it is not good: {why}"),
            FETCH,
        ),
    };
    remark::findings(vec![Remark::new(rule, weight, 0, why, by, next)], "", false)
}

/// A signature that could not be held against the files.
pub fn not_compared(why: &str) -> Vec<Finding> {
    let reason = format!("the signature could not be held against the files: {why}");
    let rule = "provenance.not_compared";
    let next = "look at the files that cannot be read";
    remark::findings(vec![Remark::new(rule, Weight::Unknown, 0, reason, why, next)], "", false)
}

/// The file of a shard.
fn file_of<'a>(name: &'a str, manifest: &Manifest) -> &'a str {
    match manifest.serialization().method {
        vet::provenance::Method::Files => name,
        vet::provenance::Method::Shards { .. } => name.rsplitn(3, ':').nth(2).unwrap_or(name),
    }
}

/// Signatures that lie beside a file that was named by itself.
pub fn signatures_of(file: &Path) -> Vec<PathBuf> {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let beside = |name: String| file.with_file_name(name);
    [
        format!("{name}.sig"),
        format!("{name}.sigstore.json"),
        format!("{name}.sigstore"),
        "model.sig".to_owned(),
    ]
    .into_iter()
    .map(beside)
    .filter(|path| path.is_file() && path != file)
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use vet::provenance::check::{Known, check};
    use vet::provenance::{SigningKey, sign};

    const KEY: &[u8] = b"-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n\
        -----END PRIVATE KEY-----\n";

    fn rules(found: &ByFile, path: &Path) -> Vec<String> {
        found.get(path).into_iter().flatten().map(|finding| finding.rule.clone()).collect()
    }

    #[test]
    fn what_was_changed_added_and_lost_is_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for (name, text) in [("a.bin", "1"), ("b.bin", "2"), ("c.bin", "3")] {
            std::fs::write(at(name), text).unwrap();
        }
        let key = SigningKey::from_pem(KEY).unwrap();
        let parts = folder::parts(dir.path(), false).unwrap();
        let manifest = folder::hash("m", &parts, &Serialization::default(), &|_| true).unwrap();
        std::fs::write(at("model.sig"), sign(&manifest, &key).unwrap()).unwrap();
        std::fs::write(at("b.bin"), "changed").unwrap();
        std::fs::remove_file(at("c.bin")).unwrap();
        std::fs::write(at("README.md"), "words").unwrap();
        std::fs::write(at("extra.py"), "import os").unwrap();
        let known = Known { keys: vec![key.public().clone()], ..Known::default() };
        let checked = check(&std::fs::read(at("model.sig")).unwrap(), &known).unwrap();
        let found = hold(&at("model.sig"), &checked, None).unwrap();
        assert_eq!(rules(&found, &at("a.bin")), ["provenance.signed"]);
        assert_eq!(rules(&found, &at("b.bin")), ["provenance.changed"]);
        assert_eq!(rules(&found, &at("model.sig")), ["provenance.missing"]);
        assert_eq!(found[&at("README.md")][0].severity, vet::Severity::Note);
        assert_eq!(found[&at("extra.py")][0].severity, vet::Severity::Medium);
        assert!(stands(&checked).is_empty());
        let blind = check(&std::fs::read(at("model.sig")).unwrap(), &Known::default()).unwrap();
        assert_eq!(stands(&blind)[0].severity, vet::Severity::Note);
        assert_eq!(not_compared("x")[0].severity, vet::Severity::Unknown);
        let asked = BTreeSet::from([at("a.bin")]);
        let found = hold(&at("model.sig"), &checked, Some(&asked)).unwrap();
        assert_eq!(found.keys().collect::<Vec<_>>(), [&at("a.bin")]);
        assert_eq!(signatures_of(&at("a.bin")), [at("model.sig")]);
    }
}
