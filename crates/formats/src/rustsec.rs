//! RustSec advisories (<https://github.com/RustSec/advisory-db>): Markdown with TOML front matter
//! in a fence (versions 3 and 4 of the format), and the plain TOML of the older versions.
//!
//! Version requirements stay text here; the `patch` crate gives them a meaning.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{FormatError, limits};

const FORMAT: &str = "RustSec";

/// Whose package an advisory is about: the folder of the database that holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Collection {
    /// Crates of the default registry (`crates/`).
    Crates,
    /// What the Rust project itself ships (`rust/`).
    Rust,
}

/// One advisory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RustsecAdvisory {
    /// The id, such as `RUSTSEC-2021-0003`.
    pub id: String,
    /// The crate.
    pub package: String,
    /// The collection, where the path told it.
    pub collection: Option<Collection>,
    /// One line.
    pub title: String,
    /// The rest of the text.
    pub description: String,
    /// When it was reported, `YYYY-MM-DD`.
    pub date: String,
    /// Ids of the same vulnerability in other databases.
    pub aliases: Vec<String>,
    /// Ids of related vulnerabilities.
    pub related: Vec<String>,
    /// Categories, such as `memory-corruption`.
    pub categories: Vec<String>,
    /// The CVSS vector.
    pub cvss: Option<String>,
    /// Why it is only information: `unmaintained`, `unsound`, `notice`. Absent for a
    /// vulnerability.
    pub informational: Option<String>,
    /// When it was withdrawn, `YYYY-MM-DD`.
    pub withdrawn: Option<String>,
    /// Where to read on.
    pub url: Option<String>,
    /// The registry of the crate, where it is not the default one.
    pub source: Option<String>,
    /// Requirements that patched versions meet.
    pub patched: Vec<String>,
    /// Requirements that versions meet which were never affected.
    pub unaffected: Vec<String>,
    /// Architectures it is specific to; empty for all.
    pub arch: Vec<String>,
    /// Operating systems it is specific to; empty for all.
    pub os: Vec<String>,
    /// Affected functions, with the requirements of the versions that have them.
    pub functions: BTreeMap<String, Vec<String>>,
}

impl RustsecAdvisory {
    /// The advisory's own id and its aliases, sorted and without repeats.
    pub fn ids(&self) -> Vec<String> {
        let mut ids: Vec<String> =
            std::iter::once(&self.id).chain(&self.aliases).cloned().collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// Whether it is the template that the database carries, not an advisory.
    pub fn is_placeholder(&self) -> bool {
        self.id == "RUSTSEC-0000-0000"
    }
}

/// The collection of an advisory by its path in the database: `crates/NAME/ID.md` or
/// `rust/NAME/ID.md`. Anything else is not an advisory.
pub fn collection_of(path: &str) -> Option<Collection> {
    let mut parts = path.rsplit('/');
    let (file, _package, folder) = (parts.next()?, parts.next()?, parts.next()?);
    let (stem, extension) = file.rsplit_once('.')?;
    if stem.is_empty() || !matches!(extension, "md" | "toml") {
        return None;
    }
    match folder {
        "crates" => Some(Collection::Crates),
        "rust" => Some(Collection::Rust),
        _ => None,
    }
}

/// Reads one advisory in either form.
pub fn parse(bytes: &[u8]) -> Result<RustsecAdvisory, FormatError> {
    FormatError::check_size(FORMAT, bytes, limits::RUSTSEC_BYTES_MAX)?;
    let text = crate::error::text(FORMAT, bytes)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match text.strip_prefix("```toml") {
        Some(fenced) => parse_markdown(fenced),
        None => from_toml(text, None),
    }
}

fn parse_markdown(fenced: &str) -> Result<RustsecAdvisory, FormatError> {
    let (front, rest) = fenced
        .split_once("\n```")
        .ok_or_else(|| FormatError::malformed(FORMAT, "the TOML front matter does not end"))?;
    let heading = rest
        .trim_start()
        .strip_prefix("# ")
        .ok_or_else(|| FormatError::malformed(FORMAT, "no `# ` heading after the front matter"))?;
    let (title, description) = heading.split_once('\n').unwrap_or((heading, ""));
    let front = front.trim();
    // Version 4 of the format leaves the table's name out.
    if front.starts_with("[advisory]") {
        from_toml(front, Some((title, description)))
    } else {
        from_toml(&format!("[advisory]\n{front}"), Some((title, description)))
    }
}

#[derive(Deserialize)]
struct Document {
    advisory: Advisory,
    #[serde(default)]
    versions: Versions,
    #[serde(default)]
    affected: Affected,
}

#[derive(Deserialize)]
struct Advisory {
    id: String,
    package: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    description: String,
    date: toml::Value,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    related: Vec<String>,
    #[serde(default)]
    categories: Vec<String>,
    cvss: Option<String>,
    informational: Option<String>,
    withdrawn: Option<toml::Value>,
    url: Option<String>,
    source: Option<String>,
    // The first version of the format kept these here.
    #[serde(default)]
    patched_versions: Vec<String>,
    #[serde(default)]
    unaffected_versions: Vec<String>,
    #[serde(default)]
    affected_arch: Vec<String>,
    #[serde(default)]
    affected_os: Vec<String>,
}

#[derive(Default, Deserialize)]
struct Versions {
    #[serde(default)]
    patched: Vec<String>,
    #[serde(default)]
    unaffected: Vec<String>,
}

#[derive(Default, Deserialize)]
struct Affected {
    #[serde(default)]
    arch: Vec<String>,
    #[serde(default)]
    os: Vec<String>,
    #[serde(default)]
    functions: BTreeMap<String, Vec<String>>,
}

fn from_toml(text: &str, heading: Option<(&str, &str)>) -> Result<RustsecAdvisory, FormatError> {
    let document: Document =
        toml::from_str(text).map_err(|error| FormatError::malformed(FORMAT, error.message()))?;
    let Document { advisory, versions, affected } = document;
    let (title, description) = match heading {
        Some((title, text)) => (title.trim().to_owned(), text.trim().to_owned()),
        None => (advisory.title, advisory.description),
    };
    let joined = |mut first: Vec<String>, second: Vec<String>| {
        first.extend(second);
        first
    };
    let patched = joined(versions.patched, advisory.patched_versions);
    let unaffected = joined(versions.unaffected, advisory.unaffected_versions);
    let count = patched.len() + unaffected.len();
    let limit = limits::RUSTSEC_REQUIREMENTS_MAX;
    FormatError::check_count(FORMAT, "version requirements", count, limit)?;
    if advisory.id.is_empty() || advisory.package.is_empty() {
        return Err(FormatError::malformed(FORMAT, "the id or the package is empty"));
    }
    Ok(RustsecAdvisory {
        id: advisory.id,
        package: advisory.package,
        collection: None,
        title,
        description,
        date: date_text(&advisory.date),
        aliases: advisory.aliases,
        related: advisory.related,
        categories: advisory.categories,
        cvss: advisory.cvss,
        informational: advisory.informational,
        withdrawn: advisory.withdrawn.as_ref().map(date_text),
        url: advisory.url,
        source: advisory.source,
        patched,
        unaffected,
        arch: joined(affected.arch, advisory.affected_arch),
        os: joined(affected.os, advisory.affected_os),
        functions: affected.functions,
    })
}

/// A date is written as text, and sometimes as a TOML date.
fn date_text(value: &toml::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKDOWN: &str = "```toml\n[advisory]\nid = \"RUSTSEC-2026-0001\"\npackage = \"widget\"\n\
        date = \"2026-01-31\"\naliases = [\"CVE-2026-1\"]\nwithdrawn = \"2026-02-01\"\n\n\
        [versions]\npatched = [\">= 1.2.3, < 1.3.0\", \">= 1.3.4\"]\nunaffected = [\"<= 0.1.2\"]\n\n\
        [affected]\nos = [\"windows\"]\n[affected.functions]\n\
        \"widget::turn\" = [\">= 1.3.0, < 1.3.4\"]\n```\n\n# Widgets turn too far\n\nBadly.\n";

    #[test]
    fn markdown_is_read() {
        let advisory = parse(MARKDOWN.as_bytes()).unwrap();
        assert_eq!(advisory.title, "Widgets turn too far");
        assert_eq!(advisory.description, "Badly.");
        assert_eq!(advisory.patched, [">= 1.2.3, < 1.3.0", ">= 1.3.4"]);
        assert_eq!(advisory.unaffected, ["<= 0.1.2"]);
        assert_eq!(advisory.os, ["windows"]);
        assert_eq!(advisory.functions["widget::turn"], [">= 1.3.0, < 1.3.4"]);
        assert_eq!(advisory.withdrawn.as_deref(), Some("2026-02-01"));
        assert_eq!(advisory.ids(), ["CVE-2026-1", "RUSTSEC-2026-0001"]);
    }

    #[test]
    fn the_older_toml_forms_are_read() {
        let first = "[advisory]\nid = \"RUSTSEC-2017-0001\"\npackage = \"widget\"\n\
                     date = 2017-01-26\ntitle = \"t\"\ndescription = \"d\"\n\
                     patched_versions = [\">= 0.0.14\"]\naffected_os = [\"linux\"]\n";
        let advisory = parse(first.as_bytes()).unwrap();
        assert_eq!((advisory.date.as_str(), advisory.title.as_str()), ("2017-01-26", "t"));
        assert_eq!(
            (advisory.patched, advisory.os),
            (vec![">= 0.0.14".into()], vec!["linux".into()])
        );
        let second = "[advisory]\nid = \"RUSTSEC-2019-0001\"\npackage = \"widget\"\n\
                      date = \"2019-01-01\"\n[versions]\npatched = []\n";
        assert!(parse(second.as_bytes()).unwrap().patched.is_empty());
    }

    #[test]
    fn the_path_tells_the_collection() {
        assert_eq!(collection_of("db/crates/widget/RUSTSEC-1.md"), Some(Collection::Crates));
        assert_eq!(collection_of("rust/std/RUSTSEC-1.md"), Some(Collection::Rust));
        for other in ["README.md", "crates/widget", "docs/x/y.md", "crates/widget/.md"] {
            assert_eq!(collection_of(other), None, "{other}");
        }
    }

    #[test]
    fn no_cut_panics_and_cuts_inside_the_front_matter_are_errors() {
        let front = MARKDOWN.find("\n```\n").unwrap();
        for end in 0..MARKDOWN.len() {
            let cut = parse(&MARKDOWN.as_bytes()[..end]);
            assert!(cut.is_err() || end > front, "{end}");
        }
    }
}
