//! Findings grouped into cases, one a source package, and carried over from scan to scan.
//!
//! A case keeps its id, owner, first sighting and state. A scan confirms a fix only where it was
//! complete, was begun after the last step, and could read the package (invariant S06); an
//! incomplete scan closes nothing. A case that a person dismissed or accepted comes back only
//! where it got worse.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet};

use spine::{
    CanonicalError, Case, CaseEvent, CaseState, Finding, FindingKind, HostId, Package, Priority,
    Status,
};

use crate::limits;
use crate::ssvc::{self, RiskInputs};

/// The kind of all cases made here.
pub const KIND: &str = "patch";

/// A finding with what is known around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assessed {
    /// The finding; only those about vulnerable packages become cases.
    pub finding: Finding,
    /// What its priority rests on.
    pub risk: RiskInputs,
    /// Programs that use the package, such as `nginx, listening on port 443`.
    pub users: Vec<String>,
}

/// The scan that made the findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scan {
    /// The host that was scanned.
    pub host: HostId,
    /// When the scan began, milliseconds since the Unix epoch.
    pub started_ms: i64,
    /// Now, milliseconds since the Unix epoch.
    pub now_ms: i64,
    /// Whether everything that can hold packages was read.
    pub complete: bool,
}

/// What a case about this package is about: the source package of a distribution's package, or
/// the ecosystem, the name and the place of a locked one.
pub fn subject_of(package: &Package) -> String {
    match &package.source {
        Some(source) => source.name.clone(),
        None if package.arch.is_some() => package.name.clone(),
        None => format!("{}:{} in {}", package.ecosystem, package.name, package.location),
    }
}

/// The cases after a scan: those found, and those of before, each once, in the order of
/// [`compare`].
pub fn build_cases(
    scan: &Scan,
    assessed: &[Assessed],
    earlier: &[Case],
) -> Result<Vec<Case>, CanonicalError> {
    let mut groups: BTreeMap<String, Group<'_>> = BTreeMap::new();
    for item in assessed {
        let FindingKind::VulnerablePackage { package, fixed } = &item.finding.kind else {
            continue;
        };
        let group = groups.entry(subject_of(package)).or_default();
        match item.finding.status {
            Status::Affected => group.affected.push((item, package, fixed.as_deref())),
            Status::Unknown => group.unknown.push(item),
            Status::NotAffected | Status::Fixed => {}
        }
    }
    let mut before: BTreeMap<String, &Case> = earlier
        .iter()
        .filter(|case| case.kind == KIND && case.host == scan.host)
        .map(|case| (case.subject.clone(), case))
        .collect();
    let mut cases = Vec::new();
    for (subject, group) in &groups {
        let known = before.remove(subject);
        if group.affected.is_empty() {
            cases.extend(known.map(|case| absent(scan, case, group.unknown.is_empty())));
        } else {
            let fresh = group.case(scan, subject)?;
            cases.push(carried_over(scan, fresh, known));
        }
    }
    cases.extend(before.into_values().map(|case| absent(scan, case, true)));
    cases.sort_by(compare);
    Ok(cases)
}

/// The order in which cases are shown: open ones, then by priority, then by how much is fixed.
pub fn compare(a: &Case, b: &Case) -> Ordering {
    let key = |case: &Case| {
        (Reverse(case.state.is_open()), Reverse(case.priority), Reverse(case.ids.len()))
    };
    key(a).cmp(&key(b)).then_with(|| a.subject.cmp(&b.subject))
}

/// A case that this scan did not find again.
fn absent(scan: &Scan, case: &Case, readable: bool) -> Case {
    let mut case = case.clone();
    if scan.complete && readable && scan.started_ms > case.updated_ms {
        // An action that still runs is not judged; its end is.
        let _ = case.step(CaseEvent::Confirm, scan.now_ms);
    }
    case
}

/// A case that this scan found, with what was known of it before.
fn carried_over(scan: &Scan, mut fresh: Case, known: Option<&Case>) -> Case {
    let Some(known) = known else { return fresh };
    // A set: an update of a kernel fixes thousands.
    let known_ids: BTreeSet<&String> = known.ids.iter().collect();
    let worse =
        fresh.priority > known.priority || fresh.ids.iter().any(|id| !known_ids.contains(id));
    let same = fresh.title == known.title
        && fresh.explanation == known.explanation
        && fresh.priority == known.priority
        && fresh.ids == known.ids;
    fresh.created_ms = known.created_ms;
    fresh.owner.clone_from(&known.owner);
    fresh.state = known.state;
    // The time of the last step decides whether a later scan may judge it, so a mere change of
    // words must not move it while an action is under way.
    let judged = !matches!(known.state, CaseState::Acting | CaseState::Verifying);
    if same || !judged {
        fresh.updated_ms = known.updated_ms;
    }
    let later = scan.started_ms > known.updated_ms;
    let event = match known.state {
        CaseState::Verifying if later => Some(CaseEvent::Contradict),
        CaseState::Fixed if later => Some(CaseEvent::Reopen),
        CaseState::Dismissed | CaseState::Accepted if worse => Some(CaseEvent::Reopen),
        _ => None,
    };
    if let Some(event) = event {
        let _ = fresh.step(event, scan.now_ms);
    }
    fresh
}

#[derive(Default)]
struct Group<'a> {
    affected: Vec<(&'a Assessed, &'a Package, Option<&'a str>)>,
    unknown: Vec<&'a Assessed>,
}

impl Group<'_> {
    fn case(&self, scan: &Scan, subject: &str) -> Result<Case, CanonicalError> {
        let (priority, why) = self
            .affected
            .iter()
            .map(|(item, ..)| ssvc::prioritise(&item.risk))
            .max_by(|a, b| a.0.cmp(&b.0))
            .unwrap_or((Priority::Immediate, Vec::new()));
        let mut explanation = self.versions();
        let ids = self.ids();
        if !ids.is_empty() {
            explanation.push(format!("Known as {}.", shortened(&ids)));
        }
        explanation.extend(self.users().iter().map(|user| format!("In use by {user}.")));
        explanation.extend(why);
        for item in &self.unknown {
            for evidence in item.finding.evidence.iter().take(limits::IDS_SHOWN_MAX) {
                explanation.push(format!("Not everything could be told: {}.", evidence.text));
            }
        }
        explanation.truncate(limits::EXPLANATION_LINES_MAX);
        Ok(Case {
            id: Case::identity(scan.host, KIND, subject)?,
            host: scan.host,
            kind: KIND.to_owned(),
            subject: subject.to_owned(),
            title: self.title(subject, &ids),
            priority,
            state: CaseState::Open,
            owner: None,
            findings: self.affected.iter().map(|(item, ..)| item.finding.id).collect(),
            ids,
            explanation,
            created_ms: scan.now_ms,
            updated_ms: scan.now_ms,
        })
    }

    fn ids(&self) -> Vec<String> {
        let ids: BTreeSet<&String> =
            self.affected.iter().flat_map(|(item, ..)| &item.finding.ids).collect();
        ids.into_iter().cloned().collect()
    }

    fn users(&self) -> Vec<&String> {
        let users: BTreeSet<&String> =
            self.affected.iter().flat_map(|(item, ..)| &item.users).collect();
        users.into_iter().take(limits::IDS_SHOWN_MAX).collect()
    }

    /// `libssl3 3.0.1 -> 3.0.2`, one line for all packages with the same pair of versions.
    fn versions(&self) -> Vec<String> {
        let mut pairs: BTreeMap<(&str, Option<&str>), BTreeSet<&str>> = BTreeMap::new();
        for (_, package, fixed) in &self.affected {
            pairs.entry((&package.version, *fixed)).or_default().insert(&package.name);
        }
        let line = |((from, to), names): ((&str, Option<&str>), BTreeSet<&str>)| {
            let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
            let names = shortened(&names);
            match to {
                Some(to) => format!("{names}: version {from} is installed, {to} is fixed."),
                None => format!("{names}: version {from} is installed, no fix is known yet."),
            }
        };
        pairs.into_iter().take(limits::IDS_SHOWN_MAX).map(line).collect()
    }

    fn title(&self, subject: &str, ids: &[String]) -> String {
        let weaknesses = weaknesses(ids);
        let fixable = self.affected.iter().any(|(_, _, fixed)| fixed.is_some());
        let what = match (weaknesses, fixable) {
            (0, true) => format!("an update is waiting for {subject}"),
            (1, true) => format!("1 fix waiting for {subject}"),
            (count, true) => format!("{count} fixes waiting for {subject}"),
            (0 | 1, false) => format!("a weakness of {subject} has no fix yet"),
            (count, false) => format!("{count} weaknesses of {subject} have no fix yet"),
        };
        let attacked: BTreeSet<&str> = self
            .affected
            .iter()
            .flat_map(|(item, ..)| &item.risk.cves)
            .filter(|cve| cve.is_attacked())
            .map(|cve| cve.cve.as_str())
            .collect();
        let attacked = match (attacked.len(), weaknesses) {
            (0, _) => None,
            (1, 0 | 1) => Some("it is being attacked in the wild".to_owned()),
            (1, _) => Some("one is being attacked in the wild".to_owned()),
            (count, _) => Some(format!("{count} are being attacked in the wild")),
        };
        // `nginx, listening on port 443` needs a second comma, `nginx` none.
        let comma = |user: &str| if user.contains(',') { "," } else { "" };
        let used = match self.users().as_slice() {
            [] => None,
            [user] => Some(format!("{user}{} uses it", comma(user))),
            [user, rest @ ..] => {
                Some(format!("{user}{} and {} more use it", comma(user), rest.len()))
            }
        };
        [Some(what), attacked, used].into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}

/// How many weaknesses some ids stand for: the CVE ids, where there are any.
fn weaknesses(ids: &[String]) -> usize {
    let cves = ids.iter().filter(|id| id.starts_with("CVE-")).count();
    if cves > 0 { cves } else { ids.len() }
}

/// `a, b, c and 4 more`.
fn shortened(names: &[String]) -> String {
    let shown: Vec<&str> = names.iter().take(limits::IDS_SHOWN_MAX).map(String::as_str).collect();
    let rest = names.len().saturating_sub(shown.len());
    let shown = shown.join(", ");
    if rest == 0 { shown } else { format!("{shown} and {rest} more") }
}

#[cfg(test)]
mod tests;
