//! Lines that the crates' boundaries alone do not draw: who may construct `norms::Facts`, who may
//! start processes, and which crates must not panic.

use super::{Failure, Repository, repository::RustFile};
use crate::source;

/// The crates that deny every way to panic.
const KERNEL: [&str; 9] =
    ["spine", "durable", "formats", "norms", "ledger", "act", "sources", "patch", "vet"];

/// The lints that those crates deny.
const KERNEL_LINTS: [&str; 7] = [
    "clippy::unwrap_used",
    "clippy::expect_used",
    "clippy::panic",
    "clippy::indexing_slicing",
    "clippy::string_slice",
    "clippy::todo",
    "clippy::unreachable",
];

/// Where processes may be started. Tests may start the program they test.
const PROCESS_PLACES: [&str; 4] =
    ["crates/act/", "crates/ringfort/src/spawn.rs", "crates/xtask/", "crates/testkit/"];

/// `Facts { ... }` is written in `facts` only, and in tests of `norms`.
pub fn facts(repository: &Repository) -> Vec<Failure> {
    let mut failures = Vec::new();
    for file in repository.rust() {
        for at in source::words(&file.masked, "Facts") {
            let line = source::line_of(&file.masked, at);
            let allowed = match file.crate_name() {
                Some("facts") => true,
                Some("norms") => file.is_test_line(line),
                _ => false,
            };
            if !allowed && is_literal(&file.masked, at, "Facts".len()) {
                failures.push(Failure::at(
                    file.path,
                    line,
                    "constructs `Facts`",
                    "only the crate `facts` gathers what the policies read; call it instead",
                ));
            }
        }
    }
    failures
}

/// Whether the type name at `at` opens a struct literal (and not an item or a pattern).
fn is_literal(masked: &str, at: usize, len: usize) -> bool {
    let after = masked.get(at + len..).unwrap_or_default().trim_start();
    if !after.starts_with('{') {
        return false;
    }
    let path = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let before = masked.get(..at).unwrap_or_default().trim_end_matches(path).trim_end();
    let word = |word: &str| {
        before
            .strip_suffix(word)
            .is_some_and(|rest| !rest.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_'))
    };
    let item = ["struct", "impl", "for", "enum", "union", "trait", "mod", "let"].iter();
    !item.copied().any(word) && !before.ends_with('>') && !before.ends_with('&')
}

/// `std::process::Command` is named in four places only (clippy's `disallowed-methods` says the
/// same; this also holds where somebody expects that lint away).
pub fn processes(repository: &Repository) -> Vec<Failure> {
    let mut failures = Vec::new();
    let elsewhere = |file: &RustFile<'_>| !PROCESS_PLACES.iter().any(|p| file.path.starts_with(p));
    for file in repository.rust().filter(elsewhere) {
        for at in source::words(&file.masked, "process") {
            let line = source::line_of(&file.masked, at);
            let after = file.masked.get(at + "process".len()..).unwrap_or_default();
            if names_command(after) && !file.is_test_line(line) {
                failures.push(Failure::at(
                    file.path,
                    line,
                    "may start processes",
                    "processes are started in act, ringfort/src/spawn.rs, xtask and testkit only; \
                     make it an actuator, or read what you need without a process",
                ));
            }
        }
    }
    failures
}

/// Whether `Command` (or everything) is taken from the module whose name ends before `after`.
fn names_command(after: &str) -> bool {
    let Some(after) = after.strip_prefix("::") else { return false };
    let list = after.strip_prefix('{').and_then(|rest| rest.split('}').next());
    match list {
        Some(list) => !source::words(list, "Command").is_empty() || list.contains('*'),
        None => source::words(after, "Command").first() == Some(&0) || after.starts_with('*'),
    }
}

/// The kernel crates deny every way to panic, in their `lib.rs`.
pub fn kernel_lints(repository: &Repository) -> Vec<Failure> {
    let mut failures = Vec::new();
    for name in KERNEL {
        let path = format!("crates/{name}/src/lib.rs");
        let Some(text) = repository.text(&path) else { continue };
        let masked = source::mask(text);
        let denied: String = masked
            .split("#![")
            .filter(|part| part.starts_with("deny(") || part.starts_with("forbid("))
            .filter_map(|part| part.split(']').next())
            .collect();
        for lint in KERNEL_LINTS {
            if source::words(&denied, lint).is_empty() {
                failures.push(Failure::new(
                    path.as_str(),
                    format!("does not deny `{lint}`"),
                    format!("add it to `#![deny(...)]` at the top; `{name}` must not panic"),
                ));
            }
        }
    }
    failures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_constructed_in_facts_and_in_tests_of_norms() {
        let literal = "fn f() -> u8 { g(norms::Facts { a: 1 }) }\n";
        let count = |path: &str, text: &str| facts(&Repository::of(&[(path, text)])).len();
        assert_eq!(count("crates/act/src/lib.rs", literal), 1);
        assert_eq!(count("crates/norms/src/lib.rs", literal), 1);
        assert_eq!(count("crates/ringfort/tests/a.rs", "let x = Facts{a};"), 1);
        assert_eq!(count("crates/facts/src/lib.rs", literal), 0);
        assert_eq!(count("crates/norms/tests/lines.rs", literal), 0);
        let in_tests = format!("#[cfg(test)]\nmod tests {{\n{literal}}}\n");
        assert_eq!(count("crates/norms/src/lib.rs", &in_tests), 0);
        for item in [
            "pub struct Facts { a: u8 }",
            "impl Facts { }",
            "impl From<X> for norms::Facts { }",
            "fn f() -> Facts { g() }",
            "let norms::Facts { a } = f;",
            "// Facts { }",
            "let s = \"Facts { }\";",
            "struct OtherFacts { }",
        ] {
            assert_eq!(count("crates/norms/src/lib.rs", item), 0, "{item}");
        }
    }

    #[test]
    fn processes_start_in_four_places() {
        let text = "fn f() { std::process::Command::new(\"x\"); }\n";
        let count = |path: &str, text: &str| processes(&Repository::of(&[(path, text)])).len();
        assert_eq!(count("crates/sources/src/lib.rs", text), 1);
        assert_eq!(count("crates/ringfort/src/cli/scan.rs", text), 1);
        assert_eq!(count("crates/ringfort/src/spawn.rs", text), 0);
        assert_eq!(count("crates/act/src/lib.rs", text), 0);
        assert_eq!(count("crates/ringfort/tests/scan.rs", text), 0);
        let scan = "crates/ringfort/src/cli/scan.rs";
        for text in [
            "use clap::Command;\nfn f() { Command::new(\"x\"); }",
            "use std::os::unix::process::CommandExt;",
            "use std::process::{self, ExitCode};",
            "use rustix::process::geteuid;",
            "// std::process::Command",
        ] {
            assert_eq!(count(scan, text), 0, "{text}");
        }
        for text in [
            "use std::process::{ExitCode, Command};",
            "use std::process;\nfn f() { process::Command::new(\"x\"); }",
            "use std::process::*;",
        ] {
            assert_eq!(count(scan, text), 1, "{text}");
        }
    }

    #[test]
    fn a_kernel_crate_without_a_lint_fails() {
        let all = format!("#![deny({})]\n", KERNEL_LINTS.join(",\n"));
        let some = "#![deny(clippy::unwrap_used)]\n#![warn(clippy::panic)]\n";
        let commented = format!("// {all}");
        let count =
            |text: &str| kernel_lints(&Repository::of(&[("crates/norms/src/lib.rs", text)])).len();
        assert_eq!(count(&all), 0);
        assert_eq!(count(some), 6);
        assert!(count(&commented) > 0);
    }
}
