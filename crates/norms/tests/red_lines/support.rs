//! Facts, plans, people and chance for the tests and the bench.

use std::collections::BTreeSet;
use std::sync::Arc;

use ed25519_dalek::{Signer as _, SigningKey};
use norms::{ApproverKey, Ed25519Key, Facts, RingFacts, Tlp, is_take_back};
use sha2::{Digest as _, Sha256};
use spine::{
    ActionType, Approval, ApprovalProof, ApprovalWindow, Author, AutonomyLevel, Digest,
    EffectClass, HostId, KeyId, MachineClass, Plan, Profile, Step,
};

/// The moment of every test, milliseconds since the Unix epoch.
pub const NOW_MS: i64 = 1_800_000_000_000;

/// The host of every test.
pub const HOST: HostId = HostId(Digest([7; 32]));

/// A person with a key.
pub struct Person {
    pub name: &'static str,
    key: SigningKey,
}

/// Three people, the second of whom has a second key.
pub fn people() -> [Person; 4] {
    let person = |name, seed| Person { name, key: SigningKey::from_bytes(&[seed; 32]) };
    [person("Ada", 1), person("Ben", 2), person("Cleo", 3), person("Ben", 4)]
}

impl Person {
    pub fn key_id(&self) -> KeyId {
        KeyId(Digest(Sha256::digest(self.key.verifying_key().as_bytes()).into()))
    }

    pub fn enrolled(&self) -> ApproverKey {
        ApproverKey {
            id: self.key_id(),
            public: Ed25519Key::parse(&self.key.verifying_key().to_bytes()).unwrap().into(),
            person: self.name.into(),
        }
    }

    /// An approval for now, signed a minute ago.
    pub fn approves(&self, plan: &Plan) -> Approval {
        let [first, ..] = self.key_id().0.0;
        self.signs(Approval {
            plan: plan.hash().unwrap(),
            host: plan.host,
            approver: self.key_id(),
            window: ApprovalWindow::Now,
            break_glass: false,
            signed_ms: NOW_MS - 60_000,
            nonce: format!("{first:032x}"),
            proof: ApprovalProof::Ed25519 { signature: String::new() },
        })
    }

    /// Signs an approval whatever it says.
    pub fn signs(&self, mut approval: Approval) -> Approval {
        let signature = self.key.sign(&approval.signed_bytes().unwrap());
        approval.proof = ApprovalProof::Ed25519 { signature: hex::encode(signature.to_bytes()) };
        approval
    }
}

/// A plan that agrees with the facts, and the facts bound to it.
pub fn bound(mut facts: Facts) -> (Plan, Facts) {
    let plan = Plan {
        schema: 1,
        host: facts.host,
        root: facts.root.clone(),
        case: None,
        author: facts.author,
        purpose: "a test".into(),
        steps: vec![Step { actuator: "test.step".into(), params: serde_json::Map::new() }],
        evidence: vec![],
        ring: None,
        created_ms: NOW_MS,
        nonce: "0".repeat(32),
    };
    facts.plan = plan.hash().unwrap();
    (plan, facts)
}

/// Facts of a harmless plan of one action: everything is in order, and the level is the default.
pub fn harmless(author: Author, action: ActionType) -> Facts {
    use ActionType as T;
    let class = match action {
        T::RefreshIndex | T::FetchPackages | T::DryRun | T::DraftNotice => EffectClass::Observe,
        T::BlockAddress | T::FreezeProcess | T::QuarantineFile => EffectClass::Contain,
        _ if is_take_back(action) => EffectClass::RollBack,
        _ => EffectClass::Change,
    };
    let containment = class == EffectClass::Contain;
    Facts {
        plan: spine::PlanHash(Digest([0; 32])),
        host: HOST,
        root: "/".into(),
        author,
        now_ms: NOW_MS,
        profile: Profile::Office,
        machine_class: MachineClass::Workstation,
        autonomy_level: AutonomyLevel::Recommend,
        life_safety: false,
        owned: true,
        enrolled: true,
        actions: vec![action],
        unlisted_steps: 0,
        class,
        reversible: true,
        disruptive: class != EffectClass::Observe,
        containment,
        ttl_s: if containment { 3_600 } else { 0 },
        renews_containment: false,
        takes_back_own_failure: false,
        targets: 1,
        targets_partner: false,
        targets_public_core: false,
        touches_defender: false,
        destroys_evidence: false,
        preserves_evidence: true,
        tainted: false,
        dry_run_passed: true,
        rollback_verified: true,
        fleet_size: 10,
        actions_last_hour: 0,
        hosts_touched: 1,
        ring: None,
        evidence_kinds: 2,
        has_local_evidence: true,
        ledger_healthy: true,
        kill_switch: false,
        contact_lost: false,
        leaves_site: matches!(action, T::ShareIntelligence | T::ExportTelemetry),
        signed_share: true,
        telemetry_opt_in: false,
        personal_data: false,
        internal_names: false,
        tlp: Tlp::Green,
        recipients_outside_marking: false,
        artifact_signed: true,
        artifact_pinned: false,
        artifact_revoked: false,
        artifact_live_feed: false,
        artifact_authorises: false,
        protected_feature: false,
        identified_baseline: false,
        approver_keys: people().iter().map(Person::enrolled).collect(),
        used_approvals: Arc::new(BTreeSet::new()),
        break_glass_notified: false,
    }
}

/// A small generator of chance (SplitMix64), seeded so that a failure repeats.
pub struct Chance(pub u64);

impl Chance {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// True once in `of` times.
    pub fn once_in(&mut self, of: u64) -> bool {
        self.next().is_multiple_of(of)
    }

    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.next() % of.len() as u64).unwrap()]
    }
}

/// Any facts. Some draws are mostly harmless, so that every verdict occurs often.
pub fn any_facts(chance: &mut Chance) -> Facts {
    let author = chance.pick(&[Author::Agent, Author::Human]);
    let mut facts = harmless(author, chance.pick(&ActionType::ALL));
    let rare = chance.pick(&[2, 8, 40, 200]);
    any_plan(&mut facts, chance, rare);
    any_record(&mut facts, chance, rare);
    any_export(&mut facts, chance, rare);
    facts
}

fn flip(flag: &mut bool, chance: &mut Chance, rare: u64) {
    *flag ^= chance.once_in(rare);
}

fn any_plan(facts: &mut Facts, chance: &mut Chance, rare: u64) {
    use EffectClass::{Change, Contain, Observe, RollBack};
    facts.autonomy_level = chance.pick(&[
        AutonomyLevel::Observe,
        AutonomyLevel::Recommend,
        AutonomyLevel::ActReversible,
        AutonomyLevel::ActInRings,
    ]);
    facts.profile = chance.pick(&[
        Profile::Office,
        Profile::Clinic,
        Profile::School,
        Profile::Utility,
        Profile::SoftwareFirm,
    ]);
    if chance.once_in(rare) {
        facts.machine_class = chance.pick(&[
            MachineClass::Server,
            MachineClass::Medical,
            MachineClass::ProcessControl,
            MachineClass::Unknown,
        ]);
    }
    if chance.once_in(rare) {
        facts.class = chance.pick(&[Observe, Change, Contain, RollBack]);
    }
    if chance.once_in(rare) {
        facts.actions.push(chance.pick(&ActionType::ALL));
    }
    if chance.once_in(rare * 4) {
        facts.actions.clear();
    }
    facts.unlisted_steps = u32::from(chance.once_in(rare * 4));
    facts.takes_back_own_failure = facts.class == RollBack && chance.once_in(2);
    if facts.containment {
        facts.ttl_s = chance.pick(&[3_600, 1, 86_400]);
    }
    if chance.once_in(rare) {
        facts.ttl_s = chance.pick(&[0, 86_401, u32::MAX]);
    }
    for flag in [
        &mut facts.life_safety,
        &mut facts.owned,
        &mut facts.enrolled,
        &mut facts.reversible,
        &mut facts.disruptive,
        &mut facts.containment,
        &mut facts.renews_containment,
        &mut facts.targets_partner,
        &mut facts.targets_public_core,
        &mut facts.touches_defender,
        &mut facts.destroys_evidence,
        &mut facts.preserves_evidence,
        &mut facts.tainted,
    ] {
        flip(flag, chance, rare);
    }
}

fn any_record(facts: &mut Facts, chance: &mut Chance, rare: u64) {
    if chance.once_in(rare) {
        facts.targets = chance.pick(&[0, 25, 26, u32::MAX]);
    }
    if chance.once_in(rare) {
        facts.fleet_size = chance.pick(&[1, 19, 20, 40, 100, u32::MAX]);
        facts.hosts_touched = chance.pick(&[1, 2, 5, 6, u32::MAX]);
    }
    if chance.once_in(rare) {
        facts.actions_last_hour = chance.pick(&[49, 50, 51, u32::MAX]);
    }
    if chance.once_in(rare) {
        facts.evidence_kinds = chance.pick(&[0, 1, 3]);
    }
    if chance.once_in(4) {
        facts.ring = Some(RingFacts {
            hosts_max: chance.pick(&[5, 1, 0]),
            failures_max: chance.pick(&[1, 0]),
            hosts: if chance.once_in(rare) { chance.pick(&[2, 6]) } else { 1 },
            failures: if chance.once_in(rare) { chance.pick(&[1, 2]) } else { 0 },
        });
    }
    for flag in [
        &mut facts.dry_run_passed,
        &mut facts.rollback_verified,
        &mut facts.has_local_evidence,
        &mut facts.ledger_healthy,
        &mut facts.kill_switch,
        &mut facts.contact_lost,
    ] {
        flip(flag, chance, rare);
    }
}

fn any_export(facts: &mut Facts, chance: &mut Chance, rare: u64) {
    if chance.once_in(rare) {
        facts.tlp = chance.pick(&[Tlp::Clear, Tlp::Amber, Tlp::AmberStrict, Tlp::Red]);
    }
    for flag in [
        &mut facts.leaves_site,
        &mut facts.signed_share,
        &mut facts.telemetry_opt_in,
        &mut facts.personal_data,
        &mut facts.internal_names,
        &mut facts.recipients_outside_marking,
        &mut facts.artifact_signed,
        &mut facts.artifact_pinned,
        &mut facts.artifact_revoked,
        &mut facts.artifact_live_feed,
        &mut facts.artifact_authorises,
        &mut facts.protected_feature,
        &mut facts.identified_baseline,
    ] {
        flip(flag, chance, rare);
    }
}
