//! `rustfmt --check` of every Rust file. `cargo fmt` follows `mod` lines only, and registry files
//! are reached through a list that the build writes, so it would never see them.

use std::process::Command;

use super::{Failure, Repository};

/// Files that one call of rustfmt gets.
const BATCH: usize = 200;

/// Formats every Rust file in memory and compares.
pub fn check(repository: &Repository) -> Vec<Failure> {
    let Some(root) = repository.root() else { return Vec::new() };
    let files: Vec<&str> = repository.texts(".rs").map(|(path, _)| path).collect();
    let mut failures = Vec::new();
    for batch in files.chunks(BATCH) {
        let rustfmt = Command::new("rustfmt")
            .args(["--check", "--edition", "2024", "--color", "never", "-l"])
            .args(batch)
            .current_dir(root)
            .output();
        match rustfmt {
            Err(error) => {
                let hint = "install it with `rustup component add rustfmt`";
                failures.push(Failure::new("rustfmt", format!("does not start: {error}"), hint));
            }
            Ok(output) if !output.status.success() => failures.extend(unformatted(&output, root)),
            Ok(_) => {}
        }
    }
    failures.sort_by(|a, b| a.place.cmp(&b.place));
    failures.dedup();
    failures
}

fn unformatted(output: &std::process::Output, root: &std::path::Path) -> Vec<Failure> {
    let names = String::from_utf8_lossy(&output.stdout);
    let mut failures: Vec<Failure> = names
        .lines()
        .map(|line| {
            let path = std::path::Path::new(line);
            let place = path.strip_prefix(root).unwrap_or(path).display().to_string();
            let hint = format!("run `rustfmt --edition 2024 {place}`");
            Failure::new(place, "is not formatted", hint)
        })
        .collect();
    if failures.is_empty() {
        let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        failures.push(Failure::new("rustfmt", reason, "mend what it names"));
    }
    failures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_no_module_names_is_checked() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("good.rs"), "fn main() {}\n").unwrap();
        std::fs::write(dir.path().join("bad.rs"), "fn  main( ) {}\n").unwrap();
        let failures = check(&Repository::read(dir.path()).unwrap());
        assert_eq!(failures.len(), 1, "{failures:?}");
        assert_eq!(failures[0].place, "bad.rs");
    }

    #[test]
    fn a_file_that_is_not_rust_is_named() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("bad.rs"), "fn {{{\n").unwrap();
        assert!(!check(&Repository::read(dir.path()).unwrap()).is_empty());
    }
}
