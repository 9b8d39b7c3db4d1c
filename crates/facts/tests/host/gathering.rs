//! What is gathered of one plan.

use facts::{
    Asset, Context, ExportFacts, History, HubContact, Networks, gather, limits, public_core,
};
use norms::{Facts, Tlp};
use spine::{
    ActionState, ActionType as T, EffectClass as C, EvidenceOrigin, Plan, RingBudget, StepEffect,
    Target,
};

use super::support::*;

/// Gathers the facts of a plan with these effects on host 1, with a change to what is known.
fn facts_of(effects: &[StepEffect], change: impl FnOnce(&mut Plan, &mut Context<'_>)) -> Facts {
    let known = Known::new(2, 10);
    let history = History::default();
    let clock = At(START_MS);
    let mut context = known.context(host(1), &history, &clock);
    let mut subject = plan(host(1), 1);
    subject.steps = vec![subject.steps[0].clone(); effects.len()];
    change(&mut subject, &mut context);
    gather(&subject, effects, &context).unwrap()
}

fn upgrade() -> StepEffect {
    effect(T::UpgradePackages, C::Change)
}

#[test]
fn ownership_is_what_was_enrolled_for_this_host_and_root() {
    let owned = |facts: Facts| (facts.enrolled, facts.owned);
    assert_eq!(owned(facts_of(&[upgrade()], |_, _| ())), (true, true));
    assert_eq!(owned(facts_of(&[upgrade()], |p, _| p.root = "/srv".into())), (false, false));
    assert_eq!(owned(facts_of(&[upgrade()], |p, _| p.host = host(0))), (false, false));
    let borrowed = [Asset { host: host(1), root: "/".into(), owned: false }];
    let known = Known { assets: borrowed.to_vec(), ..Known::new(2, 10) };
    let (history, clock) = (History::default(), At(START_MS));
    let context = known.context(host(1), &history, &clock);
    let facts = gather(&plan(host(1), 1), &[upgrade()], &context).unwrap();
    assert_eq!(owned(facts), (true, false));
}

#[test]
fn a_roll_back_is_one_only_with_every_step_by_class_and_type() {
    let class = |effects: &[StepEffect]| facts_of(effects, |_, _| ()).class;
    let back = || effect(T::RollBack, C::RollBack);
    assert_eq!(class(&[back(), effect(T::ThawProcess, C::RollBack)]), C::RollBack);
    assert_eq!(class(&[back(), upgrade()]), C::Change);
    assert_eq!(class(&[back(), effect(T::DryRun, C::Observe)]), C::Change);
    assert_eq!(class(&[effect(T::UpgradePackages, C::RollBack)]), C::Change);
    assert_eq!(class(&[effect(T::BlockAddress, C::Contain)]), C::Contain);
    assert_eq!(class(&[effect(T::BlockAddress, C::Contain), upgrade()]), C::Change);
    assert_eq!(class(&[effect(T::DryRun, C::Observe)]), C::Observe);
    assert_eq!(class(&[]), C::Change);
}

#[test]
fn the_worst_step_speaks_for_the_plan() {
    let mut worst = upgrade();
    (worst.reversible, worst.destroys_evidence) = (false, true);
    (worst.touches_defender, worst.tainted) = (true, vec!["path".into()]);
    let facts = facts_of(&[upgrade(), worst], |_, _| ());
    assert!(!facts.reversible && facts.destroys_evidence && !facts.preserves_evidence);
    assert!(facts.touches_defender && facts.tainted && facts.disruptive);
    let fine = facts_of(&[upgrade(), upgrade()], |_, _| ());
    assert!(fine.reversible && !fine.destroys_evidence && fine.preserves_evidence);
    assert!(!fine.touches_defender && !fine.tainted);
    assert_eq!((fine.targets, fine.actions.len()), (1, 1));
}

#[test]
fn a_step_without_an_effect_is_unlisted() {
    let facts = facts_of(&[upgrade()], |p, _| p.steps.push(p.steps[0].clone()));
    assert_eq!(facts.unlisted_steps, 1);
    assert_eq!(facts_of(&[], |_, _| ()).unlisted_steps, 0);
}

#[test]
fn the_longest_containment_counts_and_one_without_an_end_has_none() {
    let ttl_s = |ttls: &[Option<u32>]| {
        let block = |ttl_s: &Option<u32>| StepEffect {
            ttl_s: *ttl_s,
            ..effect(T::BlockAddress, C::Contain)
        };
        let effects: Vec<_> = ttls.iter().map(block).collect();
        let facts = facts_of(&effects, |_, _| ());
        assert!(facts.containment);
        facts.ttl_s
    };
    assert_eq!(ttl_s(&[Some(60), Some(90)]), 90);
    assert_eq!(ttl_s(&[Some(60), None]), 0);
    assert_eq!(ttl_s(&[Some(0), Some(90)]), 0);
    assert!(facts_of(&[effect(T::BlockAddress, C::Change)], |_, _| ()).containment);
}

#[test]
fn what_must_stay_reachable_is_found_in_every_spelling() {
    let core = public_core().unwrap();
    let partners = Networks::parse(["203.0.113.0/24"]).unwrap();
    let gateway = ["192.168.1.1".parse().unwrap()];
    let (known, history, clock) = (Known::new(2, 10), History::default(), At(START_MS));
    let aimed = |text: &str| {
        let mut block = effect(T::BlockAddress, C::Contain);
        block.targets = vec![Target::Address { address: text.parse().unwrap() }];
        let context = Context {
            public_core: &core,
            partners: &partners,
            never_block: &gateway,
            ..known.context(host(1), &history, &clock)
        };
        let facts = gather(&plan(host(1), 1), &[block], &context).unwrap();
        (facts.targets_public_core, facts.targets_partner)
    };
    assert_eq!(aimed("198.41.0.4"), (true, false));
    assert_eq!(aimed("::ffff:192.168.1.1"), (true, false));
    assert_eq!(aimed("::ffff:203.0.113.9"), (false, true));
    assert_eq!(aimed("198.51.100.9"), (false, false));
}

#[test]
fn evidence_counts_only_as_this_host_saw_it() {
    let kinds = |change: fn(&mut Plan)| {
        let facts = facts_of(&[upgrade()], |p, _| change(p));
        (facts.evidence_kinds, facts.has_local_evidence)
    };
    assert_eq!(kinds(|_| ()), (2, true));
    assert_eq!(kinds(|p| p.evidence.retain(|e| e.origin != EvidenceOrigin::Local)), (1, false));
    assert_eq!(kinds(|p| p.evidence.iter_mut().for_each(|e| e.kind = "x".into())), (0, false));
    let relabelled: fn(&mut Plan) = |p| {
        p.evidence.iter_mut().for_each(|e| e.origin = EvidenceOrigin::Local);
    };
    assert_eq!(kinds(relabelled), (1, true));
}

#[test]
fn contact_is_lost_after_a_quarter_of_an_hour() {
    let lost = |hub| facts_of(&[upgrade()], |_, c| c.hub = hub).contact_lost;
    assert!(!lost(HubContact::NoHub));
    assert!(lost(HubContact::Never));
    let heard = |before_ms| lost(HubContact::LastHeard(START_MS - before_ms));
    assert!(!heard(limits::CONTACT_LOST_MS));
    assert!(heard(limits::CONTACT_LOST_MS + 1));
    assert!(!heard(-limits::CLOCK_AHEAD_MS));
    assert!(heard(-limits::CLOCK_AHEAD_MS - 1), "heard in the future");
}

#[test]
fn what_leaves_the_site_unseen_is_taken_for_the_worst() {
    let share = || [effect(T::ShareIntelligence, C::Change)];
    let unseen = facts_of(&share(), |_, _| ());
    assert!(unseen.leaves_site && unseen.personal_data && unseen.internal_names);
    assert!(unseen.recipients_outside_marking && !unseen.signed_share);
    assert_eq!(unseen.tlp, Tlp::Red);
    let seen = facts_of(&share(), |_, c| {
        c.export = Some(ExportFacts {
            personal_data: false,
            internal_names: false,
            marking: Some("TLP:GREEN".into()),
            recipients_outside_marking: false,
            signed: true,
        });
    });
    assert!(!seen.personal_data && seen.signed_share);
    assert_eq!(seen.tlp, Tlp::Green);
    assert!(!facts_of(&[upgrade()], |_, _| ()).leaves_site);
}

#[test]
fn a_failure_is_taken_back_only_whole() {
    let known = Known::new(2, 10);
    let clock = At(START_MS);
    let failed = plan(host(1), 5);
    let mut history = History::default();
    history.observe(&intent(&failed, action(1), START_MS, &upgrade(), &[]));
    history.observe(&outcome(&failed, action(1), START_MS, ActionState::Failed));
    let takes_back = |actions: &[spine::ActionId], effects: &[StepEffect]| {
        let mut context = known.context(host(1), &history, &clock);
        context.takes_back = actions;
        let mut subject = plan(host(1), 6);
        subject.steps = vec![subject.steps[0].clone(); effects.len()];
        gather(&subject, effects, &context).unwrap().takes_back_own_failure
    };
    let back = || effect(T::RollBack, C::RollBack);
    assert!(takes_back(&[action(1)], &[back()]));
    assert!(!takes_back(&[action(2)], &[back()]));
    assert!(!takes_back(&[action(1), action(2)], &[back(), back()]));
    assert!(!takes_back(&[action(1)], &[back(), back()]));
    assert!(!takes_back(&[], &[back()]));
    assert!(!takes_back(&[action(1)], &[upgrade()]));
}

#[test]
fn a_target_that_was_contained_is_renewed_for_a_day_after_its_end() {
    let known = Known::new(2, 10);
    let mut block = effect(T::BlockAddress, C::Contain);
    block.targets = vec![address(1)];
    let mut history = History::default();
    history.observe(&intent(&plan(host(1), 5), action(1), START_MS, &block, &[]));
    let renews = |now_ms, target| {
        let clock = At(now_ms);
        let context = known.context(host(1), &history, &clock);
        let again = StepEffect { targets: vec![target], ..block.clone() };
        gather(&plan(host(1), 6), &[again], &context).unwrap().renews_containment
    };
    assert!(renews(START_MS + 1, address(1)));
    assert!(!renews(START_MS + 1, address(2)));
    let over_ms = START_MS + HOUR_MS + limits::RENEWAL_MS;
    assert!(renews(over_ms - 1, address(1)));
    assert!(!renews(over_ms, address(1)));
}

#[test]
fn a_ring_is_counted_from_the_record() {
    let known = Known::new(9, 200);
    let mut history = History::default();
    for number in 2..6_u32 {
        let mut there = plan(host(number), number.into());
        // The last one is changed by another ring, and counts there.
        let ring = u32::from(number == 5);
        there.ring = Some(RingBudget { ring, hosts_max: 7, failures_max: 1 });
        history.observe(&intent(&there, action(number.into()), START_MS, &upgrade(), &[]));
        let state = if number == 2 { ActionState::RolledBack } else { ActionState::Done };
        history.observe(&outcome(&there, action(number.into()), START_MS, state));
    }
    let mut subject = plan(host(1), 1);
    subject.ring = Some(RingBudget { ring: 0, hosts_max: 7, failures_max: 1 });
    let at = |now_ms| {
        let clock = At(now_ms);
        let context = known.context(host(1), &history, &clock);
        gather(&subject, &[upgrade()], &context).unwrap().ring.unwrap()
    };
    let ring = at(START_MS + 1);
    assert_eq!((ring.hosts_max, ring.failures_max, ring.hosts, ring.failures), (7, 1, 4, 1));
    let ring = at(START_MS + limits::RING_MS);
    assert_eq!((ring.hosts, ring.failures), (1, 0));
}
