//! Which vulnerabilities a Debian changelog (Debian Policy §4.4) says are fixed between two
//! versions.
//!
//! The answer is [`ChangelogCves::complete`] only where the text reaches from the candidate back
//! to the installed version and every entry between could be read. Otherwise it is "at least
//! these", never "none".

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::limits;
use crate::version::{Debian, VersionScheme};

/// What a changelog says of the entries above the installed version, up to the candidate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangelogCves {
    /// CVE, DSA and DLA ids, sorted.
    pub ids: Vec<String>,
    /// How many entries were read for it.
    pub entries_read: usize,
    /// Whether nothing between the two versions can have been missed.
    pub complete: bool,
    /// Why it is not complete.
    pub gap: Option<String>,
}

/// An entry; its first line is `package (version) suite; urgency=medium`.
struct Entry<'a> {
    heading: &'a str,
    body: Vec<&'a str>,
}

/// The ids in entries newer than `installed` and not newer than `candidate`. Both are versions of
/// the source package; a binary rebuild's `+bN` is dealt with.
pub fn cves_between(changelog: &str, installed: &str, candidate: &str) -> ChangelogCves {
    let mut out = ChangelogCves::default();
    let newer = match Debian.compare(candidate, installed) {
        Ok(order) => order.is_gt(),
        Err(error) => return ChangelogCves { gap: Some(error.to_string()), ..out },
    };
    if !newer {
        return ChangelogCves { complete: true, ..out };
    }
    if changelog.len() > limits::CHANGELOG_BYTES_MAX {
        let gap = format!("the changelog has more than {} bytes", limits::CHANGELOG_BYTES_MAX);
        return ChangelogCves { gap: Some(gap), ..out };
    }
    let (entries, mut gap) = entries(changelog);
    let mut ids = BTreeSet::new();
    let (mut reaches_candidate, mut reaches_installed) = (false, false);
    for entry in entries {
        let version = heading_version(entry.heading).and_then(|version| {
            let to_installed = Debian.compare(version, installed).ok()?;
            Some((version, to_installed, Debian.compare(version, candidate).ok()?))
        });
        let Some((version, to_installed, to_candidate)) = version else {
            // What is odd below the installed version cannot hide anything.
            if !reaches_installed && gap.is_none() {
                let line: String = entry.heading.chars().take(80).collect();
                gap = Some(format!("the line `{line}` is no heading with a version"));
            }
            continue;
        };
        reaches_candidate |= to_candidate.is_eq() || is_rebuild_of(candidate, version);
        reaches_installed |= to_installed.is_le();
        if to_installed.is_gt() && to_candidate.is_le() {
            out.entries_read += 1;
            for line in entry.body {
                take_ids(line, &mut ids);
            }
        }
    }
    if !reaches_candidate {
        gap = gap.or_else(|| Some(format!("the changelog has no entry for {candidate}")));
    }
    if !reaches_installed {
        gap = gap.or_else(|| Some(format!("the changelog does not reach back to {installed}")));
    }
    if ids.len() > limits::CHANGELOG_IDS_MAX {
        gap = Some(format!("the changelog names more than {} ids", limits::CHANGELOG_IDS_MAX));
    }
    out.ids = ids.into_iter().take(limits::CHANGELOG_IDS_MAX).collect();
    out.complete = gap.is_none();
    out.gap = gap;
    out
}

/// Whether a version is `base` rebuilt without a change of the source: `1.2-3+b1` of `1.2-3`.
fn is_rebuild_of(version: &str, base: &str) -> bool {
    version.rsplit_once("+b").is_some_and(|(start, number)| {
        start == base && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
    })
}

/// The entries, and what is missing of them. An entry that is cut off is no gap by itself: the
/// text then does not reach the installed version either.
fn entries(changelog: &str) -> (Vec<Entry<'_>>, Option<String>) {
    let mut all: Vec<Entry<'_>> = Vec::new();
    for line in changelog.lines() {
        let heading = !line.starts_with([' ', '\t', '#']) && !line.trim().is_empty();
        if heading && !is_editor_mark(line) {
            if all.len() >= limits::CHANGELOG_ENTRIES_MAX {
                let max = limits::CHANGELOG_ENTRIES_MAX;
                return (all, Some(format!("the changelog has more than {max} entries")));
            }
            all.push(Entry { heading: line, body: Vec::new() });
        } else if let Some(entry) = all.last_mut() {
            entry.body.push(line);
        }
    }
    (all, None)
}

fn heading_version(line: &str) -> Option<&str> {
    let (package, rest) = line.split_once('(')?;
    let (version, rest) = rest.split_once(')')?;
    let package = package.trim_end();
    let named = !package.is_empty()
        && package.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-._".contains(&b));
    let version = version.trim();
    let plain = version.starts_with(|c: char| c.is_ascii_digit())
        && version.bytes().all(|b| b.is_ascii_alphanumeric() || b".+-~:_".contains(&b));
    (named && plain && rest.contains(';')).then_some(version)
}

fn is_editor_mark(line: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    ["local variables:", "vim:", "mode:", "end:", "add-log-mailing-address:", "old changelog"]
        .iter()
        .any(|mark| lower.starts_with(mark))
        || lower.starts_with("-*-")
}

/// Adds every `CVE-YYYY-NNNN...`, `DSA-NNNN[-N]` and `DLA-NNNN[-N]` of a line, whatever its case.
fn take_ids(line: &str, ids: &mut BTreeSet<String>) {
    let upper = line.to_ascii_uppercase();
    for word in upper.split(|c: char| !c.is_ascii_alphanumeric() && c != '-') {
        for kind in ["CVE-", "DSA-", "DLA-"] {
            if let Some(at) = word.find(kind)
                && let Some(rest) = word.get(at + kind.len()..)
                && let Some(number) = id_number(kind, rest)
            {
                ids.insert(format!("{kind}{number}"));
            }
        }
    }
}

fn id_number(kind: &str, rest: &str) -> Option<String> {
    let mut parts = rest.split('-').map(|part| {
        let digits: &str = part.split(|c: char| !c.is_ascii_digit()).next().unwrap_or("");
        digits
    });
    let first = parts.next().filter(|digits| (2..=5).contains(&digits.len()))?;
    let second = parts.next().filter(|digits| !digits.is_empty() && digits.len() <= 12);
    match (kind, second) {
        ("CVE-", Some(number)) if first.len() == 4 && number.len() >= 4 => {
            Some(format!("{first}-{number}"))
        }
        ("CVE-", _) => None,
        (_, Some(revision)) => Some(format!("{first}-{revision}")),
        (_, None) => Some(first.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LOG: &str = "widget (1.2-3+deb12u2) bookworm-security; urgency=high

  * Fix an overflow (CVE-2026-0002, cve-2026-12345) (Closes: #1000001)
    [DSA-9001-1] and CVE-2026-0003.

 -- A Person <a@person.example>  Thu, 01 Jan 2026 00:00:00 +0000

widget (1.2-3+deb12u1) bookworm; urgency=medium

  * CVE-2025-9999: first try.

 -- A Person <a@person.example>  Wed, 01 Jan 2025 00:00:00 +0000

widget (1.2-3) unstable; urgency=medium

  * CVE-2024-0001

 -- A Person <a@person.example>  Mon, 01 Jan 2024 00:00:00 +0000
";

    fn ids(found: &ChangelogCves) -> Vec<&str> {
        found.ids.iter().map(String::as_str).collect()
    }

    #[test]
    fn only_entries_above_the_installed_version_count() {
        let found = cves_between(LOG, "1.2-3", "1.2-3+deb12u2");
        assert_eq!(
            ids(&found),
            ["CVE-2025-9999", "CVE-2026-0002", "CVE-2026-0003", "CVE-2026-12345", "DSA-9001-1"]
        );
        assert_eq!((found.entries_read, found.complete), (2, true));
        let found = cves_between(LOG, "1.2-3+deb12u1", "1.2-3+deb12u2");
        assert_eq!((found.entries_read, found.complete, found.ids.len()), (1, true, 4));
        let found = cves_between(LOG, "1.2-3", "1.2-3+deb12u1");
        assert_eq!((ids(&found), found.complete), (vec!["CVE-2025-9999"], true));
    }

    #[test]
    fn nothing_lies_between_a_version_and_itself() {
        let found = cves_between(LOG, "2.0", "1.2-3");
        assert!(found.complete && found.ids.is_empty());
    }

    #[test]
    fn a_rebuild_has_the_entry_of_its_source() {
        let found = cves_between(LOG, "1.2-3+b1", "1.2-3+deb12u2+b4");
        assert!(found.complete, "{found:?}");
        let rebuilt = format!(
            "widget (1.2-3+b2) bookworm; urgency=low, binary-only=yes\n\n  * Rebuild.\n\n \
             -- B <b@b.example>  Thu, 01 Jan 2026 00:00:00 +0000\n\n{LOG}"
        );
        let found = cves_between(&rebuilt, "1.2-3+b1", "1.2-3+b2");
        assert!(found.complete && found.ids.is_empty(), "{found:?}");
    }

    #[test]
    fn a_log_that_is_cut_or_odd_is_not_complete() {
        let short = LOG.split("widget (1.2-3)").next().unwrap();
        for (log, installed, candidate) in [
            (short, "1.2-3", "1.2-3+deb12u2"),
            (LOG, "1.2-3", "1.2-4"),
            ("", "1.2-3", "1.2-4"),
            ("Release notes\n\n- 1.2-4: CVE-2026-1111\n", "1.2-3", "1.2-4"),
            (&LOG.replace("(1.2-3+deb12u1)", "(soon!)"), "1.2-3", "1.2-3+deb12u2"),
            (&LOG.replace("(1.2-3+deb12u1)", "(a:1)"), "1.2-3", "1.2-3+deb12u2"),
            (LOG, "", "1.2-3+deb12u2"),
        ] {
            let found = cves_between(log, installed, candidate);
            assert!(!found.complete && found.gap.is_some(), "{installed} {candidate} {found:?}");
        }
    }

    #[test]
    fn every_cut_before_the_installed_entry_is_not_complete() {
        let reached = LOG.find("widget (1.2-3) ").unwrap();
        for end in 0..=reached {
            let cut = LOG.get(..end).unwrap();
            assert!(!cves_between(cut, "1.2-3", "1.2-3+deb12u2").complete, "{end}");
        }
    }

    #[test]
    fn ids_are_read_in_many_spellings() {
        let mut found = BTreeSet::new();
        take_ids("CVE-2026-1111/CVE-2026-2222 (cve-2026-3333_fix.patch) CVE-2026-XXXX", &mut found);
        take_ids("debian/patches/CVE-2026-4444-pre1.patch, DSA 1, DLA-77-2., CVE-26-1", &mut found);
        let found: Vec<&str> = found.iter().map(String::as_str).collect();
        assert_eq!(
            found,
            ["CVE-2026-1111", "CVE-2026-2222", "CVE-2026-3333", "CVE-2026-4444", "DLA-77-2"]
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(\\PC|\n)*", a in "[0-9a-z.~+-]{0,8}", b in "[0-9]{1,3}") {
            let _ = cves_between(&text, &a, &b);
        }
    }
}
