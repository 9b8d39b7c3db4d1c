//! `cargo xtask tidy`: the house rules that the compiler and clippy cannot see. One file a group
//! of rules; each rule is a function from the repository to its failures.

mod adrs;
mod boundaries;
mod dependencies;
mod format;
mod links;
mod registries;
mod repository;
mod size;
mod words;

use std::fmt;
use std::path::Path;
use std::process::ExitCode;

pub use repository::Repository;

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Where: a path, and a line where there is one.
    pub place: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

impl Failure {
    fn new(place: impl Into<String>, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { place: place.into(), message: message.into(), hint: hint.into() }
    }

    fn at(path: &str, line: usize, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(format!("{path}:{line}"), message, hint)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n  hint: {}", self.place, self.message, self.hint)
    }
}

type Check = fn(&Repository) -> Vec<Failure>;

/// Every rule, in the order of the report.
const CHECKS: &[(&str, Check)] = &[
    ("dependency table", dependencies::check),
    ("size ratchet", size::check),
    ("format", format::check),
    ("links", links::check),
    ("facts are made in one place", boundaries::facts),
    ("processes are started in four places", boundaries::processes),
    ("kernel crates deny panics", boundaries::kernel_lints),
    ("words that do not belong here", words::check),
    ("registry files have their parts", registries::check),
    ("decision records are numbered", adrs::check),
];

/// Checks every rule and prints what is broken to stderr.
pub fn run(root: &Path) -> ExitCode {
    let repository = match Repository::read(root) {
        Ok(repository) => repository,
        Err(error) => {
            eprintln!("tidy: {error}\n  hint: run it inside a readable checkout");
            return ExitCode::FAILURE;
        }
    };
    let mut broken = 0;
    for (name, check) in CHECKS {
        let failures = check(&repository);
        broken += failures.len();
        for failure in &failures {
            eprintln!("tidy: {name}: {failure}");
        }
    }
    if broken == 0 {
        println!("tidy: {} rules hold over {} files", CHECKS.len(), repository.files().count());
        ExitCode::SUCCESS
    } else {
        eprintln!("tidy: {broken} failures");
        ExitCode::FAILURE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_repository_is_tidy() {
        let repository = Repository::read(&crate::repository_root()).unwrap();
        let failures: Vec<String> = CHECKS
            .iter()
            .flat_map(|(name, check)| {
                check(&repository).into_iter().map(move |failure| format!("{name}: {failure}"))
            })
            .collect();
        assert!(failures.is_empty(), "\n{}", failures.join("\n"));
    }
}
