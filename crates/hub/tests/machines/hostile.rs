//! Those who must not get in: each is refused, and each refusal is recorded.

use hub::machines::refusal::Code;

use super::support::*;
use super::{hostile_join, hostile_machine};

/// One try: its name, the refusal that must be recorded, and what is done.
pub type Case = (&'static str, Code, fn(&Place) -> Got);

#[test]
fn every_hostile_case_is_refused_and_recorded() {
    let cases: Vec<&Case> = hostile_join::CASES.iter().chain(hostile_machine::CASES).collect();
    let mut wrong = Vec::new();
    let mut names = std::collections::BTreeSet::new();
    for (number, (name, code, attempt)) in cases.iter().enumerate() {
        assert!(names.insert(name), "`{name}` twice");
        let place = Place::new(1_000 + number as u64);
        let before = place.refused(*code);
        match attempt(&place) {
            Got::Through(what) => wrong.push(format!("{name}: got {what}")),
            Got::Refused(said) if said != code.name() => {
                wrong.push(format!("{name}: refused as {said}, not as {}", code.name()));
            }
            Got::Refused(_) | Got::Ended => {
                if !place.was_recorded(*code, before) {
                    let rows = place.hub.machines.db.refusals(9).unwrap();
                    wrong.push(format!("{name}: not recorded as {}: {rows:?}", code.name()));
                }
            }
        }
    }
    let good = cases.len() - wrong.len();
    println!("hostile cases: {}, refused and recorded: {good}", cases.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases.len() >= 60);
}
