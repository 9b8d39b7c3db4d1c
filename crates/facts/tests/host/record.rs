//! The fold over the record.

use facts::{DryRunFacts, History, limits};
use spine::{ActionState, ActionType as T, EffectClass as C, OutcomeBody, Receipt, ReceiptKind};

use super::support::*;

const PASSED: DryRunFacts = DryRunFacts { passed: true, rollback_verified: true };

fn fold<'a>(receipts: impl IntoIterator<Item = &'a Receipt>) -> History {
    let mut history = History::default();
    receipts.into_iter().for_each(|receipt| history.observe(receipt));
    history
}

#[test]
fn a_dry_run_counts_for_its_plan_for_a_day_and_until_the_root_changes() {
    let (here, now) = (host(1), START_MS);
    let upgrade = plan(here, 7);
    let hash = upgrade.hash().unwrap();
    let tried = dry_run(&upgrade, action(1), now);
    let history = fold(&tried);
    let at = |history: &History, ms| history.dry_run(hash, here, "/", ms);
    assert_eq!(at(&history, now), PASSED);
    assert_eq!(at(&history, now + limits::DRY_RUN_MS), PASSED);
    assert_eq!(at(&history, now + limits::DRY_RUN_MS + 1), DryRunFacts::default());
    // A dry run from the future is a clock that went wrong.
    assert_eq!(at(&history, now - limits::CLOCK_AHEAD_MS - 1), DryRunFacts::default());
    assert_eq!(
        history.dry_run(plan(here, 8).hash().unwrap(), here, "/", now),
        DryRunFacts::default()
    );
    assert_eq!(history.dry_run(hash, host(2), "/", now), DryRunFacts::default());

    for (changes, action_type, class) in [
        (true, T::UpgradePackages, C::Change),
        (true, T::QuarantineFile, C::Contain),
        (true, T::RollBack, C::RollBack),
        (false, T::BlockAddress, C::Contain),
        (false, T::ThawProcess, C::RollBack),
        (false, T::RefreshIndex, C::Observe),
    ] {
        let mut history = fold(&tried);
        let other = plan(here, 9);
        history.observe(&intent(&other, action(2), now + 1, &effect(action_type, class), &[]));
        assert_eq!(at(&history, now + 2) != PASSED, changes, "{action_type:?}");
        history.observe(&outcome(&other, action(2), now + 2, ActionState::Done));
        for receipt in &dry_run(&upgrade, action(3), now + 3) {
            history.observe(receipt);
        }
        assert_eq!(at(&history, now + 4), PASSED, "tried again after {action_type:?}");
    }
}

#[test]
fn a_dry_run_made_while_something_changes_does_not_count() {
    let (here, now) = (host(1), START_MS);
    let upgrade = plan(here, 7);
    let other = plan(here, 9);
    let change = effect(T::UpgradePackages, C::Change);
    let mut history = fold(&[intent(&other, action(2), now, &change, &[])]);
    for receipt in &dry_run(&upgrade, action(3), now + 1) {
        history.observe(receipt);
    }
    history.observe(&outcome(&other, action(2), now + 2, ActionState::Done));
    let facts = history.dry_run(upgrade.hash().unwrap(), here, "/", now + 3);
    assert_eq!(facts, DryRunFacts::default());
}

#[test]
fn only_the_outcome_of_a_dry_run_tells_of_one_and_the_last_word_counts() {
    let (here, now) = (host(1), START_MS);
    let upgrade = plan(here, 7);
    let hash = upgrade.hash().unwrap();
    let [mut began, ended] = dry_run(&upgrade, action(1), now);
    assert_eq!(fold([&ended]).dry_run(hash, here, "/", now), DryRunFacts::default());
    began.body["action_types"] = serde_json::json!(["refresh_index"]);
    assert_eq!(fold([&began, &ended]).dry_run(hash, here, "/", now), DryRunFacts::default());
    let [began, _] = dry_run(&upgrade, action(2), now + 1);
    let mut failed = ended.clone();
    failed.action = Some(action(2));
    failed.body["state"] = serde_json::json!("failed");
    let [first, last] = dry_run(&upgrade, action(1), now);
    let history = fold([&first, &last, &began, &failed]);
    assert_eq!(history.dry_run(hash, here, "/", now + 1), DryRunFacts::default());
}

#[test]
fn used_approvals_are_remembered_and_more_than_fit_stop_everything() {
    let here = host(1);
    let change = effect(T::UpgradePackages, C::Change);
    let one = |number: u64, time_ms| {
        let nonces = [format!("{number:032x}")];
        intent(&plan(here, 1), action(number), time_ms, &change, &nonces)
    };
    let history = fold(&[one(0xab, START_MS)]);
    let mut nonce = [0; 16];
    nonce[15] = 0xab;
    assert!(history.used_approvals().contains(&nonce));
    assert_eq!(history.alone_last_hour(START_MS).actions, 0, "a person stood behind it");

    let mut history = History::default();
    for number in 0..=limits::USED_APPROVALS_MAX as u64 {
        history.observe(&one(number, START_MS));
    }
    assert!(!history.is_whole());
    let mut history = History::default();
    for number in 0..=limits::USED_APPROVALS_MAX as u64 {
        history.observe(&one(number, START_MS + number.cast_signed() * 60_000));
    }
    assert!(history.is_whole(), "what can no longer be good may be forgotten");
    assert_eq!(history.used_approvals().len(), limits::USED_APPROVALS_MAX);
}

#[test]
fn the_stop_switch_is_on_until_it_is_off_and_what_is_unclear_is_on() {
    let set = |body: serde_json::Value| {
        receipt(ReceiptKind::KillSwitch, START_MS, host(1), None, None, &body)
    };
    let on = set(serde_json::json!({"on": true}));
    let off = set(serde_json::json!({"on": false}));
    let unclear = set(serde_json::json!({"on": "no"}));
    assert!(!History::default().kill_switch());
    assert!(fold([&on]).kill_switch());
    assert!(!fold([&on, &off]).kill_switch());
    assert!(fold([&off, &unclear]).kill_switch());
}

#[test]
fn a_record_that_is_not_understood_is_not_whole() {
    let mut strange =
        intent(&plan(host(1), 1), action(1), START_MS, &effect(T::DryRun, C::Observe), &[]);
    assert!(fold([&strange]).is_whole());
    strange.body.remove("approvers");
    assert!(!fold([&strange]).is_whole());
    let mut newer = outcome(&plan(host(1), 1), action(1), START_MS, ActionState::Done);
    newer.schema = 2;
    assert_eq!(fold([&newer]).unreadable(), 1);
}

#[test]
fn an_action_that_failed_or_never_ended_is_an_own_failure_until_it_is_taken_back() {
    let here = host(1);
    let subject = plan(here, 1);
    let began = intent(&subject, action(1), START_MS, &effect(T::UpgradePackages, C::Change), &[]);
    let mut history = fold([&began]);
    assert!(history.is_own_failure(action(1), here, "/"));
    assert!(!history.is_own_failure(action(1), host(2), "/"));
    assert!(!history.is_own_failure(action(1), here, "/srv"));
    assert!(!history.is_own_failure(action(2), here, "/"));
    assert_eq!(history.unfinished().count(), 1);
    history.observe(&outcome(&subject, action(1), START_MS, ActionState::Failed));
    assert!(history.is_own_failure(action(1), here, "/"));
    let back = OutcomeBody {
        state: ActionState::Done,
        message: "taken back".into(),
        dry_run: None,
        took_back: Some(action(1)),
    };
    let back = receipt(ReceiptKind::Outcome, START_MS, here, Some(action(2)), None, &back);
    history.observe(&back);
    assert!(!history.is_own_failure(action(1), here, "/"));

    let mut stands = fold([&began]);
    stands.observe(&outcome(&subject, action(1), START_MS, ActionState::Done));
    assert!(!stands.is_own_failure(action(1), here, "/"));
}

#[test]
fn a_mixture_with_a_roll_back_counts_as_an_action() {
    let subject = plan(host(1), 1);
    let mut mixed = intent(&subject, action(1), START_MS, &effect(T::RollBack, C::RollBack), &[]);
    assert_eq!(fold([&mixed]).alone_last_hour(START_MS).actions, 0);
    mixed.body["action_types"] = serde_json::json!(["roll_back", "upgrade_packages"]);
    let alone = fold([&mixed]).alone_last_hour(START_MS);
    assert_eq!((alone.actions, alone.hosts.len()), (1, 1));
}

#[test]
fn memory_is_bounded_and_forgetting_permits_less() {
    let here = host(1);
    let mut history = History::default();
    for number in 0..3_000_u32 {
        let subject = plan(here, number.into());
        let mut block = effect(T::BlockAddress, C::Contain);
        block.targets = (0..10).map(|n| address(number * 10 + n)).collect();
        history.observe(&intent(&subject, action(number.into()), START_MS, &block, &[]));
    }
    assert!(history.unfinished().count() <= limits::OPEN_MAX);
    assert!(history.alone_last_hour(START_MS).actions >= 1_000);
    for number in [0, 9, 15_000, 29_999] {
        assert!(history.was_contained(here, &address(number), START_MS), "{number}");
    }
}
