//! `docs/spine.md` is true: every example is read into its type and written back without a
//! difference, and the ids that can be computed are.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use spine::{
    Action, Approval, Case, Decision, Event, Finding, IntentBody, OutcomeBody, Plan, Receipt,
};

const PAGE: &str = include_str!("../../../docs/spine.md");

/// The page's examples in order, each with the heading that it stands under.
fn examples() -> Vec<(&'static str, &'static str)> {
    let mut examples = Vec::new();
    let mut heading = "";
    let mut rest = PAGE;
    while let Some((line, after)) = rest.split_once('\n') {
        rest = after;
        if line == "```json" {
            let (example, after) = rest.split_once("\n```").expect("the example ends");
            examples.push((heading, example));
            rest = after;
        } else if line.starts_with("```") && line.len() > 3 {
            rest = rest.split_once("\n```").expect("the block ends").1;
        } else if let Some(text) = line.strip_prefix("## ").or(line.strip_prefix("### ")) {
            heading = text;
        }
    }
    examples
}

/// The one example under a heading, read and written back.
fn example<T: DeserializeOwned + Serialize + Debug>(heading: &str) -> T {
    let mut found = examples().into_iter().filter(|(above, _)| *above == heading);
    let (_, text) = found.next().unwrap_or_else(|| panic!("no example under `{heading}`"));
    assert!(found.next().is_none(), "two examples under `{heading}`");
    let value: Value = serde_json::from_str(text).unwrap_or_else(|e| panic!("{heading}: {e}"));
    let noun: T =
        serde_json::from_value(value.clone()).unwrap_or_else(|e| panic!("{heading}: {e}"));
    assert_eq!(serde_json::to_value(&noun).unwrap(), value, "{heading} is not read back whole");
    noun
}

#[test]
fn every_example_is_read_into_its_type_and_back() {
    example::<Event>("Event");
    example::<Finding>("Finding");
    example::<Case>("Case");
    example::<Plan>("Plan").check_shape().unwrap();
    assert!(example::<Approval>("Approval").validity_ms().is_some());
    example::<Decision>("Decision");
    example::<Action>("Action");
    assert!(example::<Receipt>("Receipt").leaf().unwrap().len() < 1_024);
    example::<IntentBody>("Body of an intent");
    example::<OutcomeBody>("Body of an outcome");
    assert_eq!(examples().len(), 10, "an example that this test does not know");
}

#[test]
fn the_ids_on_the_page_are_the_ones_that_are_computed() {
    let case: Case = example("Case");
    assert_eq!(case.id, Case::identity(case.host, &case.kind, &case.subject).unwrap());
    let plan: Plan = example("Plan");
    assert_eq!(plan.case, Some(case.id));
    let hash = plan.hash().unwrap();
    assert_eq!(example::<Approval>("Approval").plan, hash);
    assert_eq!(example::<Decision>("Decision").plan, hash);
    assert_eq!(example::<Action>("Action").plan, hash);
    assert_eq!(example::<Receipt>("Receipt").plan, Some(hash));
    assert_eq!(case.findings, [example::<Finding>("Finding").id]);
}

#[test]
fn the_bodies_are_those_of_receipts() {
    let receipt: Receipt = example("Receipt");
    serde_json::from_value::<OutcomeBody>(Value::Object(receipt.body)).unwrap();
}

#[test]
fn every_kind_of_receipt_is_in_the_table() {
    use spine::ReceiptKind as K;
    for kind in [
        K::Genesis,
        K::Refusal,
        K::Decision,
        K::Intent,
        K::Outcome,
        K::LeaseLapsed,
        K::Recovery,
        K::Key,
        K::KillSwitch,
        K::Settings,
        K::Feed,
        K::Scheduled,
        K::Unscheduled,
        K::Notice,
    ] {
        let name = serde_json::to_value(kind).unwrap();
        let row = format!("| `{}` |", name.as_str().unwrap());
        assert!(PAGE.contains(&row), "{row}");
    }
}
