//! Judges Python source and compiled code.

use super::{LOOK, Opinion, REFUSE};
use crate::fact::CodeKind;
use crate::finding::Severity;

/// Judges source.
pub fn judge(kind: CodeKind, text: &str) -> Vec<Opinion> {
    crate::python::judge(kind, text)
}

/// Names in compiled code that say that it acts on the machine.
const ACTS: &[&str] = &[
    "system",
    "popen",
    "exec",
    "eval",
    "compile",
    "__import__",
    "subprocess",
    "Popen",
    "check_output",
    "socket",
    "urlopen",
    "requests",
    "os",
    "sys",
    "open",
    "ctypes",
    "marshal",
    "b64decode",
    "rmtree",
    "builtins",
    "importlib",
    "getattr",
    "pty",
    "shutil",
];

/// Judges compiled code by the names in it.
pub fn judge_bytecode(kind: &str, names: &[String]) -> Vec<Opinion> {
    let acts: Vec<&str> =
        names.iter().map(String::as_str).filter(|name| ACTS.contains(name)).collect();
    let (severity, reason) = if acts.is_empty() {
        (Severity::Medium, "It holds compiled Python code.".to_owned())
    } else {
        (Severity::High, format!("It holds compiled Python code that uses {}.", acts.join(", ")))
    };
    let next = if severity == Severity::High { REFUSE } else { LOOK };
    vec![Opinion::new(
        "code.compiled",
        severity,
        reason,
        format!("{kind}: {}", names.join(" ")),
        next,
    )]
}
