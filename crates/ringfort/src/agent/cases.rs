//! From updates that wait and advice to the few cases that a person should look at: one a source
//! package, ordered by the SSVC deployer tree with exposure and use as facts.

use std::collections::{BTreeMap, BTreeSet};

use patch::ssvc::{RiskInputs, Use, prioritise};
use spine::{Case, CaseEvent, CaseState, Finding, FindingId, FindingKind, Package, Status};

use super::live::LiveFacts;
use super::scan::{Scan, ScanLine};
use super::session::Session;
use crate::failure::{Failure, OrHint as _};

/// The most ids named in one sentence.
const IDS_SHOWN: usize = 6;

/// The findings and cases of a session, carried over from earlier cases of the same host.
pub fn of_session(
    session: &Session<'_>,
    before: &[Case],
    now_ms: i64,
) -> Result<(Vec<Finding>, Vec<Case>), Failure> {
    let help = "report this as a defect";
    let mut groups: BTreeMap<String, Vec<ScanLine>> = BTreeMap::new();
    for line in session.lines(false) {
        let subject = line.source.clone().unwrap_or_else(|| line.package.clone());
        groups.entry(subject).or_default().push(line);
    }
    let known: BTreeMap<_, &Case> = before.iter().map(|case| (case.id, case)).collect();
    let (mut findings, mut cases) = (Vec::new(), Vec::new());
    let mut seen = BTreeSet::new();
    for (subject, lines) in groups {
        let id = Case::identity(session.host, "patch", &subject)
            .or_hint("the case has no identity", help)?;
        let own: Vec<Finding> = lines.iter().map(|line| finding(session, line, now_ms)).collect();
        let mut case = case_of(session, &subject, &lines, now_ms);
        case.id = id;
        case.findings = own.iter().map(|finding| finding.id).collect();
        if let Some(earlier) = known.get(&id) {
            carry_over(&mut case, earlier, now_ms);
        }
        seen.insert(id);
        findings.extend(own);
        cases.push(case);
    }
    // What an earlier scan found and this one, which looked everywhere, does not: it is fixed.
    if session.scan.unknown.is_empty() {
        for earlier in before.iter().filter(|case| case.kind == "patch" && !seen.contains(&case.id))
        {
            let mut case = earlier.clone();
            if case.state != CaseState::Fixed && case.step(CaseEvent::Confirm, now_ms).is_ok() {
                cases.push(case);
            }
        }
    }
    Ok((findings, cases))
}

fn finding(session: &Session<'_>, line: &ScanLine, now_ms: i64) -> Finding {
    let (clock, rng) = session.rim();
    let package = Package {
        ecosystem: line.ecosystem.clone(),
        name: line.package.clone(),
        version: line.installed.clone(),
        arch: line.arch.clone(),
        source: None,
        location: line.location.clone(),
    };
    Finding {
        id: FindingId::new(&clock, &rng),
        time_ms: now_ms,
        host: session.host,
        kind: FindingKind::VulnerablePackage { package, fixed: line.fixed.clone() },
        status: line.status,
        ids: line.ids.clone(),
        evidence: line.evidence.clone(),
    }
}

fn case_of(session: &Session<'_>, subject: &str, lines: &[ScanLine], now_ms: i64) -> Case {
    let ids: BTreeSet<String> = lines.iter().flat_map(|line| line.ids.iter().cloned()).collect();
    let ids: Vec<String> = ids.into_iter().collect();
    let programs = programs(session.scan.live.as_ref(), lines);
    let (priority, why) = prioritise(&session.risk(&ids, use_of(&session.scan, lines)));
    let mut explanation = why;
    explanation.extend(sentence_of_ids(&ids));
    if let Some(text) = sentence_of_programs(&programs) {
        explanation.push(text);
    }
    if lines.iter().any(|line| line.status == Status::Unknown) {
        explanation.push("what the update fixes is not known yet".into());
    }
    let waiting = lines.iter().filter(|line| line.fixed.is_some()).count();
    let title = match (ids.len(), waiting) {
        (0, _) => format!("an update waits for {subject}"),
        (1, 0) => format!("{subject} has a known vulnerability, and no fix is known here"),
        (n, 0) => format!("{subject} has {n} known vulnerabilities, and no fix is known here"),
        (1, _) => format!("a fix waits for {subject}: it closes a known vulnerability"),
        (n, _) => format!("a fix waits for {subject}: it closes {n} known vulnerabilities"),
    };
    Case {
        id: spine::CaseId(spine::Digest([0; 32])),
        host: session.host,
        kind: "patch".into(),
        subject: subject.to_owned(),
        title,
        priority,
        state: CaseState::Open,
        owner: None,
        findings: Vec::new(),
        ids,
        explanation,
        created_ms: now_ms,
        updated_ms: now_ms,
    }
}

fn sentence_of_ids(ids: &[String]) -> Option<String> {
    if ids.is_empty() {
        return None;
    }
    let shown: Vec<&str> = ids.iter().rev().take(IDS_SHOWN).map(String::as_str).collect();
    let more = ids.len() - shown.len();
    let rest = if more == 0 { String::new() } else { format!(" and {more} more") };
    Some(format!("it closes {}{rest}", shown.join(", ")))
}

fn sentence_of_programs(programs: &BTreeSet<String>) -> Option<String> {
    if programs.is_empty() {
        return None;
    }
    let names: Vec<&str> =
        programs.iter().map(|path| path.rsplit('/').next().unwrap_or(path)).take(5).collect();
    Some(format!("in use by {}", names.join(", ")))
}

fn programs(live: Option<&LiveFacts>, lines: &[ScanLine]) -> BTreeSet<String> {
    let Some(live) = live else { return BTreeSet::new() };
    let in_use = lines.iter().filter_map(|line| live.in_use.get(&line.package));
    in_use.flat_map(|in_use| in_use.programs.iter().cloned()).collect()
}

/// Whether the code of these packages is in use, as far as it could be looked at.
fn use_of(scan: &Scan, lines: &[ScanLine]) -> Use {
    let Some(live) = &scan.live else { return Use::Unknown };
    let in_use: Vec<_> = lines.iter().filter_map(|line| live.in_use.get(&line.package)).collect();
    if in_use.iter().any(|in_use| in_use.exposed) {
        Use::Exposed
    } else if !in_use.is_empty() {
        Use::Running
    } else if live.is_complete() {
        Use::Idle
    } else {
        Use::Unknown
    }
}

/// An earlier case goes on: its age, its owner and where it stands stay, unless the scan says more.
fn carry_over(case: &mut Case, earlier: &Case, now_ms: i64) {
    case.created_ms = earlier.created_ms;
    case.owner.clone_from(&earlier.owner);
    case.state = earlier.state;
    let again = match earlier.state {
        CaseState::Fixed => Some(CaseEvent::Reopen),
        CaseState::Verifying => Some(CaseEvent::Contradict),
        // What a person set aside comes back only when there is more to it than before.
        CaseState::Dismissed | CaseState::Accepted
            if case.priority > earlier.priority || case.ids.len() > earlier.ids.len() =>
        {
            Some(CaseEvent::Reopen)
        }
        _ => None,
    };
    if let Some(event) = again {
        // Every state above has this step.
        let _ = case.step(event, now_ms);
    }
}

impl Session<'_> {
    /// What is known of the risk of these ids.
    fn risk(&self, ids: &[String], in_use: Use) -> RiskInputs {
        let site = self.site();
        let facts = self.cve_facts(ids);
        RiskInputs {
            known_exploited: facts.known_exploited,
            epss_ppm_max: facts.epss_ppm_max,
            public_poc: facts.public_poc,
            automatable: facts.automatable,
            in_use,
            profile: site.profile,
            machine_class: site.machine_class,
        }
    }
}
