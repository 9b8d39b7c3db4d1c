//! Approvals: what counts, what does not, and that whoever breaks the glass waits.

use std::sync::Arc;

use norms::{ApprovalFault as Fault, Facts, Norms, weigh};
use spine::{
    ActionType, Approval, ApprovalProof, ApprovalWindow, Author, AutonomyLevel, Digest, HostId,
    KeyId, Plan, PlanHash, Verdict, limits,
};

use super::support::{Chance, NOW_MS, bound, harmless, people};

/// An approval by the third person that breaks the glass, signed an hour ago.
pub fn breaks_the_glass(plan: &Plan) -> Approval {
    let [_, _, cleo, _] = people();
    let mut approval = cleo.approves(plan);
    approval.break_glass = true;
    approval.signed_ms = NOW_MS - limits::BREAK_GLASS_DELAY_MS - 60_000;
    approval.nonce = "ab".repeat(16);
    cleo.signs(approval)
}

fn upgrade() -> (Plan, Facts) {
    bound(harmless(Author::Human, ActionType::UpgradePackages))
}

/// What becomes of one approval after a change that the approver signs.
fn signed(change: impl Fn(&mut Approval), facts: impl Fn(&mut Facts)) -> Option<Fault> {
    let (plan, mut all) = upgrade();
    facts(&mut all);
    let [ada, ..] = people();
    let mut approval = ada.approves(&plan);
    change(&mut approval);
    let weighed = weigh(plan.hash().unwrap(), &all, &[ada.signs(approval)]);
    assert_eq!(weighed.people() == 1, weighed.refused.is_empty());
    weighed.refused.first().map(|(_, fault)| *fault)
}

#[test]
fn what_is_not_in_order_is_not_counted_although_it_is_signed() {
    let scheduled = |start, end| ApprovalWindow::Scheduled {
        not_before_ms: NOW_MS + start,
        not_after_ms: NOW_MS + end,
    };
    assert_eq!(signed(|_| (), |_| ()), None);
    assert_eq!(signed(|a| a.window = scheduled(0, 5), |_| ()), None);
    let other_plan = PlanHash(Digest([9; 32]));
    assert_eq!(signed(|a| a.plan = other_plan, |_| ()), Some(Fault::OtherPlan));
    let other_host = HostId(Digest([9; 32]));
    assert_eq!(signed(|a| a.host = other_host, |_| ()), Some(Fault::OtherHost));
    let stranger = KeyId(Digest([9; 32]));
    assert_eq!(signed(|a| a.approver = stranger, |_| ()), Some(Fault::UnknownKey));
    for nonce in ["", "0", &"A".repeat(32), &"0".repeat(33), &"g".repeat(32)] {
        assert_eq!(signed(|a| a.nonce = nonce.into(), |_| ()), Some(Fault::Nonce), "{nonce}");
    }
    assert_eq!(signed(|a| a.signed_ms = NOW_MS + 1, |_| ()), Some(Fault::NotYet));
    assert_eq!(signed(|a| a.window = scheduled(1, 5), |_| ()), Some(Fault::NotYet));
    let just_good = NOW_MS - limits::APPROVAL_NOW_MS;
    assert_eq!(signed(|a| a.signed_ms = just_good, |_| ()), None);
    assert_eq!(signed(|a| a.signed_ms = just_good - 1, |_| ()), Some(Fault::Expired));
    let longer = limits::APPROVAL_WINDOW_MS_MAX;
    assert_eq!(signed(|a| a.window = scheduled(0, longer), |_| ()), Some(Fault::Window));
    let used: [u8; 16] = [0x11; 16];
    let nonce = |a: &mut Approval| a.nonce = "11".repeat(16);
    assert_eq!(
        signed(nonce, |f| f.used_approvals = Arc::new([used].into())),
        Some(Fault::Replayed)
    );
}

#[test]
fn a_key_that_is_not_its_id_is_not_enrolled() {
    let swap = |facts: &mut Facts| {
        let mut keys = facts.approver_keys.to_vec();
        keys[0].public = keys[1].public.clone();
        facts.approver_keys = keys.into();
    };
    assert_eq!(signed(|_| (), swap), Some(Fault::UnknownKey));
}

#[test]
fn every_bit_of_an_approval_matters() {
    let (plan, facts) = upgrade();
    let [ada, ben, ..] = people();
    let real = ada.approves(&plan);
    let hash = plan.hash().unwrap();
    let counts = |approval: Approval| weigh(hash, &facts, &[approval]).people() == 1;
    assert!(counts(real.clone()));
    let forged: [fn(&mut Approval); 5] = [
        |a| a.signed_ms += 1,
        |a| a.break_glass = true,
        |a| a.nonce.replace_range(..1, "f"),
        |a| {
            a.window = ApprovalWindow::Scheduled { not_before_ms: NOW_MS, not_after_ms: NOW_MS + 9 }
        },
        |a| a.proof = ApprovalProof::Ed25519 { signature: String::new() },
    ];
    for forge in forged {
        let mut approval = real.clone();
        forge(&mut approval);
        assert!(!counts(approval.clone()), "{approval:?}");
    }
    assert!(!counts(Approval { approver: ben.key_id(), ..real.clone() }));
    let ApprovalProof::Ed25519 { signature } = &real.proof else { panic!() };
    for bit in 0..512 {
        let mut bytes = hex::decode(signature).unwrap();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let proof = ApprovalProof::Ed25519 { signature: hex::encode(bytes) };
        assert!(!counts(Approval { proof, ..real.clone() }), "bit {bit}");
    }
}

#[test]
fn people_are_counted_and_not_keys_or_papers() {
    let (plan, facts) = upgrade();
    let [ada, ben, _, bens_phone] = people();
    let count = |approvals: &[Approval]| weigh(plan.hash().unwrap(), &facts, approvals);
    let by_ada = ada.approves(&plan);
    assert_eq!(count(&[by_ada.clone(), ben.approves(&plan)]).people(), 2);
    assert_eq!(count(&[ben.approves(&plan), bens_phone.approves(&plan)]).people(), 1);
    let twice = count(&[by_ada.clone(), by_ada.clone()]);
    assert_eq!((twice.people(), &*twice.refused), (1, &[(1, Fault::Replayed)][..]));
    let mut again = by_ada.clone();
    again.nonce = "22".repeat(16);
    assert_eq!(count(&[by_ada, ada.signs(again)]).people(), 1);
}

#[test]
fn a_forged_copy_does_not_spoil_the_real_approval() {
    let (plan, facts) = upgrade();
    let [ada, ..] = people();
    let real = ada.approves(&plan);
    let proof = ApprovalProof::Ed25519 { signature: "00".repeat(64) };
    let forged = Approval { proof, ..real.clone() };
    let weighed = weigh(plan.hash().unwrap(), &facts, &[forged, real]);
    assert_eq!(weighed.people(), 1);
}

#[test]
fn one_person_who_broke_the_glass_counts_as_two_after_the_delay_and_once_all_were_told() {
    let norms = Norms::new(None).unwrap();
    let mut facts = harmless(Author::Human, ActionType::UpgradePackages);
    facts.reversible = false;
    facts.break_glass_notified = true;
    let (plan, facts) = bound(facts);
    let approval = breaks_the_glass(&plan);
    let verdict = |facts: &Facts, approval: &Approval| {
        norms.decide(&plan, facts, std::slice::from_ref(approval)).0.verdict
    };
    assert_eq!(verdict(&facts, &approval), Verdict::Allow);

    let early = facts.now_ms - 60_001;
    let too_early = Facts { now_ms: early, ..facts.clone() };
    assert_eq!(verdict(&too_early, &approval), Verdict::NeedsApproval { humans: 2 });
    let in_secret = Facts { break_glass_notified: false, ..facts.clone() };
    assert_eq!(verdict(&in_secret, &approval), Verdict::NeedsApproval { humans: 2 });
    // Never for a line that nothing lifts.
    let untried = Facts { dry_run_passed: false, ..facts.clone() };
    assert_eq!(verdict(&untried, &approval), Verdict::Deny);
}

#[test]
fn no_heap_of_papers_is_looked_at() {
    let (plan, facts) = upgrade();
    let norms = Norms::new(None).unwrap();
    let [ada, ..] = people();
    let heap = vec![ada.approves(&plan); norms::limits::APPROVALS_MAX + 1];
    let (decision, permit) = norms.decide(&plan, &facts, &heap);
    assert_eq!(decision.verdict, Verdict::Deny);
    assert!(permit.is_none());
}

#[test]
fn facts_about_something_else_deny() {
    let norms = Norms::new(None).unwrap();
    let mut facts = harmless(Author::Agent, ActionType::RefreshIndex);
    facts.autonomy_level = AutonomyLevel::ActInRings;
    let (plan, facts) = bound(facts);
    assert_eq!(norms.decide(&plan, &facts, &[]).0.verdict, Verdict::Allow);
    let wrong: [fn(&mut Facts); 6] = [
        |f| f.plan = PlanHash(Digest([0; 32])),
        |f| f.host = HostId(Digest([0; 32])),
        |f| f.root = "/srv".into(),
        |f| f.author = Author::Human,
        |f| f.class = spine::EffectClass::RollBack,
        |f| f.takes_back_own_failure = true,
    ];
    for spoil in wrong {
        let mut other = facts.clone();
        spoil(&mut other);
        let (decision, permit) = norms.decide(&plan, &other, &[]);
        assert_eq!(decision.rules[0].0, "FACTS", "{other:?}");
        assert!(permit.is_none());
    }
    let mut broken = plan.clone();
    broken.steps.clear();
    assert_eq!(norms.decide(&broken, &facts, &[]).0.rules[0].0, "PLAN");
}

#[test]
fn random_papers_never_count() {
    let (plan, facts) = upgrade();
    let [ada, ..] = people();
    let mut chance = Chance(5);
    for _ in 0..super::rounds(500) {
        let mut approval = ada.approves(&plan);
        let bytes: Vec<u8> = (0..8).flat_map(|_| chance.next().to_be_bytes()).collect();
        let signature = hex::encode(bytes);
        approval.proof = ApprovalProof::Ed25519 { signature };
        assert_eq!(weigh(plan.hash().unwrap(), &facts, &[approval]).people(), 0);
    }
}
