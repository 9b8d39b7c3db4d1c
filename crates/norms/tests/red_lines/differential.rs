//! Any facts: Cedar and the peer by hand agree, nothing errs, and absolute lines stay absolute.

use cedar_policy::Schema;
use norms::{Facts, Norms};
use spine::{ActionType as T, Author, EffectClass, Verdict};

use super::support::{Chance, any_facts, bound};
use super::{approvals, oracle, rounds};
use norms::request::{People, Vocabulary};

#[test]
fn cedar_and_the_peer_agree_on_any_facts() {
    let norms = Norms::new(None).unwrap();
    let mut chance = Chance(1);
    let mut seen = std::collections::BTreeMap::new();
    for round in 0..rounds(5_000) {
        let (plan, facts) = bound(any_facts(&mut chance));
        let people = chance.pick(&[0, 0, 1, 2]);
        let (decision, _permit) = norms.decide(&plan, &facts, &approvals(&plan, people));
        let rules: Vec<_> = decision.rules.iter().map(|rule| rule.0.as_str()).collect();
        if rules == ["FACTS"] {
            // The peer has no opinion on facts that contradict themselves.
            assert_eq!(facts.class, EffectClass::RollBack);
            continue;
        }
        let expected = oracle::decide(&facts, people);
        assert_eq!(
            (decision.verdict, rules),
            (expected.verdict, expected.rules),
            "round {round}, {people} people: {facts:#?}"
        );
        *seen.entry(format!("{:?}", decision.verdict)).or_insert(0_u64) += 1;
    }
    println!("{seen:?}");
    assert_eq!(seen.len(), 4, "a verdict never came up: {seen:?}");
    assert!(seen.values().all(|times| *times * 50 > rounds(5_000)), "a verdict is rare: {seen:?}");
}

#[test]
fn the_policies_left_out_of_a_request_decide_nothing() {
    let site = "forbid (principal is Human, action in Action::\"contain\", resource)
                when { context.targets > 24 };";
    for site in [None, Some(site)] {
        let (sliced, whole) = (Norms::new(site).unwrap(), Norms::new(site).unwrap().unsliced());
        let mut chance = Chance(4);
        for round in 0..rounds(2_000) {
            let (plan, facts) = bound(any_facts(&mut chance));
            let approvals = approvals(&plan, chance.pick(&[0, 1, 2]));
            let (decision, permit) = sliced.decide(&plan, &facts, &approvals);
            let (expected, expected_permit) = whole.decide(&plan, &facts, &approvals);
            assert_eq!(decision, expected, "round {round}: {facts:#?}");
            assert_eq!(permit.is_some(), expected_permit.is_some());
        }
    }
}

#[test]
fn every_context_fits_the_schema() {
    let schema: Schema = norms::policy::schema().unwrap();
    let vocabulary = Vocabulary::new(&schema).unwrap();
    let mut chance = Chance(2);
    for _ in 0..rounds(500) {
        let facts = any_facts(&mut chance);
        for verb in vocabulary.verbs(&facts) {
            let context = vocabulary.context(&facts, People::supposed(1)).unwrap();
            context.validate(&schema, &verb).unwrap();
            let request = vocabulary.request(&facts, verb, context).unwrap();
            let (principal, resource) = (request.principal().unwrap(), request.resource().unwrap());
            cedar_policy::Request::new(
                principal.clone(),
                request.action().unwrap().clone(),
                resource.clone(),
                request.context().unwrap().clone(),
                Some(&schema),
            )
            .unwrap();
        }
    }
}

type OntoSlice = fn(&mut Facts);

/// A line that nothing lifts, and what puts facts on its slice.
const ABSOLUTE: &[(&str, OntoSlice)] = &[
    ("RL01", |f| f.owned = false),
    ("RL01", |f| f.enrolled = false),
    ("RL02", |f| f.unlisted_steps += 1),
    ("RL03", |f| (f.targets_partner, f.class) = (true, EffectClass::Contain)),
    ("RL04", |f| (f.author, f.life_safety, f.class) = (Author::Agent, true, EffectClass::Change)),
    ("RL05", |f| (f.targets_public_core, f.class) = (true, EffectClass::Contain)),
    ("RL07", |f| {
        f.actions.push(T::UpgradePackages);
        f.class = EffectClass::Change;
        f.dry_run_passed = false;
    }),
    ("RL09", |f| (f.containment, f.ttl_s) = (true, 0)),
    ("RL09", |f| (f.containment, f.ttl_s) = (true, 86_401)),
    ("RL10", |f| {
        (f.author, f.class) = (Author::Agent, EffectClass::Change);
        (f.disruptive, f.has_local_evidence) = (true, false);
    }),
    ("RL12", |f| f.ledger_healthy = false),
    ("RL13", |f| (f.kill_switch, f.class) = (true, EffectClass::Change)),
    ("RL14", |f| (f.author, f.touches_defender) = (Author::Agent, true)),
    ("RL16", |f| {
        f.class = EffectClass::Change;
        f.actions.push(T::ShareIntelligence);
        f.personal_data = true;
    }),
    ("RL17", |f| f.protected_feature = true),
    ("RL18", |f| {
        f.actions.push(T::ExportTelemetry);
        (f.class, f.leaves_site) = (EffectClass::Change, true);
        f.telemetry_opt_in = false;
    }),
    ("RL19", |f| {
        f.actions.push(T::LoadArtifact);
        (f.class, f.artifact_revoked) = (EffectClass::Change, true);
    }),
    ("RL20", |f| {
        f.actions.push(T::SubmitNotice);
        (f.author, f.class) = (Author::Agent, EffectClass::Change);
    }),
];

#[test]
fn an_absolute_line_denies_whatever_the_level_and_whoever_approves() {
    let norms = Norms::new(None).unwrap();
    let mut chance = Chance(3);
    for _ in 0..rounds(2_000) / 100 {
        for (line, onto_slice) in ABSOLUTE {
            let mut facts = any_facts(&mut chance);
            onto_slice(&mut facts);
            facts.break_glass_notified = true;
            let (plan, facts) = bound(facts);
            let mut all = approvals(&plan, chance.pick(&[0, 1, 2, 3]));
            if chance.once_in(2) {
                all.push(super::approvals::breaks_the_glass(&plan));
            }
            let (decision, permit) = norms.decide(&plan, &facts, &all);
            assert_eq!(decision.verdict, Verdict::Deny, "{line}: {facts:#?}");
            assert!(permit.is_none());
            let named = |rule: &str| decision.rules.iter().any(|r| r.0 == rule);
            assert!(named(line) || named("FACTS"), "{line}: {:?}", decision.rules);
        }
    }
}
