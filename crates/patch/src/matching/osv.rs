//! OSV (<https://ossf.github.io/osv-schema/#evaluation>).

use std::cmp::Ordering;

use formats::osv::{Affected, Event, Osv, Range, RangeType};
use spine::{Evidence, EvidenceOrigin, Package};

use super::MatchResult;
use crate::version::{self, Semver, VersionError, VersionScheme};

/// Whether a package is affected by an OSV record. Distribution packages are matched by their
/// source package, as OSV records name it.
pub fn match_osv(package: &Package, advisory: &Osv) -> MatchResult {
    if advisory.withdrawn.is_some() {
        return MatchResult::NotAffected;
    }
    let subject = Subject::of(package);
    let mut unknown = None;
    for affected in &advisory.affected {
        let outcome = match subject.is_meant(affected) {
            Meant::No => continue,
            Meant::ReleaseNotKnown => Err("the release of the distribution is not known".into()),
            Meant::Yes => evaluate(&subject, affected),
        };
        match outcome {
            Ok(Some(found)) => {
                return MatchResult::Affected {
                    evidence: vec![found.evidence(&subject, &advisory.id)],
                    fixed: found.fixed,
                    ids: advisory.ids(),
                };
            }
            Ok(None) => {}
            Err(reason) => unknown = unknown.or(Some(reason)),
        }
    }
    match unknown {
        Some(reason) => MatchResult::Unknown { reason: format!("{}: {reason}", advisory.id) },
        None => MatchResult::NotAffected,
    }
}

/// What of a package an advisory speaks of.
struct Subject<'a> {
    ecosystem: &'a str,
    name: String,
    version: &'a str,
}

enum Meant {
    Yes,
    No,
    ReleaseNotKnown,
}

impl<'a> Subject<'a> {
    fn of(package: &'a Package) -> Self {
        let (name, version) = match &package.source {
            Some(source) => (&source.name, &source.version),
            None => (&package.name, &package.version),
        };
        Self { ecosystem: &package.ecosystem, name: normal_name(&package.ecosystem, name), version }
    }

    fn is_meant(&self, affected: &Affected) -> Meant {
        let Some(package) = &affected.package else { return Meant::No };
        let (base, release) = split_release(self.ecosystem);
        let (their_base, their_release) = split_release(&package.ecosystem);
        if base != their_base || self.name != normal_name(&package.ecosystem, &package.name) {
            return Meant::No;
        }
        match (release, their_release) {
            (_, None) => Meant::Yes,
            (Some(ours), Some(theirs)) if ours == theirs => Meant::Yes,
            (Some(_), Some(_)) => Meant::No,
            (None, Some(_)) => Meant::ReleaseNotKnown,
        }
    }
}

fn split_release(ecosystem: &str) -> (&str, Option<&str>) {
    match ecosystem.split_once(':') {
        Some((base, release)) => (base, Some(release)),
        None => (ecosystem, None),
    }
}

/// Names that an ecosystem holds for the same are spelled the same (PEP 503 for Python).
fn normal_name(ecosystem: &str, name: &str) -> String {
    match split_release(ecosystem).0 {
        "PyPI" => {
            let mut normal = String::with_capacity(name.len());
            for c in name.chars() {
                let c = if matches!(c, '-' | '_' | '.') { '-' } else { c.to_ascii_lowercase() };
                if c != '-' || !normal.ends_with('-') {
                    normal.push(c);
                }
            }
            normal
        }
        "NuGet" | "Packagist" => name.to_lowercase(),
        _ => name.to_owned(),
    }
}

/// Where a version lies among the affected ones.
#[derive(Default)]
struct Found {
    introduced: Option<String>,
    fixed: Option<String>,
    last_affected: Option<String>,
}

impl Found {
    fn evidence(&self, subject: &Subject<'_>, id: &str) -> Evidence {
        let Subject { name, version, .. } = subject;
        let from = match self.introduced.as_deref() {
            None | Some("0") => String::new(),
            Some(introduced) => format!(" from {introduced}"),
        };
        let until = match (&self.fixed, &self.last_affected) {
            (Some(fixed), _) => format!(" before {fixed}"),
            (None, Some(last)) => format!(" up to {last}"),
            (None, None) => ", with no fix named".to_owned(),
        };
        Evidence {
            kind: "osv".to_owned(),
            origin: EvidenceOrigin::Feed,
            text: format!("{id} is about versions of {name}{from}{until}; here it is {version}"),
            reference: Some(id.to_owned()),
        }
    }
}

/// `Ok(None)` where the version is not affected; the error says why it cannot be told.
fn evaluate(subject: &Subject<'_>, affected: &Affected) -> Result<Option<Found>, String> {
    let scheme = version::scheme_for(subject.ecosystem).map_err(|error| error.to_string())?;
    let mut unknown = None;
    let mut readable = affected.versions.len();
    for range in affected.ranges.iter().filter(|range| range.kind != RangeType::Git) {
        readable += 1;
        // The standard library of Go has versions that only the Go scheme reads.
        let semver = range.kind == RangeType::Semver && !subject.ecosystem.starts_with("Go");
        let scheme = if semver { &Semver } else { scheme };
        match evaluate_range(scheme, subject.version, range) {
            Ok(Some(found)) => return Ok(Some(found)),
            Ok(None) => {}
            Err(error) => unknown = unknown.or(Some(error.to_string())),
        }
    }
    if is_listed(scheme, subject.version, &affected.versions) {
        return Ok(Some(Found::default()));
    }
    match unknown {
        Some(reason) => Err(reason),
        None if readable == 0 && affected.ranges.is_empty() => {
            Err("the advisory names no versions".to_owned())
        }
        None if readable == 0 => Err("the advisory names only commits, no versions".to_owned()),
        None => Ok(None),
    }
}

fn is_listed(scheme: &dyn VersionScheme, version: &str, versions: &[String]) -> bool {
    versions.iter().any(|v| v == version || scheme.compare(v, version) == Ok(Ordering::Equal))
}

fn evaluate_range(
    scheme: &dyn VersionScheme,
    version: &str,
    range: &Range,
) -> Result<Option<Found>, VersionError> {
    if !before_limits(scheme, version, range)? {
        return Ok(None);
    }
    let mut events: Vec<&Event> =
        range.events.iter().filter(|event| !matches!(event, Event::Limit(_))).collect();
    sort_events(scheme, &mut events)?;
    let mut found: Option<Found> = None;
    for event in events {
        let order = compare_event(scheme, version, text_of(event))?;
        match event {
            Event::Introduced(at) if order.is_ge() => {
                found = Some(Found { introduced: Some(at.clone()), ..Found::default() });
            }
            Event::Fixed(_) if order.is_ge() => found = None,
            Event::LastAffected(_) if order.is_gt() => found = None,
            // The first event above the version ends the stretch that it lies in.
            Event::Fixed(at) => {
                if let Some(found) = found.as_mut().filter(|f| f.fixed.is_none()) {
                    found.fixed = Some(at.clone());
                }
            }
            Event::LastAffected(at) => {
                if let Some(found) = found.as_mut().filter(|f| f.last_affected.is_none()) {
                    found.last_affected = Some(at.clone());
                }
            }
            Event::Introduced(_) | Event::Limit(_) => {}
        }
    }
    Ok(found)
}

fn before_limits(
    scheme: &dyn VersionScheme,
    version: &str,
    range: &Range,
) -> Result<bool, VersionError> {
    let mut any = false;
    for event in &range.events {
        if let Event::Limit(limit) = event {
            any = true;
            if limit == "*" || scheme.compare(version, limit)?.is_lt() {
                return Ok(true);
            }
        }
    }
    Ok(!any)
}

fn text_of(event: &Event) -> &str {
    match event {
        Event::Introduced(at) | Event::Fixed(at) | Event::LastAffected(at) | Event::Limit(at) => at,
    }
}

/// `0` stands before every version.
fn compare_event(
    scheme: &dyn VersionScheme,
    version: &str,
    event: &str,
) -> Result<Ordering, VersionError> {
    if event == "0" { Ok(Ordering::Greater) } else { scheme.compare(version, event) }
}

fn sort_events(scheme: &dyn VersionScheme, events: &mut [&Event]) -> Result<(), VersionError> {
    let mut error = None;
    events.sort_by(|a, b| {
        let (a, b) = (text_of(a), text_of(b));
        match (a == "0", b == "0") {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => scheme.compare(a, b).unwrap_or_else(|failed| {
                error = Some(failed);
                Ordering::Equal
            }),
        }
    });
    error.map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use spine::SourcePackage;

    use super::*;

    fn package(ecosystem: &str, name: &str, version: &str) -> Package {
        Package {
            ecosystem: ecosystem.into(),
            name: name.into(),
            version: version.into(),
            arch: None,
            source: None,
            location: "lock".into(),
        }
    }

    fn advisory(affected: &str) -> Osv {
        let json = format!(r#"{{"id":"EX-1","aliases":["CVE-2026-1"],"affected":[{affected}]}}"#);
        formats::osv::parse(json.as_bytes()).unwrap()
    }

    fn range(ecosystem: &str, kind: &str, events: &str) -> Osv {
        advisory(&format!(
            r#"{{"package":{{"ecosystem":"{ecosystem}","name":"widget"}},
                "ranges":[{{"type":"{kind}","events":[{events}]}}]}}"#
        ))
    }

    /// The fix, or `no fix`, where affected; `None` where not; unknown is a panic.
    fn answer(found: MatchResult) -> Option<String> {
        match found {
            MatchResult::Affected { fixed, .. } => Some(fixed.unwrap_or_else(|| "no fix".into())),
            MatchResult::NotAffected => None,
            MatchResult::Unknown { reason } => panic!("unknown: {reason}"),
        }
    }

    #[test]
    fn two_stretches_in_any_order_and_the_fix_of_the_right_one() {
        let osv = range(
            "npm",
            "SEMVER",
            r#"{"fixed":"2.3.4"},{"introduced":"2.0.0"},{"fixed":"1.5.0"},{"introduced":"0"}"#,
        );
        for (version, expected) in [
            ("1.0.0", Some("1.5.0".to_owned())),
            ("1.5.0", None),
            ("1.9.9", None),
            ("2.0.0-rc1", None),
            ("2.0.0", Some("2.3.4".to_owned())),
            ("2.3.4", None),
        ] {
            let found = match_osv(&package("npm", "widget", version), &osv);
            assert_eq!(answer(found), expected, "{version}");
        }
    }

    #[test]
    fn last_affected_and_limit() {
        let osv = range("PyPI", "ECOSYSTEM", r#"{"introduced":"1.0"},{"last_affected":"1.4"}"#);
        let at = |version: &str| answer(match_osv(&package("PyPI", "Widget", version), &osv));
        assert_eq!((at("0.9"), at("1.4.0"), at("1.4.post1")), (None, Some("no fix".into()), None));
        let osv = range("npm", "SEMVER", r#"{"introduced":"0"},{"limit":"3.0.0"}"#);
        let at = |version: &str| answer(match_osv(&package("npm", "widget", version), &osv));
        assert_eq!((at("2.9.9"), at("3.0.0")), (Some("no fix".into()), None));
    }

    #[test]
    fn enumerated_versions_count_also_in_another_spelling() {
        let osv = advisory(
            r#"{"package":{"ecosystem":"PyPI","name":"widget.turner"},"versions":["1.0"],
                "ranges":[{"type":"GIT","events":[{"introduced":"0"}]}]}"#,
        );
        let at = |v: &str| answer(match_osv(&package("PyPI", "Widget__Turner", v), &osv));
        assert_eq!((at("1.0.0"), at("1.1")), (Some("no fix".into()), None));
    }

    #[test]
    fn debian_goes_by_release_and_source_package() {
        let osv =
            range("Debian:12", "ECOSYSTEM", r#"{"introduced":"0"},{"fixed":"1.2-3+deb12u1"}"#);
        let mut binary = package("Debian:12", "libwidget1", "1:9-1+b2");
        binary.source = Some(SourcePackage { name: "widget".into(), version: "1.2-3".into() });
        let fixed = Some("1.2-3+deb12u1".to_owned());
        assert_eq!(answer(match_osv(&binary, &osv)), fixed);
        binary.ecosystem = "Debian:11".into();
        assert_eq!(answer(match_osv(&binary, &osv)), None);
        binary.ecosystem = "Debian".into();
        assert!(matches!(match_osv(&binary, &osv), MatchResult::Unknown { .. }));
    }

    #[test]
    fn what_cannot_be_told_is_unknown() {
        for (osv, version) in [
            (range("npm", "SEMVER", r#"{"introduced":"0"},{"fixed":"soon"}"#), "1.0.0"),
            (range("npm", "SEMVER", r#"{"introduced":"0"},{"fixed":"1.0.0"}"#), "latest"),
            (range("npm", "GIT", r#"{"introduced":"0"}"#), "1.0.0"),
            (range("npm", "SEMVER", r#"{"introduced":"1.0.0"},{"limit":"?"}"#), "1.0.0"),
            (advisory(r#"{"package":{"ecosystem":"npm","name":"widget"}}"#), "1.0.0"),
        ] {
            let found = match_osv(&package("npm", "widget", version), &osv);
            assert!(matches!(found, MatchResult::Unknown { .. }), "{found:?}");
        }
        let osv = range("Nowhere", "ECOSYSTEM", r#"{"introduced":"0"}"#);
        let found = match_osv(&package("Nowhere", "widget", "1"), &osv);
        assert!(matches!(found, MatchResult::Unknown { .. }));
    }

    #[test]
    fn other_packages_and_withdrawn_records_do_not_match() {
        let mut osv = range("npm", "SEMVER", r#"{"introduced":"0"}"#);
        assert_eq!(answer(match_osv(&package("npm", "gadget", "1.0.0"), &osv)), None);
        assert_eq!(answer(match_osv(&package("PyPI", "widget", "1.0.0"), &osv)), None);
        osv.withdrawn = Some("2026-01-01T00:00:00Z".into());
        assert_eq!(answer(match_osv(&package("npm", "widget", "1.0.0"), &osv)), None);
    }

    proptest! {
        /// The schema's own statement of the evaluation, over whole numbers.
        #[test]
        fn stretches_of_numbers(
            cuts in proptest::collection::btree_set(1_u32..40, 2..8), at in 0_u32..45,
        ) {
            let cuts: Vec<u32> = cuts.into_iter().collect();
            let events: Vec<String> = cuts
                .iter()
                .enumerate()
                .map(|(i, cut)| {
                    let kind = if i % 2 == 0 { "introduced" } else { "fixed" };
                    format!(r#"{{"{kind}":"{cut}.0.0"}}"#)
                })
                .collect();
            let osv = range("npm", "SEMVER", &events.join(","));
            let below = cuts.iter().filter(|cut| **cut <= at).count();
            let found = answer(match_osv(&package("npm", "widget", &format!("{at}.0.0")), &osv));
            prop_assert_eq!(found.is_some(), below % 2 == 1);
            if let Some(fixed) = found {
                let next = cuts.get(below).map(|cut| format!("{cut}.0.0"));
                prop_assert_eq!(fixed, next.unwrap_or_else(|| "no fix".into()));
            }
        }
    }
}
