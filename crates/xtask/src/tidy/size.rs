//! The size ratchet: Rust files up to 500 lines without their tests, functions up to 70 lines,
//! 100 columns (140 where text in quotes makes it so, which is better found in one piece). What is
//! over stands in `crates/xtask/ratchet.toml` with its size, which may only
//! shrink: an entry that is larger than the thing it stands for fails as well.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Failure, Repository, repository::RustFile};
use crate::source;

const RATCHET: &str = "crates/xtask/ratchet.toml";
const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;
const COLUMNS_MAX: usize = 100;
const COLUMNS_WITH_TEXT_MAX: usize = 140;

/// The exceptions, by place.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Ratchet {
    /// `path` -> lines without tests.
    files: BTreeMap<String, usize>,
    /// `path::function` -> lines.
    functions: BTreeMap<String, usize>,
    /// `path` -> lines over 100 columns.
    wide_lines: BTreeMap<String, usize>,
}

/// Compares every Rust file with the limits and the exceptions.
pub fn check(repository: &Repository) -> Vec<Failure> {
    let ratchet = match toml::from_str::<Ratchet>(repository.text(RATCHET).unwrap_or_default()) {
        Ok(ratchet) => ratchet,
        Err(error) => {
            return vec![Failure::new(RATCHET, format!("cannot be read: {error}"), "mend it")];
        }
    };
    let mut sizes = Sizes::default();
    for file in repository.rust() {
        sizes.measure(&file);
    }
    let mut failures = Vec::new();
    failures.extend(compare(
        "files",
        &sizes.files,
        &ratchet.files,
        FILE_LINES_MAX,
        "lines without tests",
        "split it: a file this long has two ideas in it",
    ));
    failures.extend(compare(
        "functions",
        &sizes.functions,
        &ratchet.functions,
        FUNCTION_LINES_MAX,
        "lines",
        "take a step out of it and give the step a name",
    ));
    failures.extend(compare(
        "wide_lines",
        &sizes.wide_lines,
        &ratchet.wide_lines,
        0,
        "lines over 100 columns",
        "wrap them; rustfmt leaves long strings and attributes alone",
    ));
    failures
}

#[derive(Default)]
struct Sizes {
    files: BTreeMap<String, usize>,
    functions: BTreeMap<String, usize>,
    wide_lines: BTreeMap<String, usize>,
}

impl Sizes {
    fn measure(&mut self, file: &RustFile<'_>) {
        if !file.is_test() {
            let lines = file.text.lines().count();
            let tests: usize = file.tests.iter().map(|block| block.clone().count()).sum();
            self.files.insert(file.path.to_owned(), lines.saturating_sub(tests));
        }
        for function in source::functions(&file.masked) {
            if !file.is_test_line(*function.lines.start()) {
                let size = self.functions.entry(format!("{}::{}", file.path, function.name));
                let lines = function.lines.count();
                // Functions of one name in one file share an entry; the longest counts.
                size.and_modify(|known| *known = lines.max(*known)).or_insert(lines);
            }
        }
        let lines = file.text.lines().zip(file.masked.lines());
        let wide = lines.filter(|(line, code)| is_wide(line, code)).count();
        self.wide_lines.insert(file.path.to_owned(), wide);
    }
}

/// Whether a line is too wide and could be shorter: rows of tables in docs and lines that hold an
/// address cannot be wrapped. `code` is the line without comments and text in quotes.
fn is_wide(line: &str, code: &str) -> bool {
    let columns = line.chars().count();
    let start = line.trim_start();
    if columns <= COLUMNS_MAX || start.starts_with("//! |") || start.starts_with("/// |") {
        return false;
    }
    let indent = line.len() - start.len();
    let code_columns = indent + code.split_whitespace().collect::<Vec<_>>().join(" ").len();
    let by_text = code_columns <= COLUMNS_MAX && !start.starts_with("//");
    let limit = if by_text { COLUMNS_WITH_TEXT_MAX } else { COLUMNS_MAX };
    columns > limit && !line.contains("://")
}

fn compare(
    section: &str,
    sizes: &BTreeMap<String, usize>,
    exceptions: &BTreeMap<String, usize>,
    max: usize,
    unit: &str,
    hint: &str,
) -> Vec<Failure> {
    let mut failures = Vec::new();
    for (place, size) in sizes {
        let allowed = exceptions.get(place).copied().unwrap_or(max).max(max);
        if *size > allowed {
            let message = format!("{size} {unit}, at most {allowed}");
            failures.push(Failure::new(place.as_str(), message, hint));
        }
    }
    for (place, entry) in exceptions {
        let size = sizes.get(place).copied().unwrap_or(0);
        if size <= max {
            let message = format!("[{section}] \"{place}\" is not needed any more");
            failures.push(Failure::new(RATCHET, message, "delete the entry"));
        } else if size < *entry {
            let message = format!("[{section}] \"{place}\" = {entry} is now {size}");
            failures.push(Failure::new(RATCHET, message, format!("lower the entry to {size}")));
        }
    }
    failures
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(files: &[(&str, &str)]) -> Vec<String> {
        check(&Repository::of(files)).into_iter().map(|failure| failure.message).collect()
    }

    #[test]
    fn a_file_is_measured_without_its_tests() {
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "// x\n".repeat(600));
        let good = format!("{}{tests}", "// x\n".repeat(500));
        let bad = format!("{}{tests}", "// x\n".repeat(501));
        assert_eq!(messages(&[("crates/x/src/a.rs", &good)]), Vec::<String>::new());
        assert_eq!(
            messages(&[("crates/x/src/a.rs", &bad)]),
            ["501 lines without tests, at most 500"]
        );
        assert_eq!(messages(&[("crates/x/tests/a.rs", &bad)]), Vec::<String>::new());
    }

    #[test]
    fn a_long_function_fails() {
        let function = |lines: usize| format!("fn f() {{\n{}}}\n", "    g();\n".repeat(lines - 2));
        assert_eq!(messages(&[("a.rs", &function(70))]), Vec::<String>::new());
        assert_eq!(messages(&[("a.rs", &function(71))]), ["71 lines, at most 70"]);
    }

    #[test]
    fn a_wide_line_fails_unless_it_cannot_be_wrapped() {
        let long = "x".repeat(101);
        assert_eq!(messages(&[("a.rs", &format!("// {long}\n"))]).len(), 1);
        let fine = format!("//! | {long} |\n// https://x.example/{long}\n// {}\n", "é".repeat(97));
        assert_eq!(messages(&[("a.rs", &fine)]), Vec::<String>::new());
        let text = |n: usize| format!("    let x = \"{}\";\n", "x ".repeat(n));
        assert_eq!(messages(&[("a.rs", &text(60))]), Vec::<String>::new());
        assert_eq!(messages(&[("a.rs", &text(70))]).len(), 1);
    }

    #[test]
    fn an_exception_may_only_shrink() {
        let file = "// x\n".repeat(600);
        let with = |entry: &str| messages(&[("a.rs", &file), (RATCHET, entry)]);
        assert_eq!(with("[files]\n\"a.rs\" = 600\n"), Vec::<String>::new());
        assert_eq!(with("[files]\n\"a.rs\" = 599\n"), ["600 lines without tests, at most 599"]);
        assert_eq!(with("[files]\n\"a.rs\" = 601\n"), ["[files] \"a.rs\" = 601 is now 600"]);
        assert!(with("[files]\n\"a.rs\" = 600\n\"b.rs\" = 700\n")[0].contains("not needed"));
        assert!(with("[other]\n")[0].contains("cannot be read"));
    }
}
