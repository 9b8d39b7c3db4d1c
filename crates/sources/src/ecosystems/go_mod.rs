//! Go modules: `go.mod`, with `go.sum` beside it for modules before Go 1.17.
//!
//! Replacements are applied; a module replaced by a folder is unknown. The `toolchain` line, else
//! the `go` line, gives the version of the standard library (`stdlib`). Before Go 1.17 a `go.mod`
//! names only what is asked for directly, so the rest comes from `go.sum`.

use std::collections::BTreeMap;

use crate::ecosystem::{Collector, Ecosystem, Flag, Input, ReadError, ReadOutcome};
use crate::limits::PACKAGES_MAX;
use crate::tree::file_name;

/// The descriptor.
pub const ECOSYSTEM: Ecosystem = Ecosystem {
    name: "go_mod",
    title: "go.mod",
    osv: "Go",
    example: "srv/app/go.mod",
    places: &[],
    siblings: &["go.sum"],
    wants,
    read,
};

/// The first version of Go whose `go.mod` names indirect modules too.
const COMPLETE_SINCE: (u32, u32) = (1, 17);

fn wants(path: &str) -> bool {
    file_name(path) == "go.mod"
}

/// Everything that a `go.mod` says.
#[derive(Default)]
struct Module<'a> {
    go: Option<&'a str>,
    toolchain: Option<&'a str>,
    /// Version and whether it is indirect, by path.
    required: BTreeMap<&'a str, (&'a str, bool)>,
    /// Old path, old version (empty: any), new path, new version (empty: a folder).
    replaced: Vec<(&'a str, &'a str, &'a str, &'a str)>,
}

fn read(input: &Input<'_>) -> Result<ReadOutcome, ReadError> {
    let module = parse(input.text()?)?;
    let mut collector = Collector::new(ECOSYSTEM.osv, input);
    let mut modules: BTreeMap<&str, (&str, bool)> = module.required.clone();
    let go = module.go.and_then(major_minor);
    let sum = String::from_utf8_lossy(input.sibling("go.sum").unwrap_or_default());
    if go.is_none_or(|go| go < COMPLETE_SINCE) {
        let had = modules.len();
        for (path, version) in sums(&sum) {
            if !module.required.contains_key(path) && !module.replaces_to(path) {
                modules.insert(path, (version, true));
            }
        }
        if modules.len() == had && !modules.is_empty() {
            collector.warn(
                "a go.mod before Go 1.17 names only what is asked for directly, and there is \
                 no go.sum that names more",
            );
        }
    }
    for (path, (version, indirect)) in &modules {
        add(path, version, *indirect, &module, &mut collector)?;
    }
    let toolchain = module.toolchain.and_then(|name| name.strip_prefix("go"));
    if let Some(version) = toolchain.or(module.go).map(|v| v.split('-').next().unwrap_or(v)) {
        collector.package("stdlib", version, None)?;
    }
    Ok(collector.finish())
}

fn add(
    path: &str,
    version: &str,
    indirect: bool,
    module: &Module<'_>,
    collector: &mut Collector<'_>,
) -> Result<(), ReadError> {
    let indirect = indirect.then_some(Flag::Indirect);
    // A replacement of just this version goes before one of any version.
    let of = |wanted: &str| {
        module.replaced.iter().find(|(old, old_version, ..)| *old == path && *old_version == wanted)
    };
    match of(version).or_else(|| of("")) {
        None => collector.package(path, bare(version), indirect),
        Some((_, _, new, "")) => {
            let reason = format!("it is replaced by the folder `{new}`");
            collector.unresolved(path, Some(bare(version)), &reason)
        }
        Some((_, _, new, new_version)) => collector.package(new, bare(new_version), indirect),
    }
}

/// OSV writes versions of Go modules without their `v`.
fn bare(version: &str) -> &str {
    version.strip_prefix('v').unwrap_or(version)
}

fn major_minor(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split(['.', 'r', 'b']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

impl Module<'_> {
    fn replaces_to(&self, path: &str) -> bool {
        self.replaced.iter().any(|(_, _, new, _)| *new == path)
    }
}

/// The last version of each module whose content (not only its `go.mod`) has a sum; `go.sum` is
/// sorted by version, so it is the highest.
fn sums(text: &str) -> BTreeMap<&str, &str> {
    let mut modules = BTreeMap::new();
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        if let (Some(path), Some(version), Some(_hash)) = (words.next(), words.next(), words.next())
            && !version.ends_with("/go.mod")
            && modules.len() < PACKAGES_MAX
        {
            modules.insert(path, version);
        }
    }
    modules
}

/// Reads the lines of a `go.mod` (Go Modules Reference, "go.mod files").
fn parse(text: &str) -> Result<Module<'_>, ReadError> {
    let mut module = Module::default();
    let mut block: Option<&str> = None;
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let (code, comment) = line.split_once("//").unwrap_or((line, ""));
        let mut words =
            words(code).ok_or_else(|| ReadError::syntax(number, "a quoted string has no end"))?;
        match (block, words.as_slice()) {
            (_, []) => {}
            (Some(_), [")"]) => block = None,
            (None, [verb, "("]) => block = Some(verb),
            (None, [verb, ")"]) if verb.ends_with('(') => {}
            (Some(verb), _) => directive(verb, &words, comment, number, &mut module)?,
            (None, [verb, ..]) => {
                let verb = *verb;
                words.remove(0);
                directive(verb, &words, comment, number, &mut module)?;
            }
        }
    }
    match block {
        Some(verb) => {
            let message = format!("the block of `{verb}` has no end");
            Err(ReadError::syntax(text.lines().count(), message))
        }
        None => Ok(module),
    }
}

/// Words, quotes taken off; `(` and `)` stand alone. `None` if a quote has no end.
fn words(code: &str) -> Option<Vec<&str>> {
    let mut words = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let (word, after) = if matches!(first, '"' | '`') {
            rest.get(1..)?.split_once(first)?
        } else if matches!(first, '(' | ')') {
            rest.split_at_checked(1)?
        } else {
            let end = |c: char| c.is_whitespace() || matches!(c, '(' | ')');
            rest.split_at_checked(rest.find(end).unwrap_or(rest.len()))?
        };
        words.push(word);
        rest = after.trim_start();
    }
    Some(words)
}

fn directive<'a>(
    verb: &'a str,
    words: &[&'a str],
    comment: &str,
    number: usize,
    module: &mut Module<'a>,
) -> Result<(), ReadError> {
    match (verb, words) {
        ("require", [path, version]) => {
            let indirect = comment.trim_start().starts_with("indirect");
            module.required.insert(path, (version, indirect));
        }
        ("replace", [old, "=>", new]) => module.replaced.push((old, "", new, "")),
        ("replace", [old, old_version, "=>", new]) => {
            module.replaced.push((old, old_version, new, ""));
        }
        ("replace", [old, "=>", new, version]) => module.replaced.push((old, "", new, version)),
        ("replace", [old, old_version, "=>", new, version]) => {
            module.replaced.push((old, old_version, new, version));
        }
        ("go", [version]) => module.go = Some(version),
        ("toolchain", [name]) => module.toolchain = Some(name),
        // An excluded version is never the one that is required; the rest names no module.
        ("module" | "exclude" | "retract" | "tool" | "godebug" | "ignore", _) => {}
        _ => {
            let message = format!("`{verb}` with {} words is not known", words.len());
            return Err(ReadError::syntax(number, message));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(text: &str, sum: &str) -> ReadOutcome {
        let mut input = Input::new(ECOSYSTEM.example, text.as_bytes());
        input.siblings.insert("go.sum", sum.as_bytes().to_vec());
        read(&input).unwrap()
    }

    fn listed(outcome: &ReadOutcome) -> Vec<String> {
        let packages = outcome.packages.iter();
        packages.map(|f| format!("{} {}", f.package.name, f.package.version)).collect()
    }

    #[test]
    fn replacements_are_applied_and_a_folder_is_unknown() {
        let read = outcome(
            "module own.example\ngo 1.22.0\ntoolchain go1.22.5\n\
             require (\n\ta.example v1.0.0\n\t\"b.example\" v1.0.0 // indirect\n\
             \tc.example v1.0.0\n)\n\
             replace a.example => ./a\nreplace b.example v1.0.0 => z.example/b v1.0.1\n\
             replace c.example v0.9.0 => ./c\n",
            "d.example v1.0.0 h1:x=\n",
        );
        assert_eq!(listed(&read), ["c.example 1.0.0", "stdlib 1.22.5", "z.example/b 1.0.1"]);
        assert_eq!(read.unresolved[0].name, "a.example");
    }

    #[test]
    fn before_1_17_the_sums_name_what_is_indirect() {
        let read = outcome(
            "module own.example\ngo 1.16\nrequire a.example v1.0.0\n",
            "a.example v1.0.0 h1:x=\nb.example v1.0.0 h1:x=\nb.example v1.1.0 h1:x=\n\
             c.example v1.0.0/go.mod h1:x=\n",
        );
        assert_eq!(listed(&read), ["a.example 1.0.0", "b.example 1.1.0", "stdlib 1.16"]);
    }

    #[test]
    fn an_unknown_line_is_an_error_with_its_number() {
        let error = parse("module m\nrequire a\n").err().unwrap();
        assert_eq!(error.to_string(), "line 2: `require` with 1 words is not known");
        assert!(parse("require (\n").is_err());
    }
}
