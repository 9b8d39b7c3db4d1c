//! One more ecosystem, log source, actuator or verb is one file, and every such file has its user
//! documentation on top and its tests at the end.

use super::{Failure, Repository, repository::has_extension};
use crate::source;

const FOLDERS: [&str; 4] = ["/src/ecosystems/", "/src/logs/", "/src/actuators/", "/src/cli/"];

/// Whether a path is a file of a one-file registry.
fn is_registry_file(path: &str) -> bool {
    path.starts_with("crates/")
        && has_extension(path, "rs")
        && !path.ends_with("/mod.rs")
        && FOLDERS
            .iter()
            .filter_map(|folder| path.split_once(folder))
            .any(|(_, name)| !name.contains('/'))
}

/// Looks for the documentation and the tests.
pub fn check(repository: &Repository) -> Vec<Failure> {
    let mut failures = Vec::new();
    for file in repository.rust().filter(|file| is_registry_file(file.path)) {
        if !file.text.starts_with("//!") {
            failures.push(Failure::at(
                file.path,
                1,
                "does not start with `//!` documentation for users",
                "say on top what it reads or does; the manual takes it from there",
            ));
        }
        if source::words(&file.masked, "mod tests").is_empty() {
            failures.push(Failure::new(
                file.path,
                "has no `mod tests`",
                "end the file with `#[cfg(test)] mod tests { ... }` that can fail",
            ));
        }
    }
    failures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_are_looked_for_in_registry_files_only() {
        let good = "//! Reads x.\nfn f() {}\n#[cfg(test)]\nmod tests {}\n";
        let bad = "fn f() {}\n// mod tests\n";
        let count = |path: &str, text: &str| check(&Repository::of(&[(path, text)])).len();
        assert_eq!(count("crates/sources/src/ecosystems/gem.rs", good), 0);
        assert_eq!(count("crates/sources/src/ecosystems/gem.rs", bad), 2);
        assert_eq!(count("crates/sources/src/logs/evtx.rs", bad), 2);
        assert_eq!(count("crates/ringfort/src/cli/scan.rs", bad), 2);
        assert_eq!(count("crates/ringfort/src/cli/mod.rs", bad), 0);
        assert_eq!(count("crates/ringfort/src/cli/scan/table.rs", bad), 0);
        assert_eq!(count("crates/sources/src/lib.rs", bad), 0);
    }
}
