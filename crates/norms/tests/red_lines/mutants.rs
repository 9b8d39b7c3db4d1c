//! Mutants: every policy is deleted, every condition dropped, every part of a condition replaced
//! by true, by false and by its negation, every number moved by one, every scope widened. Each
//! mutant must change a row of the table, or the table does not pin the rule down.

use std::collections::BTreeMap;

use cedar_policy::{Effect, Policy, PolicyId, PolicySet};
use norms::{ApprovalFault, Counted, Norms, Weighed};
use serde_json::{Value, json};
use spine::{RuleId, Verdict};

use super::support::people;
use super::table::{ROWS, Row};
use norms::policy::{Policies, built_in, schema};

type Answer = (Verdict, BTreeMap<RuleId, std::collections::BTreeSet<String>>);

/// The norms with one built-in policy replaced or removed. Not validated: mutants are trusted to
/// have the types of what they replace.
fn with(policies: &[Policy], at: usize, mutant: Option<&Policy>) -> Norms {
    let whole = Policies::of(policies.to_vec(), None).unwrap();
    let mut set = PolicySet::new();
    for (position, policy) in policies.iter().enumerate() {
        let kept = if position == at { mutant } else { Some(policy) };
        if let Some(policy) = kept {
            set.add(policy.clone()).unwrap();
        }
    }
    Norms::of(Policies { set, ..whole }).unwrap()
}

fn answer(norms: &Norms, row: &Row) -> Answer {
    let counted = people()
        .iter()
        .take(row.people.into())
        .map(|person| Counted {
            approver: person.key_id(),
            nonce: String::new(),
            end_ms: i64::MAX,
            break_glass: false,
        })
        .collect();
    norms.verdict(&row.facts(), &Weighed { counted, refused: Vec::<(usize, ApprovalFault)>::new() })
}

/// The rows, those of the policy's own line first.
fn rows_for(policy: &Policy) -> Vec<&'static Row> {
    let line = policy.annotation("id").unwrap().to_owned();
    let mut rows: Vec<_> = ROWS.iter().collect();
    rows.sort_by_key(|row| row.line != line);
    rows
}

/// Every variant of an expression with one boolean part changed, or one number moved.
fn variants(expression: &Value) -> Vec<Value> {
    let mut all =
        vec![json!({"Value": true}), json!({"Value": false}), json!({"!": {"arg": expression}})];
    let Some((operator, operands)) = expression.as_object().and_then(|o| o.iter().next()) else {
        return all;
    };
    let sides: &[&str] = match operator.as_str() {
        "&&" | "||" => &["left", "right"],
        "!" => &["arg"],
        "<" | "<=" | ">" | ">=" | "==" => {
            all.extend(moved_numbers(expression));
            &[]
        }
        _ => &[],
    };
    for side in sides {
        for variant in variants(&operands[side]) {
            let mut changed = expression.clone();
            changed[operator][side] = variant;
            all.push(changed);
        }
    }
    all
}

fn moved_numbers(expression: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    for (key, value) in expression.as_object().into_iter().flatten() {
        let moved = match (key.as_str(), value.as_i64()) {
            ("Value", Some(number)) => vec![json!(number - 1), json!(number + 1)],
            _ => moved_numbers(value),
        };
        for value in moved {
            let mut changed = expression.clone();
            changed[key] = value;
            all.push(changed);
        }
    }
    all
}

/// Every mutant of one policy, with words for what was done to it.
fn mutants(policy: &Policy) -> Vec<(String, Policy)> {
    let source = policy.to_json().unwrap();
    let mut all = Vec::new();
    for scope in ["principal", "action"] {
        if source[scope]["op"] != "All" {
            let mut changed = source.clone();
            changed[scope] = json!({"op": "All"});
            all.push((format!("{scope} widened"), changed));
        }
    }
    let conditions = source["conditions"].as_array().cloned().unwrap_or_default();
    for (position, condition) in conditions.iter().enumerate() {
        let mut dropped = source.clone();
        dropped["conditions"].as_array_mut().unwrap().remove(position);
        all.push((format!("condition {position} dropped"), dropped));
        for variant in variants(&condition["body"]) {
            let mut changed = source.clone();
            let words = format!("condition {position} is now {variant}");
            changed["conditions"][position]["body"] = variant;
            all.push((words, changed));
        }
    }
    let id = || Some(policy.id().clone());
    all.into_iter().map(|(words, json)| (words, Policy::from_json(id(), json).unwrap())).collect()
}

#[test]
fn every_mutant_changes_a_row() {
    let policies = built_in().unwrap();
    let whole = Norms::new(None).unwrap();
    let expected: BTreeMap<&str, Answer> =
        ROWS.iter().map(|row| (row.says, answer(&whole, row))).collect();
    assert_eq!(expected.len(), ROWS.len(), "two rows say the same");
    let mut survivors = Vec::new();
    let mut killed = 0;
    for (at, policy) in policies.iter().enumerate() {
        let rows = rows_for(policy);
        for (words, mutant) in mutants(policy) {
            let norms = with(&policies, at, Some(&mutant));
            if rows.iter().any(|row| answer(&norms, row) != expected[row.says]) {
                killed += 1;
            } else {
                survivors.push(format!("{}: {words}", policy.id()));
            }
        }
    }
    println!("{killed} mutants killed, {} alive", survivors.len());
    assert!(killed > 200, "only {killed} mutants were made");
    assert!(survivors.is_empty(), "mutants alive:\n{}", survivors.join("\n"));
}

#[test]
fn every_forbid_alone_decides_a_row_and_every_permit_alone_opens_one() {
    let policies = built_in().unwrap();
    let whole = Norms::new(None).unwrap();
    for (at, policy) in policies.iter().enumerate() {
        let without = with(&policies, at, None);
        let (kept, gone) = match policy.effect() {
            Effect::Forbid => (false, true),
            Effect::Permit => (true, false),
        };
        let decisive = rows_for(policy).into_iter().any(|row| {
            let allows = |norms: &Norms| answer(norms, row).0 == Verdict::Allow;
            allows(&whole) == kept && allows(&without) == gone
        });
        assert!(decisive, "{} is never the sole cause", policy.id());
    }
}

#[test]
fn a_line_that_nothing_lifts_does_not_ask_how_many_approved() {
    for policy in built_in().unwrap() {
        let read = policy.to_json().unwrap()["conditions"].to_string();
        let asks = ["approvers", "people", "break_glass"].iter().any(|name| read.contains(name));
        match policy.annotation("lifts") {
            Some("H") => assert!(!asks, "{} asks", policy.id()),
            Some("G1" | "G2") => assert!(asks, "{} does not ask", policy.id()),
            other => assert_eq!((other, policy.effect()), (None, Effect::Permit)),
        }
    }
}

#[test]
fn every_forbid_has_an_id_a_reason_and_what_lifts_it() {
    let policies = built_in().unwrap();
    let mut lines = std::collections::BTreeSet::new();
    for policy in policies.iter().filter(|policy| policy.effect() == Effect::Forbid) {
        let line = policy.annotation("id").unwrap();
        let file = policy.id().to_string();
        assert!(file.starts_with(&format!("{}.", line.to_ascii_lowercase())), "{file}: {line}");
        assert!(policy.annotation("reason").unwrap().ends_with('.'));
        lines.insert(line.to_owned());
    }
    assert_eq!(lines.len(), 20);
}

#[test]
fn the_policies_pass_strict_validation_without_a_warning() {
    let set = PolicySet::from_policies(built_in().unwrap()).unwrap();
    let validator = cedar_policy::Validator::new(schema().unwrap());
    let result = validator.validate(&set, cedar_policy::ValidationMode::Strict);
    let said: Vec<_> = result.validation_warnings().map(ToString::to_string).collect();
    assert!(result.validation_passed() && said.is_empty(), "{said:?}");
    assert!(set.policy(&PolicyId::new("rl01.1")).is_some());
}
