//! The red lines once more, by hand in plain Rust: the peer against which the Cedar policies are
//! checked and timed. It shares no line with the product.

use std::collections::BTreeSet;

use norms::{Facts, Tlp};
use spine::{ActionType as T, Author, AutonomyLevel, EffectClass, MachineClass, Profile, Verdict};

/// What the red lines say with so many people behind the plan.
pub struct Answer {
    pub verdict: Verdict,
    pub rules: Vec<&'static str>,
}

pub fn decide(facts: &Facts, approvers: u8) -> Answer {
    let (rules, hard) = fired(facts, approvers);
    let permitted = |n| fired(facts, n).0.is_empty() && all_permitted(facts, n);
    let verdict = if permitted(approvers) {
        Verdict::Allow
    } else if hard {
        Verdict::Deny
    } else {
        (approvers + 1..=2)
            .find(|n| permitted(*n))
            .map_or(Verdict::Deny, |humans| Verdict::NeedsApproval { humans })
    };
    let mut rules: Vec<_> = rules.into_iter().collect();
    if rules.is_empty() && verdict != Verdict::Allow {
        rules.push("AUTONOMY");
    }
    Answer { verdict, rules }
}

fn all_permitted(facts: &Facts, approvers: u8) -> bool {
    approvers >= 1 || facts.actions.iter().all(|action| alone(facts, *action))
}

/// Whether an action may happen with nobody's approval.
fn alone(facts: &Facts, action: T) -> bool {
    let agent = facts.author == Author::Agent;
    let level = facts.autonomy_level;
    match action {
        T::RefreshIndex => facts.class == EffectClass::Observe,
        T::FetchPackages | T::DryRun | T::DraftNotice => {
            facts.class == EffectClass::Observe && level > AutonomyLevel::Observe
        }
        T::BlockAddress | T::FreezeProcess | T::QuarantineFile => {
            agent && facts.class == EffectClass::Contain && level >= AutonomyLevel::ActReversible
        }
        T::UpgradePackages => agent && level == AutonomyLevel::ActInRings,
        T::RollBack | T::RestoreFile | T::UnblockAddress | T::ThawProcess => {
            agent && facts.takes_back_own_failure
        }
        _ => false,
    }
}

/// The lines that fire, and whether one of them is lifted by nothing.
fn fired(facts: &Facts, approvers: u8) -> (BTreeSet<&'static str>, bool) {
    let mut rules = BTreeSet::new();
    let mut hard = false;
    let mut fire = |when: bool, rule: &'static str, nothing_lifts: bool| {
        if when {
            rules.insert(rule);
            hard |= nothing_lifts;
        }
    };
    let agent = facts.author == Author::Agent;
    let observes = facts.class == EffectClass::Observe;
    let takes_back = facts.class == EffectClass::RollBack;
    let does = |action| facts.actions.contains(&action);
    let nobody = approvers == 0;

    fire(!facts.owned || !facts.enrolled, "RL01", true);
    fire(facts.actions.is_empty() || facts.unlisted_steps != 0, "RL02", true);
    fire(facts.targets_partner && !takes_back, "RL03", true);
    let vital = is_vital(facts) && !takes_back;
    fire(vital && agent, "RL04", true);
    fire(vital && !agent && approvers < 2, "RL04", false);
    fire(facts.targets_public_core && !takes_back, "RL05", true);
    fire(!facts.reversible && approvers < 2, "RL06", false);
    let tried = facts.dry_run_passed && facts.rollback_verified;
    fire(does(T::UpgradePackages) && !tried, "RL07", true);
    fire(nobody && !takes_back && facts.actions_last_hour > 49, "RL08", false);
    fire(nobody && !takes_back && !observes && reaches_too_far(facts), "RL08", false);
    let ring_spent =
        facts.ring.is_some_and(|r| r.hosts > r.hosts_max || r.failures > r.failures_max);
    fire(ring_spent && !takes_back && !observes, "RL08", true);
    fire(facts.containment && !(1..=24 * 3_600).contains(&facts.ttl_s), "RL09", true);
    fire(facts.renews_containment && nobody, "RL09", false);
    let proven = facts.has_local_evidence && facts.evidence_kinds > 1;
    fire(agent && facts.disruptive && !proven && !takes_back, "RL10", true);
    fire(facts.tainted && nobody, "RL11", false);
    fire(!facts.ledger_healthy, "RL12", true);
    fire(facts.kill_switch && !takes_back, "RL13", true);
    fire(facts.contact_lost && nobody && !takes_back && !observes, "RL13", false);
    let itself = facts.touches_defender || does(T::ChangeDefender);
    fire(itself && agent, "RL14", true);
    fire(itself && !agent && approvers < 2, "RL14", false);
    fire(facts.destroys_evidence && !facts.preserves_evidence && nobody, "RL15", false);
    let unfit = facts.personal_data
        || facts.internal_names
        || facts.recipients_outside_marking
        || facts.tlp == Tlp::Red;
    fire(does(T::ShareIntelligence) && unfit, "RL16", true);
    fire(facts.protected_feature || facts.identified_baseline, "RL17", true);
    fire(facts.leaves_site && !facts.telemetry_opt_in && !only_signed_shares(facts), "RL18", true);
    fire(does(T::LoadArtifact) && !may_load(facts), "RL19", true);
    fire(agent && does(T::SubmitNotice), "RL20", true);
    (rules, hard)
}

fn is_vital(facts: &Facts) -> bool {
    facts.life_safety
        || match facts.machine_class {
            MachineClass::Medical | MachineClass::ProcessControl => true,
            MachineClass::Unknown => {
                matches!(facts.profile, Profile::Clinic | Profile::Utility)
            }
            MachineClass::Workstation | MachineClass::Server => false,
        }
}

fn reaches_too_far(facts: &Facts) -> bool {
    let hosts = u64::from(facts.hosts_touched);
    // 5 % of the machines, rounded down, and one machine in any case.
    let hosts_max = (u64::from(facts.fleet_size) / 20).max(1);
    // With nothing touched there is nothing to bound.
    facts.targets > 25 || (hosts > 0 && hosts > hosts_max)
}

fn only_signed_shares(facts: &Facts) -> bool {
    facts.signed_share
        && facts.unlisted_steps == 0
        && !facts.actions.is_empty()
        && facts.actions.iter().all(|action| *action == T::ShareIntelligence)
}

fn may_load(facts: &Facts) -> bool {
    let informs = facts.artifact_live_feed && !facts.artifact_authorises;
    !facts.artifact_revoked && (facts.artifact_signed || facts.artifact_pinned || informs)
}
