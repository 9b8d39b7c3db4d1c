//! The plan that would settle a case: named packages to named versions, one step.
//!
//! The versions come from signed metadata of the distribution; the evidence is the hash over
//! exactly those records, so that a plan ends when they change ([`is_current`]).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use spine::{
    Author, CanonicalError, Case, EvidenceOrigin, EvidenceRef, HostId, Plan, PlanError, Step,
    hash_canonical,
};

use crate::limits;
use crate::pending::Upgrade;

/// The registered name of the actuator that upgrades packages.
pub const ACTUATOR: &str = "apt.upgrade";

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    /// There is nothing to upgrade.
    #[error("there is nothing to upgrade")]
    Nothing,
    /// An administrator holds a package at its version.
    #[error("the package `{0}` is held at its version")]
    Held(String),
    /// A package is there twice.
    #[error("the package `{0}` is there twice")]
    Twice(String),
    /// There are too many packages.
    #[error("the plan has {0} packages; at most {max} are allowed", max = limits::PLAN_PACKAGES_MAX)]
    TooMany(usize),
    /// The plan breaks the shape of plans.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Something has no canonical form.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
}

/// What a plan is drafted from.
#[derive(Clone, Copy, Debug)]
pub struct Draft<'a> {
    /// The host that would act.
    pub host: HostId,
    /// The root file system, as [`Plan::root`].
    pub root: &'a str,
    /// The case it would settle.
    pub case: Option<&'a Case>,
    /// Who asks for it.
    pub author: Author,
    /// The upgrades.
    pub upgrades: &'a [Upgrade],
    /// Services that are expected to restart; they go into the evidence and the purpose only.
    pub restarts: &'a [String],
    /// Now, milliseconds since the Unix epoch.
    pub now_ms: i64,
    /// 32 hexadecimal digits that make the plan unique.
    pub nonce: &'a str,
}

/// One package of the step, as the actuator reads it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackageChange {
    /// The binary package.
    pub name: String,
    /// The architecture of the candidate, or `all`.
    pub arch: String,
    /// The version that is installed.
    pub from: String,
    /// The version that takes its place.
    pub to: String,
}

/// What the evidence of a plan hashes of one candidate.
#[derive(Serialize)]
struct CandidateRecord<'a> {
    change: PackageChange,
    filename: &'a str,
    size: u64,
    sha256: &'a str,
    suite: &'a str,
}

/// Drafts the plan that carries out some upgrades.
pub fn draft_upgrade_plan(draft: &Draft<'_>) -> Result<Plan, DraftError> {
    let mut upgrades: Vec<(PackageChange, &Upgrade)> =
        draft.upgrades.iter().map(|upgrade| (change_of(upgrade), upgrade)).collect();
    upgrades.sort_by(|a, b| a.0.cmp(&b.0));
    if upgrades.is_empty() {
        return Err(DraftError::Nothing);
    }
    if upgrades.len() > limits::PLAN_PACKAGES_MAX {
        return Err(DraftError::TooMany(upgrades.len()));
    }
    if let Some((change, _)) = upgrades.iter().find(|(_, upgrade)| upgrade.is_held()) {
        return Err(DraftError::Held(change.name.clone()));
    }
    for ((a, _), (b, _)) in upgrades.iter().zip(upgrades.iter().skip(1)) {
        if a.name == b.name && a.arch == b.arch {
            return Err(DraftError::Twice(a.name.clone()));
        }
    }
    let plan = Plan {
        schema: Plan::SCHEMA,
        host: draft.host,
        root: draft.root.to_owned(),
        case: draft.case.map(|case| case.id),
        author: draft.author,
        purpose: purpose(&upgrades, draft.restarts),
        steps: vec![Step { actuator: ACTUATOR.to_owned(), params: params(&upgrades) }],
        evidence: evidence(&upgrades, draft.restarts)?,
        ring: None,
        created_ms: draft.now_ms,
        nonce: draft.nonce.to_owned(),
    };
    plan.check_shape()?;
    Ok(plan)
}

/// The packages of a drafted plan, or `None` where it is not one of ours.
pub fn changes_of(plan: &Plan) -> Option<Vec<PackageChange>> {
    match plan.steps.as_slice() {
        [step] if step.actuator == ACTUATOR => {
            serde_json::from_value(step.params.get("packages")?.clone()).ok()
        }
        _ => None,
    }
}

/// Whether what a plan would do is still exactly what is pending. A plan that is not must be
/// withdrawn and drafted again.
pub fn is_current(plan: &Plan, pending: &[Upgrade]) -> bool {
    changes_of(plan).is_some_and(|changes| {
        let wanted = |upgrade: &&Upgrade| !upgrade.is_held();
        let pending: Vec<_> = pending
            .iter()
            .filter(wanted)
            .map(|upgrade| (change_of(upgrade), upgrade))
            .filter(|(change, _)| changes.contains(change))
            .collect();
        let mut sorted = pending;
        sorted.sort_by(|a, b| a.0.cmp(&b.0));
        let hashed = candidates_evidence(&sorted);
        sorted.len() == changes.len()
            && hashed.is_ok_and(|evidence| plan.evidence.contains(&evidence))
    })
}

fn change_of(upgrade: &Upgrade) -> PackageChange {
    PackageChange {
        name: upgrade.candidate.name.clone(),
        arch: upgrade.candidate.arch.clone(),
        from: upgrade.installed.package.version.clone(),
        to: upgrade.candidate.version.clone(),
    }
}

fn params(upgrades: &[(PackageChange, &Upgrade)]) -> Map<String, Value> {
    let packages = upgrades.iter().map(|(change, _)| {
        serde_json::json!({
            "name": change.name, "arch": change.arch, "from": change.from, "to": change.to,
        })
    });
    Map::from_iter([("packages".to_owned(), packages.collect())])
}

fn purpose(upgrades: &[(PackageChange, &Upgrade)], restarts: &[String]) -> String {
    let what = match upgrades {
        [(change, _)] => format!("Upgrade {} from {} to {}", change.name, change.from, change.to),
        many => {
            let names: Vec<&str> = many
                .iter()
                .take(limits::IDS_SHOWN_MAX)
                .map(|(change, _)| change.name.as_str())
                .collect();
            let rest = match many.len() - names.len() {
                0 => String::new(),
                rest => format!(" and {rest} more"),
            };
            format!("Upgrade {} packages: {}{rest}", many.len(), names.join(", "))
        }
    };
    match restarts {
        [] => what,
        [one] => format!("{what}; {one} restarts"),
        [one, rest @ ..] => format!("{what}; {one} and {} more services restart", rest.len()),
    }
}

fn evidence(
    upgrades: &[(PackageChange, &Upgrade)],
    restarts: &[String],
) -> Result<Vec<EvidenceRef>, CanonicalError> {
    let mut all = vec![candidates_evidence(upgrades)?];
    if !restarts.is_empty() {
        let mut restarts = restarts.to_vec();
        restarts.sort_unstable();
        restarts.dedup();
        all.push(EvidenceRef {
            kind: "service.restart".to_owned(),
            origin: EvidenceOrigin::Local,
            digest: hash_canonical("restarts", &restarts)?,
        });
    }
    Ok(all)
}

/// One reference for all candidates, however many there are.
fn candidates_evidence(
    upgrades: &[(PackageChange, &Upgrade)],
) -> Result<EvidenceRef, CanonicalError> {
    let records: Vec<CandidateRecord<'_>> = upgrades
        .iter()
        .map(|(change, upgrade)| CandidateRecord {
            change: change.clone(),
            filename: &upgrade.candidate.filename,
            size: upgrade.candidate.size,
            sha256: &upgrade.candidate.sha256,
            suite: &upgrade.candidate.release.suite,
        })
        .collect();
    Ok(EvidenceRef {
        kind: "apt.candidate".to_owned(),
        origin: EvidenceOrigin::Distribution,
        digest: hash_canonical("candidates", &records)?,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use spine::{Digest, Package};

    use super::*;
    use crate::pending::{AvailableDeb, InstalledDeb, ReleaseFacts};

    fn upgrade(name: &str, to: &str) -> Upgrade {
        let package = Package {
            ecosystem: "Debian:12".into(),
            name: name.into(),
            version: "1.0-1".into(),
            arch: Some("amd64".into()),
            source: None,
            location: "var/lib/dpkg/status".into(),
        };
        let release = Arc::new(ReleaseFacts { suite: "stable".into(), ..ReleaseFacts::default() });
        Upgrade {
            installed: InstalledDeb { package, hold: false, essential: false },
            candidate: AvailableDeb {
                name: name.into(),
                arch: "amd64".into(),
                version: to.into(),
                source: None,
                filename: format!("pool/{name}.deb"),
                size: 7,
                sha256: "0".repeat(64),
                release: Arc::clone(&release),
            },
            releases: vec![release],
            priority: 500,
        }
    }

    fn draft<'a>(upgrades: &'a [Upgrade], restarts: &'a [String]) -> Draft<'a> {
        Draft {
            host: HostId(Digest([1; 32])),
            root: "/",
            case: None,
            author: Author::Agent,
            upgrades,
            restarts,
            now_ms: 1,
            nonce: "00000000000000000000000000000000",
        }
    }

    #[test]
    fn the_step_names_packages_in_one_order() {
        let mut upgrades = vec![upgrade("b", "2"), upgrade("a", "1.0-2")];
        let plan = draft_upgrade_plan(&draft(&upgrades, &["nginx".to_owned()])).unwrap();
        assert_eq!(
            serde_json::to_string(&plan.steps[0].params).unwrap(),
            r#"{"packages":[{"arch":"amd64","from":"1.0-1","name":"a","to":"1.0-2"},{"arch":"amd64","from":"1.0-1","name":"b","to":"2"}]}"#
        );
        assert_eq!(plan.purpose, "Upgrade 2 packages: a, b; nginx restarts");
        assert_eq!(plan.evidence.len(), 2);
        upgrades.reverse();
        let again = draft_upgrade_plan(&draft(&upgrades, &["nginx".to_owned()])).unwrap();
        assert_eq!(again.hash().unwrap(), plan.hash().unwrap());
    }

    #[test]
    fn a_plan_ends_when_what_is_pending_changes() {
        let upgrades = [upgrade("a", "2"), upgrade("b", "2")];
        let plan = draft_upgrade_plan(&draft(&upgrades[..1], &[])).unwrap();
        assert!(is_current(&plan, &upgrades));
        assert!(!is_current(&plan, &upgrades[1..]));
        assert!(!is_current(&plan, &[upgrade("a", "3")]));
        let mut other = upgrade("a", "2");
        other.candidate.sha256 = "1".repeat(64);
        assert!(!is_current(&plan, &[other]));
        let mut held = upgrade("a", "2");
        held.installed.hold = true;
        assert!(!is_current(&plan, &[held]));
    }

    #[test]
    fn nothing_held_doubled_or_too_much_is_planned() {
        assert!(matches!(draft_upgrade_plan(&draft(&[], &[])), Err(DraftError::Nothing)));
        let mut held = upgrade("a", "2");
        held.installed.hold = true;
        let result = draft_upgrade_plan(&draft(&[held], &[]));
        assert!(matches!(result, Err(DraftError::Held(name)) if name == "a"));
        let twice = [upgrade("a", "2"), upgrade("a", "3")];
        assert!(matches!(draft_upgrade_plan(&draft(&twice, &[])), Err(DraftError::Twice(_))));
        let many: Vec<_> = (0..2_000).map(|i| upgrade(&format!("p{i}"), "2")).collect();
        assert!(draft_upgrade_plan(&draft(&many, &[])).is_ok());
        let many: Vec<_> = (0..5_001).map(|i| upgrade(&format!("p{i}"), "2")).collect();
        assert!(matches!(draft_upgrade_plan(&draft(&many, &[])), Err(DraftError::TooMany(_))));
    }
}
