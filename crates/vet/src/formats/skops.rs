//! skops: scikit-learn's models without pickle: a zip archive with a schema and arrays.
//!
//! The schema names classes and functions that the loader gets hold of. Reported are nodes that
//! fetch methods and functions by name, which have been used to run code (CVE-2025-54412,
//! CVE-2025-54413), and callables that no known library needs.

use crate::fact::{Fact, Facts, How, Symbol};
use crate::format::{Claim, Format, Item, Probe};
use crate::json::{self, Scalar};
use crate::limits::HELD_BYTES_MAX;
use crate::registry::zip;

/// The descriptor.
pub const FORMAT: Format = Format {
    name: "skops",
    title: "skops archive",
    family: "zip",
    wants,
    read,
    stream: None,
    head_only: false,
    #[cfg(test)]
    samples: tests::samples,
};

const NODES: &[&str] = &["OperatorFuncNode", "MethodNode"];

fn wants(probe: &Probe<'_>) -> Option<Claim> {
    probe.zip_names().iter().any(|name| name == "schema.json").then_some(Claim::Special)
}

fn read(item: &Item<'_>, facts: &mut Facts) {
    zip::members(item, facts, &mut |entry, item, facts| {
        if let Some(node) = NODES.iter().find(|node| entry.name.contains(**node)) {
            facts.note(Fact::Operator {
                family: "skops",
                name: (*node).to_owned(),
                detail: entry.name.clone(),
            });
        }
        if entry.name.ends_with(".json") {
            let content = zip::content(item, entry, HELD_BYTES_MAX);
            facts.enter(&entry.name);
            schema(&content, facts);
            facts.leave();
            return false;
        }
        true
    });
}

fn schema(content: &[u8], facts: &mut Facts) {
    let mut class = String::new();
    let outcome = json::walk(content, &mut |path, scalar| {
        let Scalar::Text(value) = scalar else { return };
        if NODES.contains(&value) {
            let detail = path.join(".");
            facts.note(Fact::Operator { family: "skops", name: value.to_owned(), detail });
        }
        match path.last().map(String::as_str) {
            Some("__class__") => value.clone_into(&mut class),
            Some("__module__") => {
                let name = class.rsplit('.').next().unwrap_or_default();
                let symbol = Symbol::new(value, name);
                facts.note(Fact::Called { symbol, how: How::Made, arguments: String::new() });
            }
            _ => {}
        }
    });
    if let Err(error) = outcome {
        facts.odd(0, "json.broken", error);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::finding::Verdict;
    use crate::vet;
    use crate::zip::tests::archive;

    fn skops(schema: &str) -> Vec<u8> {
        archive(&[("schema.json", schema.as_bytes())])
    }

    pub(crate) fn samples() -> Vec<Vec<u8>> {
        vec![
            skops(r#"{"__class__": "SVC", "__module__": "sklearn.svm._classes"}"#),
            skops(r#"{"__class__": "system", "__module__": "os", "__loader__": "MethodNode"}"#),
        ]
    }

    #[test]
    fn nodes_and_names_that_act_are_found() {
        let [good, bad] = &samples()[..] else { panic!() };
        assert_eq!(vet("m.skops", good).verdict, Verdict::NothingFound);
        assert!(vet("m.skops", bad).verdict.is_flagged());
    }
}
