//! The public rules' own regression tests.

use std::collections::BTreeMap;
use std::path::Path;

use detect::sigma::Rules;
use serde::Deserialize;

use crate::{corpus, match_raw};

#[derive(Deserialize)]
struct Info {
    rule_metadata: Vec<Metadata>,
    /// Some recordings are there without a test.
    #[serde(default)]
    regression_tests_info: Vec<Test>,
}

#[derive(Deserialize)]
struct Metadata {
    id: String,
}

#[derive(Deserialize)]
struct Test {
    path: String,
    #[serde(default = "one")]
    match_count: u64,
}

fn one() -> u64 {
    1
}

/// How many tests reach their number of matches, and how many there are. What fails is printed.
pub fn score(root: &Path, rules: &Rules) -> (u64, u64) {
    let (mut passed, mut all) = (0, 0);
    for path in corpus::files(&root.join("sigma/regression_data"), "info.yml") {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let info: Info = match serde_saphyr::from_str(&text) {
            Ok(info) => info,
            Err(error) => {
                println!("failed: {}: {error}", path.display());
                all += 1;
                continue;
            }
        };
        for test in &info.regression_tests_info {
            all += 1;
            let bytes = std::fs::read(root.join("sigma").join(&test.path)).unwrap_or_default();
            let mut counts: BTreeMap<String, u64> = BTreeMap::new();
            corpus::read_evtx(&bytes, &mut |record| {
                match_raw(rules, "evtx", &record.raw, &mut |found| {
                    *counts.entry(found.id().to_owned()).or_default() += 1;
                });
            });
            let reached = info
                .rule_metadata
                .iter()
                .all(|rule| counts.get(&rule.id).is_some_and(|count| *count >= test.match_count));
            if reached {
                passed += 1;
            } else {
                println!("failed: {}, wanted {}, got {counts:?}", test.path, test.match_count);
            }
        }
    }
    (passed, all)
}
