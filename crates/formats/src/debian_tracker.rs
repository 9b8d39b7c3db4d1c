//! What the Debian security team publishes: the lists of advisories (`data/DSA/list`,
//! `data/DLA/list` of the security tracker) and the tracker's JSON.
//!
//! ```text
//! [29 Mar 2023] DSA-5380-1 xorg-server - security update
//!         {CVE-2023-1393}
//!         [bullseye] - xorg-server 2:1.20.11-1+deb11u6
//! ```

use std::collections::BTreeMap;
use std::io::Read;

use serde::{Deserialize, Serialize};

use crate::{
    FormatError, limits,
    streaming::{self, Bounds},
};

const LIST: &str = "Debian advisory list";
const TRACKER: &str = "Debian security tracker";

/// One DSA or DLA.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DebianAdvisory {
    /// The id, such as `DSA-5380-1`.
    pub id: String,
    /// The day, as the list writes it, such as `29 Mar 2023`.
    pub date: String,
    /// What it is about, such as `xorg-server - security update`.
    pub title: String,
    /// The vulnerabilities it fixes.
    pub cves: Vec<String>,
    /// What it says of each release.
    pub fixes: Vec<DebianFix>,
}

/// What an advisory says of one source package in one release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DebianFix {
    /// The release's code name, such as `bullseye`.
    pub release: String,
    /// The source package.
    pub package: String,
    /// The state.
    pub state: FixState,
}

/// Whether there is a fixed version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FixState {
    /// Fixed in this version.
    Fixed(String),
    /// Another answer, such as `not-affected` or `end-of-life`, without its brackets.
    Other(String),
}

/// Reads a list of DSAs or DLAs. Lines that belong to no known form are skipped: the lists are
/// kept by hand.
pub fn parse_list(bytes: &[u8]) -> Result<Vec<DebianAdvisory>, FormatError> {
    FormatError::check_size(LIST, bytes, limits::DEBIAN_LIST_BYTES_MAX)?;
    let text = crate::error::text(LIST, bytes)?;
    let mut advisories: Vec<DebianAdvisory> = Vec::new();
    for line in text.lines() {
        let indented = line.starts_with(['\t', ' ']);
        let body = line.trim();
        if !indented {
            advisories.extend(parse_heading(body));
        } else if let Some(advisory) = advisories.last_mut() {
            if let Some(cves) = body.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                advisory.cves.extend(cves.split_whitespace().map(str::to_owned));
            } else {
                advisory.fixes.extend(parse_fix(body));
            }
        }
    }
    if advisories.is_empty() && !text.trim().is_empty() {
        return Err(FormatError::malformed(LIST, "no line begins an advisory"));
    }
    Ok(advisories)
}

fn parse_heading(line: &str) -> Option<DebianAdvisory> {
    let (date, rest) = line.strip_prefix('[')?.split_once(']')?;
    let rest = rest.trim_start();
    let (id, title) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    if !id.starts_with("DSA-") && !id.starts_with("DLA-") {
        return None;
    }
    Some(DebianAdvisory {
        id: id.to_owned(),
        date: date.to_owned(),
        title: title.trim().to_owned(),
        ..DebianAdvisory::default()
    })
}

/// `[release] - package version`, or `[release] - package <word>`, maybe with a remark after it.
fn parse_fix(line: &str) -> Option<DebianFix> {
    let (release, rest) = line.strip_prefix('[')?.split_once(']')?;
    let mut words = rest.trim_start().strip_prefix('-')?.split_whitespace();
    let (package, state) = (words.next()?, words.next()?);
    let state = match state.strip_prefix('<') {
        Some(word) => FixState::Other(word.trim_end_matches('>').to_owned()),
        None => FixState::Fixed(state.to_owned()),
    };
    Some(DebianFix { release: release.to_owned(), package: package.to_owned(), state })
}

/// What the tracker's JSON says of one CVE in one source package.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackerEntry {
    /// What the vulnerability is.
    #[serde(default)]
    pub description: String,
    /// `remote`, `local` or empty.
    #[serde(default)]
    pub scope: String,
    /// The state in each release, by code name.
    #[serde(default)]
    pub releases: BTreeMap<String, TrackerRelease>,
}

/// What the tracker's JSON says of one CVE in one source package in one release.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackerRelease {
    /// `resolved`, `open` or `undetermined`.
    pub status: String,
    /// The version that fixes it; `0` where the package was never affected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed_version: Option<String>,
    /// Debian's own urgency, such as `unimportant`, `low` or `not yet assigned`.
    #[serde(default)]
    pub urgency: String,
    /// Why there will be no advisory, such as `no-dsa`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodsa_reason: Option<String>,
}

/// Reads the tracker's JSON, `{package: {CVE: entry}}`, and calls `each` with every package.
/// Returns the number of packages.
pub fn read_tracker(
    reader: impl Read,
    each: impl FnMut(String, BTreeMap<String, TrackerEntry>) -> Result<(), FormatError>,
) -> Result<usize, FormatError> {
    let bounds = Bounds {
        format: TRACKER,
        bytes: limits::DEBIAN_TRACKER_BYTES_MAX,
        items: limits::DEBIAN_PACKAGES_MAX,
    };
    streaming::json_object(reader, bounds, each)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DSA: &str = "[29 Mar 2026] DSA-9001-1 widget - security update\n\t{CVE-2026-1 CVE-2026-2}\n\
        \t[bookworm] - widget 2:1.20-1+deb12u6\n\t[bullseye] - widget <end-of-life> (see notes)\n\
        \tNOTE: a remark\n[01 Jul 2026] DLA-9002-1 jessie-lts - end-of-life\n";

    #[test]
    fn lists_are_read() {
        let list = parse_list(DSA.as_bytes()).unwrap();
        assert_eq!(list.len(), 2);
        assert_eq!(list[0].cves, ["CVE-2026-1", "CVE-2026-2"]);
        assert_eq!(list[0].fixes[0].state, FixState::Fixed("2:1.20-1+deb12u6".into()));
        assert_eq!(list[0].fixes[1].state, FixState::Other("end-of-life".into()));
        assert_eq!(list[1].title, "jessie-lts - end-of-life");
    }

    #[test]
    fn what_is_no_list_is_refused_and_cuts_do_not_panic() {
        assert!(parse_list(b"<html>").is_err());
        assert!(parse_list(b"\xff").is_err());
        for end in 0..DSA.len() {
            let _ = parse_list(&DSA.as_bytes()[..end]);
        }
    }

    #[test]
    fn the_tracker_is_read_package_by_package() {
        let json = r#"{"widget": {"CVE-2026-1": {"description": "d", "scope": "remote",
            "releases": {"bookworm": {"status": "resolved", "fixed_version": "1-2",
            "urgency": "low", "repositories": {"bookworm": "1-1"}}}}}, "gadget": {}}"#;
        let mut seen = Vec::new();
        let count = read_tracker(json.as_bytes(), |package, entries| {
            seen.push((package, entries.len()));
            if let Some(entry) = entries.get("CVE-2026-1") {
                assert_eq!(entry.releases["bookworm"].fixed_version.as_deref(), Some("1-2"));
            }
            Ok(())
        });
        assert_eq!(count, Ok(2));
        assert_eq!(seen, [("widget".to_owned(), 1), ("gadget".to_owned(), 0)]);
    }
}
