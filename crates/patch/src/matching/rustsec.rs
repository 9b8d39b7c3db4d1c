//! RustSec (<https://github.com/rustsec/rustsec>): a crate is affected where no requirement of
//! `patched` and none of `unaffected` holds its version.
//!
//! As in `cargo audit`, only crates of the default registry are meant, withdrawn advisories are
//! passed over, informational ones are apart ([`rustsec_notice`]), and architecture and operating
//! system do not narrow the answer; they are said in the evidence.

use formats::rustsec::{Collection, RustsecAdvisory};
use spine::{Evidence, EvidenceOrigin, Package};

use super::{MatchResult, Requirement};
use crate::version::{Semver, VersionError, VersionScheme};

const ECOSYSTEM: &str = "crates.io";
/// The registry that an advisory means where it names none.
const DEFAULT_SOURCE_END: &str = "/rust-lang/crates.io-index";

/// Whether a crate has the vulnerability of an advisory. A [`Package`] of the ecosystem
/// `crates.io` must come from the default registry; crates from elsewhere must not carry it.
pub fn match_rustsec(package: &Package, advisory: &RustsecAdvisory) -> MatchResult {
    if advisory.informational.is_some() || !is_meant(package, advisory) {
        return MatchResult::NotAffected;
    }
    match unpatched(&package.version, advisory) {
        Err(error) => MatchResult::Unknown { reason: format!("{}: {error}", advisory.id) },
        Ok(false) => MatchResult::NotAffected,
        Ok(true) => {
            let fixed = lowest_fix(&package.version, advisory);
            let evidence = vec![evidence(package, advisory, fixed.as_deref())];
            MatchResult::Affected { fixed, ids: advisory.ids(), evidence }
        }
    }
}

/// What an informational advisory (unmaintained, unsound, notice) says of a crate, if anything.
pub fn rustsec_notice(package: &Package, advisory: &RustsecAdvisory) -> Option<Evidence> {
    let kind = advisory.informational.as_deref()?;
    let said = is_meant(package, advisory) && unpatched(&package.version, advisory) == Ok(true);
    said.then(|| Evidence {
        kind: "rustsec.notice".to_owned(),
        origin: EvidenceOrigin::Feed,
        text: format!(
            "{} ({kind}) is about {} {}: {}",
            advisory.id, package.name, package.version, advisory.title
        ),
        reference: Some(advisory.id.clone()),
    })
}

fn is_meant(package: &Package, advisory: &RustsecAdvisory) -> bool {
    package.ecosystem == ECOSYSTEM
        && package.name == advisory.package
        && advisory.collection != Some(Collection::Rust)
        && advisory.withdrawn.is_none()
        && !advisory.is_placeholder()
        && advisory.source.as_deref().is_none_or(|source| source.ends_with(DEFAULT_SOURCE_END))
}

fn unpatched(version: &str, advisory: &RustsecAdvisory) -> Result<bool, VersionError> {
    let mut held = false;
    for text in advisory.patched.iter().chain(&advisory.unaffected) {
        held |= Requirement::parse(text)?.contains(version)?;
    }
    // Without any requirement every version is affected, but it must be a version.
    Semver.compare(version, version)?;
    Ok(!held)
}

fn lowest_fix(version: &str, advisory: &RustsecAdvisory) -> Option<String> {
    let mut lowest: Option<String> = None;
    for text in &advisory.patched {
        let requirement = Requirement::parse(text).ok()?;
        let Some(first) = requirement.first() else { continue };
        let above = Semver.compare(first, version).is_ok_and(std::cmp::Ordering::is_gt);
        let lower = lowest.as_deref().is_none_or(|so_far| {
            Semver.compare(first, so_far).is_ok_and(std::cmp::Ordering::is_lt)
        });
        if above && lower {
            lowest = Some(first.to_owned());
        }
    }
    lowest
}

fn evidence(package: &Package, advisory: &RustsecAdvisory, fixed: Option<&str>) -> Evidence {
    let fix = match fixed {
        Some(fixed) => format!("; fixed in {fixed}"),
        None if advisory.patched.is_empty() => "; no fixed version exists".to_owned(),
        None => format!("; fixed where the version is {}", advisory.patched.join(" or ")),
    };
    let mut only: Vec<&str> = Vec::new();
    only.extend(advisory.os.iter().map(String::as_str));
    only.extend(advisory.arch.iter().map(String::as_str));
    let only =
        if only.is_empty() { String::new() } else { format!("; only on {}", only.join(", ")) };
    Evidence {
        kind: "rustsec".to_owned(),
        origin: EvidenceOrigin::Feed,
        text: format!(
            "{} ({}) is about {} {}{fix}{only}",
            advisory.id, advisory.title, package.name, package.version
        ),
        reference: Some(advisory.id.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advisory(more: &str) -> RustsecAdvisory {
        let text = format!(
            "```toml\n[advisory]\nid = \"RUSTSEC-2026-0001\"\npackage = \"widget\"\n\
             date = \"2026-01-01\"\n{more}\n```\n# Widgets turn too far\n\ntext\n"
        );
        formats::rustsec::parse(text.as_bytes()).unwrap()
    }

    fn widget(version: &str) -> Package {
        Package {
            ecosystem: "crates.io".into(),
            name: "widget".into(),
            version: version.into(),
            arch: None,
            source: None,
            location: "Cargo.lock".into(),
        }
    }

    #[test]
    fn affected_lies_between_unaffected_and_patched() {
        let advisory = advisory(
            "[versions]\npatched = [\">= 1.2.3, < 1.3.0\", \">= 1.3.4\"]\nunaffected = [\"<= 0.1.2\"]",
        );
        for (version, expected) in [
            ("0.1.2", None),
            ("0.1.3-alpha", Some("1.2.3")),
            ("1.2.3-rc.1", Some("1.2.3")),
            ("1.2.3", None),
            ("1.3.0-rc.1", None),
            ("1.3.0", Some("1.3.4")),
            ("1.3.4+build", None),
        ] {
            let fixed = match match_rustsec(&widget(version), &advisory) {
                MatchResult::Affected { fixed, .. } => fixed,
                other => {
                    assert_eq!(other, MatchResult::NotAffected);
                    None
                }
            };
            assert_eq!(fixed.as_deref(), expected, "{version}");
        }
    }

    #[test]
    fn nothing_patched_means_every_version_and_bad_requirements_mean_unknown() {
        let found = match_rustsec(&widget("9.9.9"), &advisory("[versions]\npatched = []"));
        assert!(matches!(found, MatchResult::Affected { fixed: None, .. }));
        for (version, patched) in [("1.0.0", "1.*"), ("new", ">= 1.0.0"), ("new", "")] {
            let list = if patched.is_empty() { String::new() } else { format!("{patched:?}") };
            let advisory = advisory(&format!("[versions]\npatched = [{list}]"));
            let found = match_rustsec(&widget(version), &advisory);
            assert!(matches!(found, MatchResult::Unknown { .. }), "{version} {patched}");
        }
    }

    #[test]
    fn informational_withdrawn_and_foreign_advisories_are_apart() {
        let notice = advisory("informational = \"unmaintained\"\n[versions]\npatched = []");
        assert_eq!(match_rustsec(&widget("1.0.0"), &notice), MatchResult::NotAffected);
        assert!(rustsec_notice(&widget("1.0.0"), &notice).is_some());
        let mut foreign = advisory("[versions]\npatched = []");
        foreign.collection = Some(Collection::Rust);
        assert_eq!(match_rustsec(&widget("1.0.0"), &foreign), MatchResult::NotAffected);
        let withdrawn = advisory("withdrawn = \"2026-02-02\"\n[versions]\npatched = []");
        assert_eq!(match_rustsec(&widget("1.0.0"), &withdrawn), MatchResult::NotAffected);
        assert!(rustsec_notice(&widget("1.0.0"), &foreign).is_none());
    }
}
