//! Programs that somebody develops, told from code that lies beside a model.
//!
//! A program starts other programs, opens connections and removes files: that is what it is for.
//! The code beside a model has no reason to. So in a project the openings of source code are notes;
//! what no program needs (hidden code, secrets that are sent away) stays what it is, and so does
//! every model, wherever it lies.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use vet::{Report, Severity};

/// Files that stand at the root of a project.
const MARKS: [&str; 9] = [
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "package.json",
    "Cargo.toml",
    "go.mod",
    "CMakeLists.txt",
    "Makefile",
    "PKG-INFO",
];
/// Endings of source code and of what is written for people.
const SOURCES: [&str; 24] = [
    "py", "pyi", "ipynb", "sh", "bash", "js", "mjs", "ts", "c", "cc", "cpp", "cu", "h", "hpp",
    "rs", "go", "java", "rb", "pl", "md", "rst", "txt", "cfg", "html",
];

/// Endings of files that hold the numbers of a model.
const WEIGHTS: [&str; 12] = [
    "safetensors",
    "bin",
    "gguf",
    "pt",
    "pth",
    "ckpt",
    "pkl",
    "onnx",
    "h5",
    "keras",
    "msgpack",
    "tflite",
];

/// The roots of the projects among files.
pub fn roots(files: &[(PathBuf, u64)]) -> BTreeSet<PathBuf> {
    let marked = files.iter().filter(|(path, _)| {
        path.file_name().is_some_and(|name| MARKS.iter().any(|mark| name == *mark))
    });
    let mut roots: BTreeSet<PathBuf> =
        marked.filter_map(|(path, _)| path.parent().map(Path::to_path_buf)).collect();
    // The folder of a model does not become a project by a file that its publisher adds.
    for (path, _) in files {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        if let Some(folder) = path.parent().filter(|_| WEIGHTS.contains(&ending)) {
            roots.remove(folder);
        }
    }
    roots
}

/// Whether a file is source code of a project: it lies below a root, and not in a folder whose
/// `config.json` tells a loader to take code from beside the model.
pub fn is_source(path: &Path, roots: &BTreeSet<PathBuf>) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let named = path.file_name().is_some_and(|name| MARKS.iter().any(|mark| name == *mark));
    if !named && !SOURCES.contains(&ending) {
        return false;
    }
    let below = path.ancestors().skip(1).any(|folder| roots.contains(folder));
    below && !path.parent().is_some_and(has_remote_code)
}

fn has_remote_code(folder: &Path) -> bool {
    let config = super::around::bytes_of(&folder.join("config.json"), 1 << 20);
    config.is_some_and(|bytes| memchr::memmem::find(&bytes, b"auto_map").is_some())
}

/// Openings of source code become notes. So does what a client of a service does when it is used
/// (it sends a key to that service, it keeps a file that it fetched). What happens as soon as
/// something is imported, and writing to a place from which code runs later, stay what they are.
pub fn soften(report: &mut Report) {
    const OPENINGS: [&str; 3] = ["code.", "content.program", "text."];
    const CLIENTS: [&str; 3] = ["code.write", "code.network", "code.fetch"];
    for finding in &mut report.findings {
        let opening = OPENINGS.iter().any(|rule| finding.rule.starts_with(rule));
        let later = finding.reason.starts_with("It writes to a place");
        let client = CLIENTS.contains(&finding.rule.as_str())
            && finding.evidence.contains("when it is used")
            && !later;
        if opening && finding.severity == Severity::Medium || client {
            finding.severity = Severity::Note;
        }
    }
    report.join(Vec::new());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_of_a_project_is_told_from_code_beside_a_model() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for (name, text) in [
            ("p/setup.py", ""),
            ("p/src/run.py", ""),
            ("p/models/m/config.json", r#"{"auto_map": {}}"#),
            ("p/models/m/modeling_m.py", ""),
            ("p/weights.pkl", ""),
            ("other/run.py", ""),
        ] {
            std::fs::create_dir_all(at(name).parent().unwrap()).unwrap();
            std::fs::write(at(name), text).unwrap();
        }
        let roots = roots(&[(at("p/setup.py"), 0), (at("p/src/run.py"), 0)]);
        assert!(is_source(&at("p/src/run.py"), &roots));
        for other in ["p/models/m/modeling_m.py", "p/weights.pkl", "other/run.py"] {
            assert!(!is_source(&at(other), &roots), "{other}");
        }
    }

    #[test]
    fn what_runs_on_import_stays_and_what_a_client_does_becomes_a_note() {
        use Severity::{High, Medium, Note};
        let softened = |rule: &str, severity, evidence: &str, reason: &str| {
            let finding = vet::Finding {
                rule: rule.into(),
                id: String::new(),
                severity,
                reason: reason.into(),
                evidence: evidence.into(),
                member: String::new(),
                offset: None,
                next: String::new(),
            };
            let mut report = super::super::unread(Path::new("x"), "");
            report.findings = vec![finding];
            soften(&mut report);
            report.findings[0].severity
        };
        let used = "line 3, when it is used: requests.post()";
        let imported = "line 3, when it is imported: requests.post()";
        assert_eq!(softened("code.network", High, used, "It uses the network."), Note);
        assert_eq!(softened("code.network", High, imported, "It uses the network."), High);
        assert_eq!(softened("code.process", Medium, used, "It starts a process."), Note);
        assert_eq!(softened("code.run", High, used, "It runs code."), High);
        let later = "It writes to a place from which code runs later.";
        assert_eq!(softened("code.write", High, used, later), High);
        assert_eq!(softened("deps.typosquat", Medium, "", ""), Medium);
    }

    #[test]
    fn a_model_does_not_become_a_project_by_one_more_file() {
        let files = ["m/Makefile", "m/model.safetensors", "p/Makefile"];
        let roots = roots(&files.map(|name| (PathBuf::from(name), 0)));
        assert_eq!(roots, BTreeSet::from([PathBuf::from("p")]));
    }
}
