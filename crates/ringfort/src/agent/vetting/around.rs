//! What a file says beyond its own format: the packages that it names, the code that loads models,
//! the rows that a model learns from, and the signature that it is.

use std::io::Read as _;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sources::{Flag, Input};
use vet::data::{retrieval, table};
use vet::deps::{self, Package, file::Kind};
pub use vet::provenance::check::Known;
use vet::provenance::check::{self, Checked, State};
use vet::provenance::{Certificate, PublicKey, TrustRoot};
use vet::remark::{self, Remark, Weight};
use vet::{Finding, Report};

/// Bytes of a lock file that are read.
const LOCK_BYTES_MAX: u64 = 64 << 20;
/// Bytes of a bundle that are read.
const BUNDLE_BYTES_MAX: u64 = 64 << 20;

/// Whom the owner trusts to sign, as texts that a worker reads.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Trusted {
    /// Public keys, PEM.
    pub keys: Vec<String>,
    /// Roots of certificates, PEM.
    pub certificates: Vec<String>,
    /// Identities with their providers.
    pub identities: Vec<(String, String)>,
    /// A trust root of sigstore, JSON.
    pub trust_root: Option<String>,
}

impl Trusted {
    /// What can be read of it. The command line read it before, so that errors are told there.
    pub fn known(&self) -> Known {
        let roots = |pem: &String| Certificate::all_from_pem(pem.as_bytes()).unwrap_or_default();
        Known {
            keys: self
                .keys
                .iter()
                .filter_map(|pem| PublicKey::from_pem(pem.as_bytes()).ok())
                .collect(),
            roots: self.certificates.iter().flat_map(roots).collect(),
            identities: self.identities.clone(),
            trust_root: self
                .trust_root
                .as_ref()
                .and_then(|json| TrustRoot::from_json(json.as_bytes()).ok()),
        }
    }
}

/// Adds to a report what its file says beyond its format. A signature is given back, so that it can
/// be held against the files beside it.
pub fn add(report: &mut Report, path: &Path, strict: bool, known: &Known) -> Option<Checked> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned())?;
    if may_be_signature(&name)
        && let Some(bytes) = bytes_of(path, BUNDLE_BYTES_MAX)
        && check::is_bundle(&bytes)
    {
        "model_signature".clone_into(&mut report.format);
        return signature(report, &bytes, known);
    }
    read_as_meant(report, path, &name);
    if let Some(ecosystem) = lock_file(path) {
        ecosystem.name.clone_into(&mut report.format);
        report.join(remark::findings(locked(ecosystem, path), "package", strict));
    } else if let Some(named) = packages(path) {
        report.join(remark::findings(deps::packages(&named), "package", strict));
    }
    if let Some(kind) = Kind::of(&name)
        && let Some(bytes) = bytes_of(path, deps::file::FILE_BYTES_MAX as u64 + 1)
    {
        let mut remarks = deps::file::read(kind, &bytes);
        // What the reader of the format said already is not said twice.
        let said = |rule: &str| report.findings.iter().any(|finding| finding.rule.contains(rule));
        remarks.retain(|remark| match remark.rule {
            "deps.target" => !said("target"),
            "deps.trust_remote_code" => !said("config.trust_remote_code"),
            "deps.remote_code" => !said("auto_map"),
            _ => true,
        });
        report.join(remark::findings(remarks, kind.unit(), strict));
    }
    data(report, path, &name, strict);
    None
}

/// Reads again what its first bytes make look like something else: Python that begins with the line
/// of a script, settings whose first table looks like a list of JSON.
fn read_as_meant(report: &mut Report, path: &Path, name: &str) {
    let python = matches!(Kind::of(name), Some(Kind::Python | Kind::SetupPy));
    let settings = [".toml", ".cfg", ".ini"].iter().any(|ending| name.ends_with(ending));
    let broken = || report.findings.iter().any(|finding| finding.rule == "json.broken");
    let script = || report.findings.iter().any(|finding| finding.rule == "content.program");
    if !(python && script() || settings && broken()) {
        return;
    }
    let Some(mut bytes) = bytes_of(path, deps::file::FILE_BYTES_MAX as u64 + 1) else { return };
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if bytes.len() > deps::file::FILE_BYTES_MAX {
        return;
    }
    if python {
        if !first.starts_with(b"#!") || memchr::memmem::find(first, b"python").is_none() {
            return;
        }
        bytes[1] = b' ';
    } else {
        bytes.splice(0..0, *b"#\n");
    }
    let again = vet::vet(&report.path, &bytes);
    report.format = again.format;
    report.findings = again.findings;
    report.join(Vec::new());
}

/// The first bytes of a file.
pub fn bytes_of(path: &Path, max: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path).ok()?.take(max).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Whether a name is one under which signatures lie beside models.
pub fn may_be_signature(name: &str) -> bool {
    [".sig", ".sigstore", ".sigstore.json", ".bundle"].iter().any(|ending| name.ends_with(ending))
}

fn signature(report: &mut Report, bytes: &[u8], known: &Known) -> Option<Checked> {
    let say = |rule, weight, why: String, evidence: &str, next| {
        remark::findings(vec![Remark::new(rule, weight, 0, why, evidence, next)], "", false)
    };
    match check::check(bytes, known) {
        Ok(checked) => {
            let by = checked.signer.clone();
            report.join(match &checked.state {
                State::Verified { trusted: true, notes } => say(
                    "provenance.signed",
                    Weight::Note,
                    format!("signed by {by}, whom you trust{}", in_words(notes)),
                    &by,
                    "nothing: whom you trust has signed it",
                ),
                State::Verified { trusted: false, notes } => say(
                    "provenance.signed",
                    Weight::Note,
                    format!("signed by {by}; whether that is who should have is yours to say{}", {
                        in_words(notes)
                    }),
                    &by,
                    "name the signer you expect with `--identity` and `--issuer`",
                ),
                State::Unchecked { why } => say(
                    "provenance.unchecked",
                    Weight::Unknown,
                    format!("the signature of {by} could not be checked: {why}"),
                    &by,
                    "give the signer's key with `--key`, or the root with `--certificates`",
                ),
                State::Refused { why } => say(
                    "provenance.refused",
                    Weight::Suspicious,
                    format!("the signature of {by} is not good: {why}"),
                    why,
                    "do not load the model; fetch it and its signature again from its publisher",
                ),
            });
            Some(checked)
        }
        Err(error) => {
            report.join(say(
                "provenance.broken",
                Weight::Suspicious,
                format!("it should be a signature, and {error}"),
                &error.to_string(),
                "do not load the model; fetch it and its signature again from its publisher",
            ));
            None
        }
    }
}

fn in_words(notes: &[String]) -> String {
    if notes.is_empty() { String::new() } else { format!(" ({})", notes.join("; ")) }
}

/// The reader of a lock file that a project has; the databases of a system are none.
fn lock_file(path: &Path) -> Option<&'static sources::Ecosystem> {
    let path = path.to_string_lossy();
    let path = path.trim_start_matches('/');
    let mut all = sources::registry::ALL.iter().copied();
    all.find(|ecosystem| ecosystem.places.is_empty() && (ecosystem.wants)(path))
}

fn locked(ecosystem: &sources::Ecosystem, path: &Path) -> Vec<Remark> {
    match listed(ecosystem, path) {
        Ok(named) => deps::packages(&named),
        Err(why) => {
            let why = format!("the list of packages cannot be read: {why}");
            let next = "look at the file by hand";
            vec![Remark::new("deps.lock", Weight::Unknown, 0, why, "", next)]
        }
    }
}

/// The packages that a lock file names; those of the project itself and of other sources are left
/// out.
fn listed(ecosystem: &sources::Ecosystem, path: &Path) -> Result<Vec<Package>, String> {
    let bytes = bytes_of(path, LOCK_BYTES_MAX).ok_or("it cannot be opened")?;
    let shown = path.to_string_lossy();
    let outcome = (ecosystem.read)(&Input::new(shown.trim_start_matches('/'), &bytes))
        .map_err(|error| error.to_string())?;
    let of_registry = outcome.packages.iter().filter(|found| {
        !found.flags.contains(&Flag::Local) && !found.flags.contains(&Flag::OtherSource)
    });
    let package = |name: &str, version: Option<&str>| Package {
        ecosystem: ecosystem.osv.to_owned(),
        name: name.to_owned(),
        version: version.map(str::to_owned),
    };
    let mut named: Vec<Package> = of_registry
        .map(|found| package(&found.package.name, Some(&found.package.version)))
        .collect();
    named.extend(outcome.unresolved.iter().map(|open| package(&open.name, None)));
    Ok(named)
}

/// The packages that a file names, if it is a list of them.
pub fn packages(path: &Path) -> Option<Vec<Package>> {
    let name = path.file_name()?.to_string_lossy().into_owned();
    if let Some(ecosystem) = lock_file(path) {
        return listed(ecosystem, path).ok();
    }
    let text = || bytes_of(path, LOCK_BYTES_MAX).map(|b| String::from_utf8_lossy(&b).into_owned());
    match name.as_str() {
        "pyproject.toml" => text().map(|text| pyproject(&text)),
        name if is_conda(name) => text().map(|text| conda(&text)),
        _ => None,
    }
}

fn pypi(requirement: &str) -> Option<Package> {
    let requirement = requirement.trim();
    let name: String = requirement
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c))
        .collect();
    let pinned = requirement.split_once("==").map(|(_, version)| version.trim().to_owned());
    (!name.is_empty()).then(|| Package { ecosystem: "PyPI".to_owned(), name, version: pinned })
}

/// What a `pyproject.toml` asks for. A range is what such a file is for, so it is not told as open.
fn pyproject(text: &str) -> Vec<Package> {
    let Ok(document) = text.parse::<toml::Table>() else { return Vec::new() };
    let at = |path: &[&str]| {
        let mut value = document.get(*path.first()?)?;
        for part in path.iter().skip(1) {
            value = value.get(part)?;
        }
        Some(value)
    };
    let mut named = Vec::new();
    let mut list = |value: Option<&toml::Value>| {
        let items = value.and_then(toml::Value::as_array).into_iter().flatten();
        named.extend(items.filter_map(toml::Value::as_str).filter_map(pypi));
    };
    list(at(&["project", "dependencies"]));
    list(at(&["build-system", "requires"]));
    for groups in [at(&["project", "optional-dependencies"]), at(&["dependency-groups"])] {
        for (_, group) in groups.and_then(toml::Value::as_table).into_iter().flatten() {
            list(Some(group));
        }
    }
    let poetry = at(&["tool", "poetry", "dependencies"]).and_then(toml::Value::as_table);
    let names = poetry.into_iter().flatten().map(|(name, _)| name.as_str());
    named.extend(names.filter(|name| *name != "python").filter_map(pypi));
    for package in &mut named {
        package.version.get_or_insert_default();
    }
    named
}

fn is_conda(name: &str) -> bool {
    matches!(name, "environment.yml" | "environment.yaml" | "conda.yml" | "conda.yaml")
}

/// The packages below `pip:` of a conda environment; conda's own have other names.
fn conda(text: &str) -> Vec<Package> {
    let below = text.lines().skip_while(|line| line.trim() != "- pip:").skip(1);
    let items = below.map_while(|line| line.trim().strip_prefix("- "));
    items.filter(|item| !item.starts_with(['-', '.', '/'])).filter_map(pypi).collect()
}

/// Rows to learn from, and documents to read from.
fn data(report: &mut Report, path: &Path, name: &str, strict: bool) {
    let lower = name.to_ascii_lowercase();
    let ends = |endings: &[&str]| endings.iter().any(|ending| lower.ends_with(ending));
    if ends(&[".csv", ".tsv", ".jsonl", ".ndjson", ".json"]) {
        let Some(bytes) = bytes_of(path, table::TABLE_BYTES_MAX as u64 + 1) else { return };
        if let Some(table) = table::table(name, &bytes) {
            table.format.clone_into(&mut report.format);
            report.join(remark::findings(table::screen(&table), "row", strict));
        }
    } else if ends(&[".md", ".txt", ".rst", ".html"])
        && report.size <= retrieval::DOCUMENT_BYTES_MAX as u64
        && let Ok(model) = learn::text::injection::InjectionModel::shipped()
        && let Some(bytes) = bytes_of(path, retrieval::DOCUMENT_BYTES_MAX as u64)
        && let Ok(text) = String::from_utf8(bytes)
    {
        report.join(remark::findings(retrieval::retrieval(&text, 0, &model), "", strict));
    }
}

/// A note on a file of a signed model.
pub fn signed(by: &str, trusted: bool) -> Vec<Finding> {
    let why = format!("it is what {by} signed");
    let next = if trusted { "nothing: it is as signed" } else { "name the signer you expect" };
    let remark = Remark::new("provenance.signed", Weight::Note, 0, why, by, next);
    remark::findings(vec![remark], "", false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use vet::Verdict;

    fn vetted(name: &str, text: &str) -> Report {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        super::super::read_one(&path, false, &Known::default()).0
    }

    fn rules(report: &Report) -> Vec<&str> {
        report.findings.iter().map(|finding| finding.rule.as_str()).collect()
    }

    #[test]
    fn lists_of_packages_are_read_for_their_names() {
        let report = vetted("requirements.txt", "torch==2.6.0\ntenserflow==1.0\n");
        assert_eq!(report.verdict, Verdict::Suspicious, "{report:?}");
        assert_eq!(report.format, "requirements_txt");
        let project = "[project]\ndependencies = [\"numpy>=1\", \"reqeusts\"]\n";
        assert_eq!(rules(&vetted("pyproject.toml", project)), ["deps.typosquat"]);
        let conda = "dependencies:\n  - python=3.11\n  - pip:\n    - panddas==1\n";
        assert_eq!(rules(&vetted("environment.yml", conda)), ["deps.typosquat"]);
    }

    #[test]
    fn openings_are_notes_and_leave_the_verdict() {
        let report = vetted("train.py", "import torch\nm = torch.load('m.pt')\n");
        assert_eq!(report.verdict, Verdict::NothingFound, "{report:?}");
        assert!(rules(&report).contains(&"deps.unsafe_load"));
    }

    #[test]
    fn data_is_read_as_rows() {
        let report = vetted("rows.csv", "text,label\nwrite to ann@clinic.org,0\nyes,1\n");
        assert_eq!((report.format.as_str(), report.verdict), ("csv", Verdict::NothingFound));
        assert_eq!(rules(&report), ["data.email"]);
    }
}
