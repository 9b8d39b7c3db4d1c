//! The red lines as a table: what somebody asks, who stands behind it, and what the norms say.
//!
//! Every row starts from [`harmless`] facts of one plan by one author and changes only what it
//! names. `people` is the number of distinct people whose signatures hold.

use ActionType as T;
use Author::{Agent, Human};
use norms::{Facts, RingFacts, Tlp};
use spine::{
    ActionType, Author, AutonomyLevel as Level, EffectClass as Class, MachineClass as Machine,
    Profile, Verdict,
};

use super::support::harmless;

/// One row.
pub struct Row {
    pub line: &'static str,
    pub says: &'static str,
    pub author: Author,
    pub does: ActionType,
    pub people: u8,
    pub but: fn(&mut Facts),
    pub verdict: Verdict,
    pub rules: &'static [&'static str],
}

impl Row {
    pub fn facts(&self) -> Facts {
        let mut facts = harmless(self.author, self.does);
        (self.but)(&mut facts);
        facts
    }
}

const ALLOW: Verdict = Verdict::Allow;
const DENY: Verdict = Verdict::Deny;
const ONE: Verdict = Verdict::NeedsApproval { humans: 1 };
const TWO: Verdict = Verdict::NeedsApproval { humans: 2 };

macro_rules! rows {
    ($($line:literal: $says:literal, $author:ident $does:ident $people:literal,
       |$f:ident| $but:expr => $verdict:ident [$($rule:literal)*];)*) => {
        /// Every row.
        pub const ROWS: &[Row] = &[$(Row {
            line: $line,
            says: $says,
            author: $author,
            does: T::$does,
            people: $people,
            but: |$f| $but,
            verdict: $verdict,
            rules: &[$($rule),*],
        }),*];
    };
}

const fn ring(hosts: u32, failures: u32) -> RingFacts {
    RingFacts { hosts_max: 5, failures_max: 1, hosts, failures }
}

rows! {
    // Who may act at which level. No line forbids these; without a permit nothing happens.
    "AUTONOMY": "level 0 keeps its index fresh", Agent RefreshIndex 0,
        |f| f.autonomy_level = Level::Observe => ALLOW [];
    "AUTONOMY": "a refresh that changes the machine is no refresh", Agent RefreshIndex 0,
        |f| f.class = Class::Change => ONE ["AUTONOMY"];
    "AUTONOMY": "level 0 fetches nothing", Agent FetchPackages 0,
        |f| f.autonomy_level = Level::Observe => ONE ["AUTONOMY"];
    "AUTONOMY": "level 0 tries nothing", Agent DryRun 0,
        |f| f.autonomy_level = Level::Observe => ONE ["AUTONOMY"];
    "AUTONOMY": "level 1 fetches", Agent FetchPackages 0, |_f| () => ALLOW [];
    "AUTONOMY": "level 1 tries on a copy", Agent DryRun 0, |_f| () => ALLOW [];
    "AUTONOMY": "a dry run that changes the machine is no dry run", Agent DryRun 0,
        |f| f.class = Class::Change => ONE ["AUTONOMY"];
    "AUTONOMY": "a person at the command line may have a plan tried", Human DryRun 0,
        |_f| () => ALLOW [];
    "AUTONOMY": "level 1 asks before it upgrades", Agent UpgradePackages 0,
        |_f| () => ONE ["AUTONOMY"];
    "AUTONOMY": "an upgrade that says it observes is still an upgrade", Agent UpgradePackages 0,
        |f| f.class = Class::Observe => ONE ["AUTONOMY"];
    "AUTONOMY": "level 1 asks before it contains", Agent BlockAddress 0,
        |_f| () => ONE ["AUTONOMY"];
    "AUTONOMY": "level 2 contains", Agent BlockAddress 0,
        |f| f.autonomy_level = Level::ActReversible => ALLOW [];
    "AUTONOMY": "level 2 asks before it moves a file for good", Agent QuarantineFile 0,
        |f| { f.autonomy_level = Level::ActReversible; f.class = Class::Change } =>
        ONE ["AUTONOMY"];
    "AUTONOMY": "level 2 asks before it upgrades", Agent UpgradePackages 0,
        |f| f.autonomy_level = Level::ActReversible => ONE ["AUTONOMY"];
    "AUTONOMY": "an upgrade that says it contains is still an upgrade", Agent UpgradePackages 0,
        |f| { f.autonomy_level = Level::ActReversible; f.class = Class::Contain } =>
        ONE ["AUTONOMY"];
    "AUTONOMY": "level 3 contains", Agent FreezeProcess 0,
        |f| f.autonomy_level = Level::ActInRings => ALLOW [];
    "AUTONOMY": "level 3 upgrades", Agent UpgradePackages 0,
        |f| f.autonomy_level = Level::ActInRings => ALLOW [];
    "AUTONOMY": "level 3 asks before it loads a model", Agent LoadArtifact 0,
        |f| f.autonomy_level = Level::ActInRings => ONE ["AUTONOMY"];
    "AUTONOMY": "level 3 asks before it shares", Agent ShareIntelligence 0,
        |f| f.autonomy_level = Level::ActInRings => ONE ["AUTONOMY"];
    "AUTONOMY": "to say that a person made the plan opens nothing", Human UpgradePackages 0,
        |f| f.autonomy_level = Level::ActInRings => ONE ["AUTONOMY"];
    "AUTONOMY": "nor does it open containment", Human BlockAddress 0,
        |f| f.autonomy_level = Level::ActInRings => ONE ["AUTONOMY"];
    "AUTONOMY": "what a person signed runs at level 0 too", Human UpgradePackages 1,
        |f| f.autonomy_level = Level::Observe => ALLOW [];
    "AUTONOMY": "what a person signed runs", Agent UpgradePackages 1, |_f| () => ALLOW [];
    "AUTONOMY": "a second signature does no harm", Agent UpgradePackages 2, |_f| () => ALLOW [];
    "AUTONOMY": "ringfort takes back what failed", Agent RollBack 0,
        |f| { f.autonomy_level = Level::Observe; f.takes_back_own_failure = true } => ALLOW [];
    "AUTONOMY": "and lifts its own failed block", Agent UnblockAddress 0,
        |f| f.takes_back_own_failure = true => ALLOW [];
    "AUTONOMY": "it does not take back what stands", Agent RollBack 0,
        |f| f.autonomy_level = Level::ActInRings => ONE ["AUTONOMY"];
    "FACTS": "an upgrade does not pose as a roll-back", Agent UpgradePackages 0,
        |f| { f.class = Class::RollBack; f.takes_back_own_failure = true } => DENY ["FACTS"];
    "AUTONOMY": "a person takes back with one signature", Human RollBack 1, |_f| () => ALLOW [];
    "AUTONOMY": "and not with none", Human RollBack 0,
        |f| f.takes_back_own_failure = true => ONE ["AUTONOMY"];
    "AUTONOMY": "every step needs its own permit", Agent DryRun 0,
        |f| f.actions.push(T::UpgradePackages) => ONE ["AUTONOMY"];

    "RL01": "a machine that is not enrolled", Human UpgradePackages 2,
        |f| f.enrolled = false => DENY ["RL01"];
    "RL01": "a machine that somebody else owns", Human UpgradePackages 2,
        |f| f.owned = false => DENY ["RL01"];
    "RL01": "not even its index is refreshed", Agent RefreshIndex 0,
        |f| f.owned = false => DENY ["RL01"];
    "RL01": "nor is anything taken back there", Human RollBack 1,
        |f| f.enrolled = false => DENY ["RL01"];

    "RL02": "a step without a verb", Human UpgradePackages 2,
        |f| f.unlisted_steps = 1 => DENY ["RL02"];
    "RL02": "a plan of nothing but such steps", Human UpgradePackages 2,
        |f| f.actions.clear() => DENY ["RL02"];
    "RL02": "and by ringfort itself", Agent DryRun 0,
        |f| f.unlisted_steps = 1 => DENY ["RL02"];

    "RL03": "a block of a partner", Human BlockAddress 2,
        |f| f.targets_partner = true => DENY ["RL03"];
    "RL03": "a block of a partner is lifted", Human UnblockAddress 1,
        |f| f.targets_partner = true => ALLOW [];

    "RL04": "ringfort's plan for a life-safety machine", Agent UpgradePackages 2,
        |f| f.life_safety = true => DENY ["RL04"];
    "RL04": "ringfort's plan for a medical machine", Agent UpgradePackages 2,
        |f| f.machine_class = Machine::Medical => DENY ["RL04"];
    "RL04": "ringfort's plan for process control", Agent UpgradePackages 2,
        |f| f.machine_class = Machine::ProcessControl => DENY ["RL04"];
    "RL04": "ringfort's plan for a machine of unknown class in a clinic", Agent UpgradePackages 2,
        |f| { f.machine_class = Machine::Unknown; f.profile = Profile::Clinic } => DENY ["RL04"];
    "RL04": "and in a utility", Agent UpgradePackages 2,
        |f| { f.machine_class = Machine::Unknown; f.profile = Profile::Utility } => DENY ["RL04"];
    "RL04": "an unknown class in an office is ordinary", Agent UpgradePackages 1,
        |f| f.machine_class = Machine::Unknown => ALLOW [];
    "RL04": "a workstation in a clinic is ordinary", Agent UpgradePackages 1,
        |f| f.profile = Profile::Clinic => ALLOW [];
    "RL04": "a server in a utility is ordinary", Agent UpgradePackages 1,
        |f| { f.machine_class = Machine::Server; f.profile = Profile::Utility } => ALLOW [];
    "RL04": "ringfort tries nothing on a medical machine", Agent DryRun 0,
        |f| f.machine_class = Machine::Medical => DENY ["RL04"];
    "RL04": "a person's plan for a life-safety machine, one signature", Human UpgradePackages 1,
        |f| f.life_safety = true => TWO ["RL04"];
    "RL04": "a person's plan for a medical machine, one signature", Human UpgradePackages 1,
        |f| f.machine_class = Machine::Medical => TWO ["RL04"];
    "RL04": "a person's plan for process control, none", Human UpgradePackages 0,
        |f| f.machine_class = Machine::ProcessControl => TWO ["RL04"];
    "RL04": "a person's plan for an unknown machine of a clinic, one", Human UpgradePackages 1,
        |f| { f.machine_class = Machine::Unknown; f.profile = Profile::Clinic } => TWO ["RL04"];
    "RL04": "a person's plan for an unknown machine of a utility, one", Human UpgradePackages 1,
        |f| { f.machine_class = Machine::Unknown; f.profile = Profile::Utility } => TWO ["RL04"];
    "RL04": "a person's plan for a workstation of a clinic, one", Human UpgradePackages 1,
        |f| f.profile = Profile::Clinic => ALLOW [];
    "RL04": "a person's plan for an unknown machine of a school, one", Human UpgradePackages 1,
        |f| { f.machine_class = Machine::Unknown; f.profile = Profile::School } => ALLOW [];
    "RL04": "a person's plan for a medical machine, two signatures", Human UpgradePackages 2,
        |f| f.machine_class = Machine::Medical => ALLOW [];
    "RL04": "one signature takes back there", Human RollBack 1,
        |f| f.machine_class = Machine::Medical => ALLOW [];
    "RL04": "ringfort takes back there what failed", Agent RollBack 0,
        |f| { f.machine_class = Machine::Medical; f.takes_back_own_failure = true } => ALLOW [];

    "RL05": "a block of the gateway", Human BlockAddress 2,
        |f| f.targets_public_core = true => DENY ["RL05"];
    "RL05": "a block of the gateway is lifted", Human UnblockAddress 1,
        |f| f.targets_public_core = true => ALLOW [];

    "RL06": "what cannot be taken back, no signature", Agent UpgradePackages 0,
        |f| f.reversible = false => TWO ["RL06"];
    "RL06": "what cannot be taken back, one signature", Human UpgradePackages 1,
        |f| f.reversible = false => TWO ["RL06"];
    "RL06": "what cannot be taken back, two signatures", Human UpgradePackages 2,
        |f| f.reversible = false => ALLOW [];
    "RL06": "level 2 contains only what can be taken back", Agent BlockAddress 0,
        |f| { f.autonomy_level = Level::ActReversible; f.reversible = false } => TWO ["RL06"];

    "RL07": "an upgrade that was not tried", Agent UpgradePackages 2,
        |f| f.dry_run_passed = false => DENY ["RL07"];
    "RL07": "an upgrade whose roll-back was not tried", Agent UpgradePackages 2,
        |f| f.rollback_verified = false => DENY ["RL07"];
    "RL07": "nor does a person's plan go untried", Human UpgradePackages 2,
        |f| f.dry_run_passed = false => DENY ["RL07"];
    "RL07": "nor without a way back", Human UpgradePackages 2,
        |f| f.rollback_verified = false => DENY ["RL07"];
    "RL07": "the dry run itself needs none", Agent DryRun 0,
        |f| { f.dry_run_passed = false; f.rollback_verified = false } => ALLOW [];
    "RL07": "a block needs none", Human BlockAddress 1,
        |f| { f.dry_run_passed = false; f.rollback_verified = false } => ALLOW [];

    "RL08": "the fiftieth action of the hour", Agent DryRun 0,
        |f| f.actions_last_hour = 49 => ALLOW [];
    "RL08": "the one after it", Agent DryRun 0,
        |f| f.actions_last_hour = 50 => ONE ["RL08"];
    "RL08": "and many more", Human DryRun 0,
        |f| f.actions_last_hour = u32::MAX => ONE ["RL08"];
    "RL08": "a person lifts the rate", Agent DryRun 1,
        |f| f.actions_last_hour = 50 => ALLOW [];
    "RL08": "a roll-back is not held up by the rate", Agent RollBack 0,
        |f| { f.actions_last_hour = 50; f.takes_back_own_failure = true } => ALLOW [];
    "RL08": "25 targets", Agent BlockAddress 0,
        |f| { f.autonomy_level = Level::ActReversible; f.targets = 25 } => ALLOW [];
    "RL08": "26 targets", Agent BlockAddress 0,
        |f| { f.autonomy_level = Level::ActReversible; f.targets = 26 } => ONE ["RL08"];
    "RL08": "a person lifts the reach", Agent BlockAddress 1,
        |f| f.targets = 26 => ALLOW [];
    "RL08": "many packages may be tried on a copy", Agent DryRun 0,
        |f| f.targets = 300 => ALLOW [];
    "RL08": "and taken back", Agent RollBack 0,
        |f| { f.targets = 300; f.takes_back_own_failure = true } => ALLOW [];
    "RL08": "one of 19 machines", Agent UpgradePackages 0,
        |f| { f.autonomy_level = Level::ActInRings; f.fleet_size = 19 } => ALLOW [];
    "RL08": "two of 19 machines", Agent UpgradePackages 0,
        |f| { f.autonomy_level = Level::ActInRings; f.fleet_size = 19; f.hosts_touched = 2 } =>
        ONE ["RL08"];
    "RL08": "one of 20 machines", Agent UpgradePackages 0,
        |f| { f.autonomy_level = Level::ActInRings; f.fleet_size = 20 } => ALLOW [];
    "RL08": "two of 20 machines", Agent UpgradePackages 0,
        |f| { f.autonomy_level = Level::ActInRings; f.fleet_size = 20; f.hosts_touched = 2 } =>
        ONE ["RL08"];
    "RL08": "five of 100 machines", Agent UpgradePackages 0,
        |f| { f.autonomy_level = Level::ActInRings; f.fleet_size = 100; f.hosts_touched = 5 } =>
        ALLOW [];
    "RL08": "six of 100 machines", Agent UpgradePackages 0,
        |f| { f.autonomy_level = Level::ActInRings; f.fleet_size = 100; f.hosts_touched = 6 } =>
        ONE ["RL08"];
    "RL08": "100 of 1,999 machines", Agent UpgradePackages 0,
        |f| {
            f.autonomy_level = Level::ActInRings;
            f.fleet_size = 1_999;
            f.hosts_touched = 100;
        } => ONE ["RL08"];
    "RL08": "ring within its budget", Human UpgradePackages 1,
        |f| f.ring = Some(ring(5, 1)) => ALLOW [];
    "RL08": "ring past its machines", Human UpgradePackages 2,
        |f| f.ring = Some(ring(6, 0)) => DENY ["RL08"];
    "RL08": "ring past its failures", Human UpgradePackages 2,
        |f| f.ring = Some(ring(1, 2)) => DENY ["RL08"];
    "RL08": "a spent ring may still be looked at", Agent DryRun 0,
        |f| f.ring = Some(ring(6, 2)) => ALLOW [];
    "RL08": "and a spent ring is taken back", Human RollBack 1,
        |f| f.ring = Some(ring(6, 2)) => ALLOW [];

    "RL09": "a containment without an end", Human BlockAddress 2,
        |f| f.ttl_s = 0 => DENY ["RL09"];
    "RL09": "a containment of one second", Human BlockAddress 1, |f| f.ttl_s = 1 => ALLOW [];
    "RL09": "a containment of 24 hours", Human BlockAddress 1,
        |f| f.ttl_s = 86_400 => ALLOW [];
    "RL09": "a containment of a second more", Human BlockAddress 2,
        |f| f.ttl_s = 86_401 => DENY ["RL09"];
    "RL09": "ringfort does not renew", Agent BlockAddress 0,
        |f| { f.autonomy_level = Level::ActReversible; f.renews_containment = true } =>
        ONE ["RL09"];
    "RL09": "a person renews", Agent BlockAddress 1,
        |f| f.renews_containment = true => ALLOW [];

    "RL10": "one kind of evidence", Agent UpgradePackages 2,
        |f| f.evidence_kinds = 1 => DENY ["RL10"];
    "RL10": "none of it local", Agent UpgradePackages 2,
        |f| f.has_local_evidence = false => DENY ["RL10"];
    "RL10": "nobody is disturbed", Agent UpgradePackages 1,
        |f| { f.evidence_kinds = 0; f.has_local_evidence = false; f.disruptive = false } =>
        ALLOW [];
    "RL10": "a person's own plan", Human UpgradePackages 1,
        |f| { f.evidence_kinds = 0; f.has_local_evidence = false } => ALLOW [];
    "RL10": "a failure is evidence enough to take it back", Agent RollBack 0,
        |f| { f.evidence_kinds = 0; f.takes_back_own_failure = true } => ALLOW [];

    "RL11": "text that an attacker may have written", Agent BlockAddress 0,
        |f| { f.autonomy_level = Level::ActReversible; f.tainted = true } => ONE ["RL11"];
    "RL11": "a person read it", Agent BlockAddress 1, |f| f.tainted = true => ALLOW [];

    "RL12": "no record, no action", Human UpgradePackages 2,
        |f| f.ledger_healthy = false => DENY ["RL12"];
    "RL12": "not even a roll-back", Agent RollBack 0,
        |f| { f.ledger_healthy = false; f.takes_back_own_failure = true } => DENY ["RL12"];
    "RL12": "not even a refresh", Agent RefreshIndex 0,
        |f| f.ledger_healthy = false => DENY ["RL12"];

    "RL13": "the stop switch", Human UpgradePackages 2,
        |f| f.kill_switch = true => DENY ["RL13"];
    "RL13": "stops looking too", Agent RefreshIndex 0,
        |f| f.kill_switch = true => DENY ["RL13"];
    "RL13": "but not a person's roll-back", Human RollBack 1,
        |f| f.kill_switch = true => ALLOW [];
    "RL13": "nor ringfort's of its own failure", Agent RollBack 0,
        |f| { f.kill_switch = true; f.takes_back_own_failure = true } => ALLOW [];
    "RL13": "without the hub ringfort does not act alone", Agent BlockAddress 0,
        |f| { f.autonomy_level = Level::ActReversible; f.contact_lost = true } => ONE ["RL13"];
    "RL13": "a person still acts", Agent BlockAddress 1, |f| f.contact_lost = true => ALLOW [];
    "RL13": "without the hub it still looks", Agent DryRun 0,
        |f| f.contact_lost = true => ALLOW [];
    "RL13": "and takes back its own failure", Agent RollBack 0,
        |f| { f.contact_lost = true; f.takes_back_own_failure = true } => ALLOW [];

    "RL14": "ringfort touches its own record", Agent UpgradePackages 2,
        |f| f.touches_defender = true => DENY ["RL14"];
    "RL14": "nor does it ask for it", Agent UpgradePackages 0,
        |f| f.touches_defender = true => DENY ["RL14"];
    "RL14": "ringfort changes its own rules", Agent ChangeDefender 2, |_f| () => DENY ["RL14"];
    "RL14": "a person's plan, one signature", Human UpgradePackages 1,
        |f| f.touches_defender = true => TWO ["RL14"];
    "RL14": "a person changes the rules, one signature", Human ChangeDefender 1,
        |_f| () => TWO ["RL14"];
    "RL14": "a person changes the rules, two signatures", Human ChangeDefender 2,
        |_f| () => ALLOW [];

    "RL15": "evidence would be lost", Agent QuarantineFile 0,
        |f| { f.autonomy_level = Level::ActReversible; f.destroys_evidence = true;
              f.preserves_evidence = false; } => ONE ["RL15"];
    "RL15": "evidence is kept before", Agent QuarantineFile 0,
        |f| { f.autonomy_level = Level::ActReversible; f.destroys_evidence = true } => ALLOW [];
    "RL15": "there is no evidence to lose", Agent QuarantineFile 0,
        |f| { f.autonomy_level = Level::ActReversible; f.preserves_evidence = false } => ALLOW [];
    "RL15": "a person decides", Agent QuarantineFile 1,
        |f| { f.destroys_evidence = true; f.preserves_evidence = false } => ALLOW [];

    "RL16": "a clean share", Human ShareIntelligence 1, |_f| () => ALLOW [];
    "RL16": "personal data", Human ShareIntelligence 2,
        |f| f.personal_data = true => DENY ["RL16"];
    "RL16": "internal names", Human ShareIntelligence 2,
        |f| f.internal_names = true => DENY ["RL16"];
    "RL16": "a recipient outside the marking", Human ShareIntelligence 2,
        |f| f.recipients_outside_marking = true => DENY ["RL16"];
    "RL16": "TLP:RED, or no marking", Human ShareIntelligence 2,
        |f| f.tlp = Tlp::Red => DENY ["RL16"];
    "RL16": "TLP:AMBER+STRICT within its marking", Human ShareIntelligence 1,
        |f| f.tlp = Tlp::AmberStrict => ALLOW [];
    "RL16": "what is not shared has no marking", Human UpgradePackages 1,
        |f| { f.tlp = Tlp::Red; f.personal_data = true } => ALLOW [];

    "RL17": "a feature about a protected class", Human LoadArtifact 2,
        |f| f.protected_feature = true => DENY ["RL17"];
    "RL17": "a baseline with a name", Human LoadArtifact 2,
        |f| f.identified_baseline = true => DENY ["RL17"];

    "RL18": "raw telemetry by default", Human ExportTelemetry 2, |_f| () => DENY ["RL18"];
    "RL18": "the owner opted in", Human ExportTelemetry 1,
        |f| f.telemetry_opt_in = true => ALLOW [];
    "RL18": "a share without a signature", Human ShareIntelligence 2,
        |f| f.signed_share = false => DENY ["RL18"];
    "RL18": "a signature does not make telemetry a share", Human ExportTelemetry 2,
        |f| f.signed_share = true => DENY ["RL18"];
    "RL18": "an upgrade does not leave the site", Human UpgradePackages 1,
        |f| f.signed_share = false => ALLOW [];

    "RL19": "a signed model", Human LoadArtifact 1, |_f| () => ALLOW [];
    "RL19": "neither signed nor pinned", Human LoadArtifact 2,
        |f| f.artifact_signed = false => DENY ["RL19"];
    "RL19": "signed and revoked", Human LoadArtifact 2,
        |f| f.artifact_revoked = true => DENY ["RL19"];
    "RL19": "pinned by its hash", Human LoadArtifact 1,
        |f| { f.artifact_signed = false; f.artifact_pinned = true } => ALLOW [];
    "RL19": "a live feed that informs", Human LoadArtifact 1,
        |f| { f.artifact_signed = false; f.artifact_live_feed = true } => ALLOW [];
    "RL19": "a live feed that authorises", Human LoadArtifact 2,
        |f| { f.artifact_signed = false; f.artifact_live_feed = true;
              f.artifact_authorises = true; } => DENY ["RL19"];
    "RL19": "what is not loaded needs no signature", Human UpgradePackages 1,
        |f| f.artifact_signed = false => ALLOW [];

    "RL20": "ringfort drafts a notice", Agent DraftNotice 0, |_f| () => ALLOW [];
    "RL20": "ringfort submits a notice", Agent SubmitNotice 2, |_f| () => DENY ["RL20"];
    "RL20": "a person submits a notice", Human SubmitNotice 1, |_f| () => ALLOW [];

    "many": "all that speaks against it is said", Agent UpgradePackages 0,
        |f| { f.owned = false; f.tainted = true; f.kill_switch = true } =>
        DENY ["RL01" "RL11" "RL13"];
    "many": "what two people lift is asked of two", Agent UpgradePackages 0,
        |f| { f.reversible = false; f.tainted = true } => TWO ["RL06" "RL11"];
}
