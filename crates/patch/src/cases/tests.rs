use spine::{Digest, Evidence, EvidenceOrigin, FindingId, SourcePackage};

use super::*;
use crate::ssvc::{CveIntel, HumanImpact, Listening};

const HOST: HostId = HostId(Digest([1; 32]));

fn scan(started_ms: i64) -> Scan {
    Scan { host: HOST, started_ms, now_ms: started_ms + 5, complete: true }
}

fn assessed(name: &str, source: &str, ids: &[&str], status: Status) -> Assessed {
    let package = Package {
        ecosystem: "Debian:12".into(),
        name: name.into(),
        version: "1.0-1".into(),
        arch: Some("amd64".into()),
        source: Some(SourcePackage { name: source.into(), version: "1.0-1".into() }),
        location: "var/lib/dpkg/status".into(),
    };
    let evidence = Evidence {
        kind: "test".into(),
        origin: EvidenceOrigin::Local,
        text: "the version could not be read".into(),
        reference: None,
    };
    Assessed {
        finding: Finding {
            id: FindingId("01890000-0000-7000-8000-000000000000".parse::<FindingId>().unwrap().0),
            time_ms: 1,
            host: HOST,
            kind: FindingKind::VulnerablePackage { package, fixed: Some("1.0-2".into()) },
            status,
            ids: ids.iter().map(|id| (*id).to_owned()).collect(),
            evidence: vec![evidence],
        },
        risk: RiskInputs {
            cves: Vec::new(),
            fixes_vulnerability: None,
            listening: Some(Listening::No),
            mapped: Some(false),
            human_impact: HumanImpact::Medium,
        },
        users: Vec::new(),
    }
}

fn affected(name: &str, source: &str, ids: &[&str]) -> Assessed {
    assessed(name, source, ids, Status::Affected)
}

fn attacked() -> Assessed {
    let mut item = affected("libssl3", "openssl", &["CVE-2026-1", "CVE-2026-2", "CVE-2026-3"]);
    item.risk.listening = Some(Listening::Network);
    let kev = CveIntel { cve: "CVE-2026-2".into(), kev: Some(true), ..CveIntel::default() };
    item.risk.cves = vec![kev];
    item.users = vec!["nginx, listening on port 443".into()];
    item
}

fn state_after(state: CaseState, found: &[Assessed], scan: &Scan) -> CaseState {
    let mut known = build_cases(&super::tests::scan(100), &[affected("a", "a", &["CVE-1-1"])], &[])
        .unwrap()
        .remove(0);
    known.state = state;
    let cases = build_cases(scan, found, &[known]).unwrap();
    assert_eq!(cases.len(), 1);
    cases[0].state
}

#[test]
fn binaries_of_one_source_are_one_case_in_plain_words() {
    let found = [attacked(), affected("openssl", "openssl", &["CVE-2026-1"])];
    let cases = build_cases(&scan(1), &found, &[]).unwrap();
    assert_eq!(cases.len(), 1);
    assert_eq!(
        cases[0].title,
        "3 fixes waiting for openssl; one is being attacked in the wild; \
         nginx, listening on port 443, uses it"
    );
    assert_eq!(cases[0].priority, Priority::OutOfCycle);
    assert_eq!(cases[0].ids, ["CVE-2026-1", "CVE-2026-2", "CVE-2026-3"]);
    assert_eq!(
        cases[0].explanation[0],
        "libssl3, openssl: version 1.0-1 is installed, 1.0-2 is fixed."
    );
    assert!(cases[0].explanation.iter().any(|line| line.contains("attacked in the wild")));
}

#[test]
fn the_most_urgent_open_case_comes_first() {
    let found = [affected("a", "a", &[]), attacked(), affected("b", "b", &["CVE-2026-9"])];
    let subjects: Vec<String> =
        build_cases(&scan(1), &found, &[]).unwrap().into_iter().map(|case| case.subject).collect();
    assert_eq!(subjects, ["openssl", "b", "a"]);
}

#[test]
fn a_later_complete_scan_confirms_what_is_gone_and_nothing_else_does() {
    use CaseState as S;
    let late = scan(1_000);
    for state in [S::Open, S::Planned, S::Approved, S::Verifying] {
        assert_eq!(state_after(state, &[], &late), S::Fixed, "{state:?}");
        let incomplete = Scan { complete: false, ..late };
        assert_eq!(state_after(state, &[], &incomplete), state);
        // A scan that began before the last step proves nothing about it.
        assert_eq!(state_after(state, &[], &scan(50)), state);
        let unreadable = [assessed("a", "a", &[], Status::Unknown)];
        assert_eq!(state_after(state, &unreadable, &late), state);
    }
    assert_eq!(state_after(S::Acting, &[], &late), S::Acting);
    assert_eq!(state_after(S::Accepted, &[], &late), S::Accepted);
}

#[test]
fn what_is_found_again_contradicts_or_reopens() {
    use CaseState as S;
    let same = [affected("a", "a", &["CVE-1-1"])];
    let late = scan(1_000);
    assert_eq!(state_after(S::Verifying, &same, &late), S::Open);
    assert_eq!(state_after(S::Verifying, &same, &scan(50)), S::Verifying);
    assert_eq!(state_after(S::Fixed, &same, &late), S::Open);
    for state in [S::Open, S::Planned, S::Approved, S::Acting, S::Dismissed, S::Accepted] {
        assert_eq!(state_after(state, &same, &late), state, "{state:?}");
    }
    let worse = [affected("a", "a", &["CVE-1-1", "CVE-1-2"])];
    assert_eq!(state_after(S::Dismissed, &worse, &late), S::Open);
    assert_eq!(state_after(S::Planned, &worse, &late), S::Planned);
}

#[test]
fn identity_first_sighting_and_owner_stay() {
    let mut known = build_cases(&scan(100), &[attacked()], &[]).unwrap().remove(0);
    known.owner = Some("Ada".into());
    let again = build_cases(&scan(1_000), &[attacked()], &[known.clone()]).unwrap().remove(0);
    assert_eq!(again, known);
    let more = [attacked(), affected("openssl", "openssl", &["CVE-2026-7"])];
    let again = build_cases(&scan(1_000), &more, &[known.clone()]).unwrap().remove(0);
    assert_eq!((again.id, again.created_ms), (known.id, known.created_ms));
    assert_eq!((again.owner, again.updated_ms), (known.owner, 1_005));
}

#[test]
fn what_could_not_be_told_is_said_in_the_case() {
    let found = [affected("a", "a", &[]), assessed("b", "a", &[], Status::Unknown)];
    let case = build_cases(&scan(1), &found, &[]).unwrap().remove(0);
    assert_eq!(case.title, "an update is waiting for a");
    assert!(case.explanation.iter().any(|line| line.starts_with("Not everything could be told")));
}

#[test]
fn locked_packages_are_apart_by_place() {
    let mut item = affected("serde", "x", &["RUSTSEC-1"]);
    if let FindingKind::VulnerablePackage { package, .. } = &mut item.finding.kind {
        package.source = None;
        package.arch = None;
        package.ecosystem = "crates.io".into();
        package.location = "srv/app/Cargo.lock".into();
        assert_eq!(subject_of(package), "crates.io:serde in srv/app/Cargo.lock");
    }
    let case = build_cases(&scan(1), &[item], &[]).unwrap().remove(0);
    assert!(case.title.starts_with("1 fix waiting for crates.io:serde"));
}
