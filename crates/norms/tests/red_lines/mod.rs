//! Tests of the norms: the table of cases, the peer by hand, mutants, forged approvals, permits.

mod approvals;
mod differential;
mod mutants;
mod oracle;
mod permits;
mod site;
mod support;
mod table;

use std::collections::BTreeSet;

use norms::Norms;
use spine::{Approval, Plan};

use support::{bound, people};
use table::ROWS;

/// So many approvals by distinct people.
fn approvals(plan: &Plan, number: u8) -> Vec<Approval> {
    people().iter().take(number.into()).map(|person| person.approves(plan)).collect()
}

/// A number of rounds: small by default, the full number in the environment variable
/// `RINGFORT_TEST_ROUNDS`.
fn rounds(default: u64) -> u64 {
    std::env::var("RINGFORT_TEST_ROUNDS").map_or(default, |text| text.parse().unwrap())
}

#[test]
fn every_row_of_the_table_holds() {
    let norms = Norms::new(None).unwrap();
    for row in ROWS {
        let (plan, facts) = bound(row.facts());
        let (decision, permit) = norms.decide(&plan, &facts, &approvals(&plan, row.people));
        let rules: Vec<_> = decision.rules.iter().map(|rule| rule.0.as_str()).collect();
        assert_eq!(
            (decision.verdict, &*rules),
            (row.verdict, row.rules),
            "{}: {}",
            row.line,
            row.says
        );
        assert_eq!(permit.is_some(), decision.verdict == spine::Verdict::Allow, "{}", row.says);
        assert_eq!(decision.reasons.len(), rules.len());
        assert!(decision.reasons.iter().all(|reason| !reason.is_empty()));
    }
}

#[test]
fn every_line_has_a_row_that_is_denied_and_one_that_is_allowed() {
    for number in 1..=20 {
        let line = format!("RL{number:02}");
        let rows = || ROWS.iter().filter(|row| row.line == line);
        assert!(rows().any(|row| row.rules == [line.as_str()]), "{line} never fires alone");
        // RL01, RL02 and RL12 have no allowed row of their own: every allowed row is one.
        let general = ["RL01", "RL02", "RL03", "RL05", "RL12", "RL17"].contains(&line.as_str());
        assert!(general || rows().any(|row| row.rules.is_empty()), "{line} is never allowed");
    }
}

#[test]
fn the_verbs_of_the_schema_are_those_of_the_spine_and_none_else() {
    let schema = norms::policy::schema().unwrap();
    let groups: BTreeSet<_> = schema.action_groups().cloned().collect();
    let verbs: BTreeSet<_> = schema
        .actions()
        .filter(|action| !groups.contains(action))
        .map(|action| action.id().unescaped().to_owned())
        .collect();
    let mut expected: BTreeSet<_> =
        spine::ActionType::ALL.iter().map(|action| action.name().to_owned()).collect();
    expected.insert("unlisted".to_owned());
    assert_eq!(verbs, expected);
}

#[test]
fn the_types_that_take_back_are_the_group_of_the_schema() {
    let schema = norms::policy::schema().unwrap();
    let entities = schema.action_entities().unwrap();
    let group = r#"Action::"take_back""#.parse().unwrap();
    for action in spine::ActionType::ALL {
        let uid = format!("Action::\"{}\"", action.name()).parse().unwrap();
        assert_eq!(entities.is_ancestor_of(&group, &uid), norms::is_take_back(action));
    }
}

#[test]
fn no_attribute_of_the_schema_is_optional() {
    let (fragment, _) =
        cedar_policy::SchemaFragment::from_cedarschema_str(norms::policy::SCHEMA).unwrap();
    let text = fragment.to_json_string().unwrap();
    assert!(text.contains("\"ledger_healthy\""));
    assert!(!text.contains("\"required\":false"), "{text}");
    assert!(!norms::policy::SCHEMA.contains("\"?"));
}
