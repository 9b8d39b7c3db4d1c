//! The dependency table of ARCHITECTURE.md against the manifests: an edge between our crates that
//! is not in the table fails, and so does a crate without a row or a row without a crate.
//! Development dependencies may in addition use `testkit`.

use std::collections::{BTreeMap, BTreeSet};

use super::{Failure, Repository};

const MAP: &str = "ARCHITECTURE.md";
const TEST_CRATE: &str = "testkit";

/// Crate -> the crates of ours that it may know.
type Table = BTreeMap<String, BTreeSet<String>>;

/// Compares the table with the manifests.
pub fn check(repository: &Repository) -> Vec<Failure> {
    let Some(map) = repository.text(MAP) else {
        return vec![Failure::new(MAP, "is missing", "write the map first; tidy reads its table")];
    };
    let table = table(map);
    let mut failures = Vec::new();
    let mut crates = BTreeMap::new();
    for (path, text) in repository.texts("/Cargo.toml") {
        match (path.split('/').collect::<Vec<_>>().as_slice(), text.parse::<toml::Table>()) {
            (["crates", name, _], Ok(manifest)) => {
                crates.insert((*name).to_owned(), (path, manifest));
            }
            (["crates", ..], Err(error)) => {
                failures.push(Failure::new(path, format!("is not TOML: {error}"), "mend it"));
            }
            _ => {}
        }
    }
    for (name, (path, manifest)) in &crates {
        let Some(allowed) = table.get(name) else {
            let hint = format!("add a row for `{name}` to the table in {MAP}, or drop the crate");
            failures.push(Failure::new(*path, format!("`{name}` has no row"), hint));
            continue;
        };
        failures.extend(edges(path, name, manifest, allowed, &|other| crates.contains_key(other)));
    }
    for name in table.keys().filter(|name| !crates.contains_key(*name)) {
        let hint = format!("add crates/{name} with its first real content, or drop the row");
        failures.push(Failure::new(MAP, format!("row `{name}` has no crate"), hint));
    }
    failures
}

fn edges(
    path: &str,
    name: &str,
    manifest: &toml::Table,
    allowed: &BTreeSet<String>,
    is_ours: &dyn Fn(&str) -> bool,
) -> Vec<Failure> {
    let mut sections = vec![manifest];
    if let Some(targets) = manifest.get("target").and_then(toml::Value::as_table) {
        sections.extend(targets.values().filter_map(toml::Value::as_table));
    }
    let mut failures = Vec::new();
    for section in sections {
        for kind in ["dependencies", "build-dependencies", "dev-dependencies"] {
            let Some(dependencies) = section.get(kind).and_then(toml::Value::as_table) else {
                continue;
            };
            for (key, value) in dependencies {
                let renamed = value.get("package").and_then(toml::Value::as_str);
                let other = renamed.unwrap_or(key);
                let for_tests = kind == "dev-dependencies" && other == TEST_CRATE;
                let itself = kind == "dev-dependencies" && other == name;
                if is_ours(other) && !allowed.contains(other) && !for_tests && !itself {
                    failures.push(Failure::new(
                        path,
                        format!("the edge `{name}` -> `{other}` ({kind}) is not in {MAP}"),
                        format!(
                            "turn the dependency round or pass the data in; only if the map is \
                             wrong, add `{other}` to the row of `{name}` and say why in docs/adr"
                        ),
                    ));
                }
            }
        }
    }
    failures
}

/// The rows of the first table whose head has the column `may depend on (ours)`.
fn table(map: &str) -> Table {
    let cells = |line: &str| -> Option<Vec<String>> {
        let inner = line.trim().strip_prefix('|')?.strip_suffix('|')?;
        Some(inner.split('|').map(|cell| cell.trim().to_owned()).collect())
    };
    let mut rows = map.lines().skip_while(|line| !line.contains("may depend on (ours)"));
    let Some(head) = rows.next().and_then(cells) else { return Table::new() };
    let column = head.iter().position(|cell| cell.starts_with("may depend on")).unwrap_or(2);
    let mut table = Table::new();
    for row in rows.map_while(cells) {
        let (Some(name), Some(list)) = (row.first(), row.get(column)) else { continue };
        let name = name.trim_matches('`');
        if name.starts_with('-') || name.starts_with(':') {
            continue;
        }
        let words = list.split([',', ' ', '`']).filter(|word| !matches!(*word, "" | "-"));
        table.insert(name.to_owned(), words.map(str::to_owned).collect());
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "# Map\n\n| crate | holds | may depend on (ours) | never |\n\
        |---|---|---|---|\n\
        | `spine` | nouns | - | I/O |\n| `act` | hands | spine | net |\n\
        | `testkit` | fixtures | spine, act | |\n\nText.\n";
    const EMPTY: &str = "[package]\nname = \"x\"\n";

    fn failures(act: &str) -> Vec<String> {
        let repository = Repository::of(&[
            (MAP, TABLE),
            ("crates/spine/Cargo.toml", EMPTY),
            ("crates/testkit/Cargo.toml", EMPTY),
            ("crates/act/Cargo.toml", act),
        ]);
        check(&repository).into_iter().map(|failure| failure.message).collect()
    }

    #[test]
    fn edges_in_the_table_pass_and_tests_may_use_the_test_crate() {
        let act = "[dependencies]\nspine.workspace = true\nserde = \"1\"\n\
                   [dev-dependencies]\ntestkit.workspace = true\n";
        assert_eq!(failures(act), Vec::<String>::new());
    }

    #[test]
    fn other_edges_fail_in_every_kind_of_section() {
        for section in ["dependencies", "build-dependencies", "target.'cfg(unix)'.dependencies"] {
            let found = failures(&format!("[{section}]\ntestkit.workspace = true\n"));
            assert_eq!(found.len(), 1, "{section}");
            assert!(found[0].contains("`act` -> `testkit`"), "{found:?}");
        }
        let renamed = "[dependencies]\nother = { package = \"testkit\", path = \"../testkit\" }\n";
        assert_eq!(failures(renamed).len(), 1);
    }

    #[test]
    fn rows_and_crates_belong_together() {
        let repository = Repository::of(&[(MAP, TABLE), ("crates/other/Cargo.toml", EMPTY)]);
        let messages: Vec<_> = check(&repository).into_iter().map(|f| f.message).collect();
        assert!(messages.iter().any(|m| m == "`other` has no row"), "{messages:?}");
        assert_eq!(messages.iter().filter(|m| m.contains("has no crate")).count(), 3);
        assert_eq!(check(&Repository::of(&[])).len(), 1);
    }

    #[test]
    fn a_broken_manifest_is_named() {
        assert!(failures("[dependencies\n")[0].contains("is not TOML"));
    }
}
