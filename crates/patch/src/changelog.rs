//! CVE ids from a Debian changelog (Debian Policy 4.4): what the distribution says that the
//! versions between the installed one and the candidate fix.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use crate::limits::{CHANGELOG_ENTRIES_MAX, CHANGELOG_IDS_MAX};
use crate::version;

/// What the changelog says of a span of versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangelogCves {
    /// CVE ids, sorted, each once.
    pub ids: Vec<String>,
    /// Entries inside the span.
    pub entries_read: usize,
    /// Whether the changelog reaches back to the installed version, so that nothing is missing.
    /// Where not, what it would have named is unknown.
    pub complete: bool,
}

/// CVE ids in the entries newer than `installed` and not newer than `candidate`. Versions are
/// those of the source package. Entries stand newest first; reading ends at the installed version.
pub fn cves_between(changelog: &str, installed: &str, candidate: &str) -> ChangelogCves {
    let mut found = ChangelogCves::default();
    let mut ids = BTreeSet::new();
    let mut inside = false;
    let mut headings = 0;
    for line in changelog.lines() {
        if let Some(entry) = heading(line) {
            headings += 1;
            if headings > CHANGELOG_ENTRIES_MAX {
                break;
            }
            match position(entry, installed, candidate) {
                Some(Position::Newer) => inside = false,
                Some(Position::Inside) => {
                    inside = true;
                    found.entries_read += 1;
                }
                Some(Position::Reached) => {
                    found.complete = true;
                    break;
                }
                // A version that cannot be placed may be inside: its ids count, and the doubt stays.
                None => inside = true,
            }
        } else if inside {
            collect_cves(line, &mut ids);
        }
        if ids.len() >= CHANGELOG_IDS_MAX {
            break;
        }
    }
    found.ids = ids.into_iter().collect();
    found
}

enum Position {
    Newer,
    Inside,
    Reached,
}

fn position(entry: &str, installed: &str, candidate: &str) -> Option<Position> {
    let order = |a, b| version::compare("Debian", a, b).ok();
    if order(entry, candidate)? == Ordering::Greater {
        return Some(Position::Newer);
    }
    // A binary-only rebuild (`+b1`) has no entry of its own; its source version is reached.
    let installed = installed.rsplit_once("+b").map_or(installed, |(base, number)| {
        if number.bytes().all(|b| b.is_ascii_digit()) { base } else { installed }
    });
    Some(match order(entry, installed)? {
        Ordering::Greater => Position::Inside,
        _ => Position::Reached,
    })
}

/// The version of a line such as `rsync (3.2.7-1) unstable; urgency=medium`.
fn heading(line: &str) -> Option<&str> {
    if line.starts_with([' ', '\t']) {
        return None;
    }
    let (name, rest) = line.split_once(" (")?;
    let (version, rest) = rest.split_once(')')?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    let is_heading = !name.is_empty() && name.chars().all(plain) && rest.contains(';');
    is_heading.then_some(version)
}

/// Adds every `CVE-YYYY-NNNN...` of a line, in upper case.
fn collect_cves(line: &str, ids: &mut BTreeSet<String>) {
    let upper = line.to_ascii_uppercase();
    for part in upper.split("CVE-").skip(1) {
        let year: String = part.chars().take(4).collect();
        let Some(rest) = part.get(4..).and_then(|rest| rest.strip_prefix('-')) else { continue };
        let number: String = rest.chars().take_while(char::is_ascii_digit).take(19).collect();
        if year.len() == 4 && year.bytes().all(|b| b.is_ascii_digit()) && number.len() >= 4 {
            ids.insert(format!("CVE-{year}-{number}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LOG: &str = "\
rsync (3.2.7-1+deb12u2) bookworm-security; urgency=high

  * Fix CVE-2024-12084 and cve-2024-12085 (Closes: #1093052)

 -- A Person <a@people.example>  Tue, 14 Jan 2025 00:00:00 +0000

rsync (3.2.7-1+deb12u1) bookworm; urgency=medium

  * CVE-2022-1: too short to be one. CVE-2023-45853.

 -- A Person <a@people.example>  Tue, 14 Jan 2024 00:00:00 +0000

rsync (3.2.7-1) unstable; urgency=medium

  * Fixes CVE-2022-29154.
";

    #[test]
    fn only_entries_after_the_installed_version_count() {
        let found = cves_between(LOG, "3.2.7-1", "3.2.7-1+deb12u2");
        assert_eq!(found.ids, ["CVE-2023-45853", "CVE-2024-12084", "CVE-2024-12085"]);
        assert_eq!((found.entries_read, found.complete), (2, true));
        let found = cves_between(LOG, "3.2.7-1+deb12u1", "3.2.7-1+deb12u2");
        assert_eq!(found.ids, ["CVE-2024-12084", "CVE-2024-12085"]);
    }

    #[test]
    fn entries_newer_than_the_candidate_do_not_count() {
        let found = cves_between(LOG, "3.2.7-1", "3.2.7-1+deb12u1");
        assert_eq!(found.ids, ["CVE-2023-45853"]);
    }

    #[test]
    fn a_changelog_that_does_not_reach_back_is_not_complete() {
        let cut = LOG.split("rsync (3.2.7-1) ").next().unwrap();
        assert!(!cves_between(cut, "3.2.7-1", "3.2.7-1+deb12u2").complete);
        assert!(!cves_between("", "1", "2").complete);
    }

    #[test]
    fn a_binary_rebuild_is_reached_at_its_source_version() {
        assert!(cves_between(LOG, "3.2.7-1+b3", "3.2.7-1+deb12u2").complete);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC*", a in ".{0,12}", b in ".{0,12}") {
            cves_between(&text, &a, &b);
        }
    }
}
