//! Permits: bound to plan, host, root and time.

use norms::{Norms, Permit, PermitError};
use spine::{ActionType, ApprovalWindow, Author, Digest, HostId, Plan};

use super::support::{HOST, NOW_MS, bound, harmless, people};

fn permit() -> (Plan, Permit) {
    let (plan, facts) = bound(harmless(Author::Agent, ActionType::DryRun));
    let permit = Norms::new(None).unwrap().decide(&plan, &facts, &[]).1.unwrap();
    (plan, permit)
}

#[test]
fn a_permit_admits_its_plan_on_its_host_for_ten_minutes() {
    let (plan, first) = permit();
    assert_eq!((first.plan(), first.host(), first.root()), (plan.hash().unwrap(), HOST, "/"));
    assert_eq!(first.expires_ms(), NOW_MS + norms::limits::PERMIT_MS);
    let admitted = first.consume(&plan, HOST, NOW_MS).unwrap();
    assert_eq!(
        (admitted.plan(), admitted.host(), admitted.root()),
        (plan.hash().unwrap(), HOST, "/")
    );
    let (plan, last) = permit();
    let end_ms = last.expires_ms();
    assert!(last.consume(&plan, HOST, end_ms).is_ok());
}

#[test]
fn a_permit_admits_nothing_else() {
    let (plan, other) = permit();
    let mut changed = plan.clone();
    changed.purpose.push('!');
    assert_eq!(other.consume(&changed, HOST, NOW_MS).unwrap_err(), PermitError::OtherPlan);
    let (plan, other) = permit();
    let elsewhere = HostId(Digest([1; 32]));
    assert_eq!(other.consume(&plan, elsewhere, NOW_MS).unwrap_err(), PermitError::OtherHost);
    for now_ms in [NOW_MS - 1, NOW_MS + norms::limits::PERMIT_MS + 1, i64::MIN, i64::MAX] {
        let (plan, other) = permit();
        assert_eq!(other.consume(&plan, HOST, now_ms).unwrap_err(), PermitError::Expired);
    }
}

#[test]
fn a_permit_ends_with_the_first_approval_and_carries_what_is_used_up() {
    let (plan, facts) = bound(harmless(Author::Human, ActionType::UpgradePackages));
    let [ada, ben, ..] = people();
    let mut short = ben.approves(&plan);
    short.window =
        ApprovalWindow::Scheduled { not_before_ms: NOW_MS - 5, not_after_ms: NOW_MS + 5_000 };
    short.signed_ms = NOW_MS - 10;
    let approvals = [ada.approves(&plan), ben.signs(short)];
    let (decision, permit) = Norms::new(None).unwrap().decide(&plan, &facts, &approvals);
    let permit = permit.unwrap();
    assert_eq!(permit.expires_ms(), NOW_MS + 5_000);
    assert_eq!(permit.approvers(), [ada.key_id(), ben.key_id()]);
    assert_eq!(permit.approvers(), decision.approvers);
    assert_eq!(permit.approvals(), approvals.map(|a| a.nonce));
}
