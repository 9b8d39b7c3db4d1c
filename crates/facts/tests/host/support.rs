//! A host with a record, for the tests: plans, effects, receipts, a person with a key.

use std::collections::BTreeSet;

use ed25519_dalek::{Signer as _, SigningKey};
use facts::{Asset, Context, History, HubContact, Networks};
use norms::{ApproverKey, Ed25519Key};
use sha2::{Digest as _, Sha256};
use spine::{
    ActionId, ActionState, ActionType, Approval, ApprovalProof, ApprovalWindow, Author,
    AutonomyLevel, Clock, Digest, DryRunOutcome, EffectClass, EvidenceOrigin, EvidenceRef, HostId,
    IntentBody, KeyId, MachineClass, OutcomeBody, Plan, PlanHash, Profile, Receipt, ReceiptId,
    ReceiptKind, SiteConfig, Step, StepEffect, Target,
};
use uuid::Uuid;

pub const START_MS: i64 = 1_800_000_000_000;
pub const HOUR_MS: i64 = 3_600_000;

/// A clock that stands.
pub struct At(pub i64);
impl Clock for At {
    fn now_ms(&self) -> i64 {
        self.0
    }
    fn monotonic_ms(&self) -> u64 {
        0
    }
}

pub fn host(number: u32) -> HostId {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    HostId(Digest(bytes))
}

pub fn action(number: u64) -> ActionId {
    ActionId(Uuid::from_u128(number.into()))
}

pub fn address(number: u32) -> Target {
    Target::Address { address: std::net::Ipv4Addr::from_bits(0xc000_0200 + number).into() }
}

pub fn plan(host: HostId, number: u64) -> Plan {
    Plan {
        schema: 1,
        host,
        root: "/".into(),
        case: None,
        author: Author::Agent,
        purpose: "a test".into(),
        steps: vec![Step { actuator: "test.step".into(), params: serde_json::Map::new() }],
        evidence: evidence().into_iter().collect(),
        ring: None,
        created_ms: START_MS,
        nonce: format!("{number:032x}"),
    }
}

/// Two kinds of evidence, one of them local.
pub fn evidence() -> BTreeSet<EvidenceRef> {
    let seen =
        |kind: &str, origin| EvidenceRef { kind: kind.into(), origin, digest: Digest([5; 32]) };
    [seen("log", EvidenceOrigin::Local), seen("kev", EvidenceOrigin::Feed)].into()
}

pub fn effect(action_type: ActionType, class: EffectClass) -> StepEffect {
    StepEffect {
        action_type,
        class,
        reversible: true,
        disruptive: class != EffectClass::Observe,
        destroys_evidence: false,
        preserves_evidence: false,
        touches_defender: false,
        ttl_s: (class == EffectClass::Contain).then_some(3_600),
        targets: vec![Target::Package { name: "rsync".into() }],
        tainted: vec![],
    }
}

/// What a host knows that has nothing to hide and nothing to fear.
pub struct Known {
    pub site: SiteConfig,
    pub assets: Vec<Asset>,
    pub keys: Vec<ApproverKey>,
    pub evidence: BTreeSet<EvidenceRef>,
    pub nothing: Networks,
}

impl Known {
    pub fn new(hosts: u32, fleet_size: u32) -> Self {
        let asset = |n| Asset { host: host(n), root: "/".into(), owned: true };
        Self {
            site: SiteConfig {
                profile: Profile::Office,
                machine_class: MachineClass::Server,
                autonomy_level: AutonomyLevel::ActInRings,
                fleet_size,
                ..SiteConfig::default()
            },
            assets: (0..hosts).map(asset).collect(),
            keys: vec![Person::new().enrolled()],
            evidence: evidence(),
            nothing: Networks::default(),
        }
    }

    pub fn context<'a>(&'a self, host: HostId, history: &'a History, clock: &'a At) -> Context<'a> {
        Context {
            host,
            site: &self.site,
            history,
            assets: &self.assets,
            life_safety: false,
            ledger_healthy: true,
            hub: HubContact::NoHub,
            approver_keys: &self.keys,
            partners: &self.nothing,
            public_core: &self.nothing,
            never_block: &[],
            confirmed_evidence: &self.evidence,
            takes_back: &[],
            moment: facts::Moment::Now,
            export: None,
            artifact: None,
            clock,
        }
    }
}

/// A person with a key.
pub struct Person(SigningKey);

impl Person {
    pub fn new() -> Self {
        Self(SigningKey::from_bytes(&[1; 32]))
    }

    pub fn enrolled(&self) -> ApproverKey {
        let public = self.0.verifying_key().to_bytes();
        let id = KeyId(Digest(Sha256::digest(public).into()));
        ApproverKey { id, public: Ed25519Key::parse(&public).unwrap().into(), person: "Ada".into() }
    }

    pub fn approves(&self, plan: &Plan, now_ms: i64, number: u64) -> Approval {
        let mut approval = Approval {
            plan: plan.hash().unwrap(),
            host: plan.host,
            approver: self.enrolled().id,
            window: ApprovalWindow::Now,
            break_glass: false,
            signed_ms: now_ms,
            nonce: format!("{number:032x}"),
            proof: ApprovalProof::Ed25519 { signature: String::new() },
        };
        let signature = self.0.sign(&approval.signed_bytes().unwrap());
        approval.proof = ApprovalProof::Ed25519 { signature: hex::encode(signature.to_bytes()) };
        approval
    }
}

pub fn receipt(
    kind: ReceiptKind,
    time_ms: i64,
    host: HostId,
    action: Option<ActionId>,
    plan: Option<PlanHash>,
    body: &impl serde::Serialize,
) -> Receipt {
    let serde_json::Value::Object(body) = serde_json::to_value(body).unwrap() else { panic!() };
    Receipt { schema: 1, id: ReceiptId(Uuid::nil()), time_ms, host, kind, plan, action, body }
}

/// The receipt of intent of a plan of one effect.
pub fn intent(
    plan: &Plan,
    id: ActionId,
    time_ms: i64,
    effect: &StepEffect,
    nonces: &[String],
) -> Receipt {
    let body = IntentBody {
        action_types: vec![effect.action_type],
        class: effect.class,
        author: plan.author,
        root: plan.root.clone(),
        targets: effect.targets.clone(),
        approvals: nonces.to_vec(),
        approvers: nonces.iter().map(|_| KeyId(Digest([3; 32]))).collect(),
        lapses_ms: effect.ttl_s.map(|ttl_s| time_ms + i64::from(ttl_s) * 1_000),
        ring: plan.ring.map(|budget| budget.ring),
    };
    let hash = plan.hash().unwrap();
    receipt(ReceiptKind::Intent, time_ms, plan.host, Some(id), Some(hash), &body)
}

/// The receipt of an outcome.
pub fn outcome(plan: &Plan, id: ActionId, time_ms: i64, state: ActionState) -> Receipt {
    let body = OutcomeBody { state, message: "done".into(), dry_run: None, took_back: None };
    receipt(ReceiptKind::Outcome, time_ms, plan.host, Some(id), plan.hash().ok(), &body)
}

/// The two receipts of a dry run of a plan that passed.
pub fn dry_run(of: &Plan, id: ActionId, time_ms: i64) -> [Receipt; 2] {
    let trying = plan(of.host, 0xd0);
    let tried = DryRunOutcome {
        of: of.hash().unwrap(),
        passed: true,
        rollback_verified: true,
        manifest: Digest([0; 32]),
    };
    let body = OutcomeBody {
        state: ActionState::Done,
        message: "tried".into(),
        dry_run: Some(tried),
        took_back: None,
    };
    [
        intent(&trying, id, time_ms, &effect(ActionType::DryRun, EffectClass::Observe), &[]),
        receipt(ReceiptKind::Outcome, time_ms, of.host, Some(id), None, &body),
    ]
}
