//! The public rules and their own regression tests, where the data is there. The benchmark
//! (`--example bench_sigma`) measures more.

#[expect(dead_code, reason = "the benchmark reads more of the data than this test")]
#[path = "../examples/bench_sigma/corpus.rs"]
mod corpus;
#[path = "../examples/bench_sigma/regression.rs"]
mod regression;

use detect::Observed;
use detect::sigma::{Match, Pack, Rules};
use serde_json::{Map, Value};

/// Matches one event by its source's fields.
fn match_raw<'r>(
    rules: &'r Rules,
    source: &str,
    raw: &Map<String, Value>,
    sink: &mut impl FnMut(Match<'r>),
) {
    let ocsf = Map::new();
    let event = Observed { time_ms: 0, host: "", source, class_uid: 0, ocsf: &ocsf, raw };
    rules.match_event(&event, sink);
}

#[test]
fn no_public_rule_is_refused_and_each_finds_what_its_authors_recorded() {
    let Some(root) = corpus::folder() else { return };
    let loaded = Pack::from_yaml_files(corpus::rule_files(&root));
    assert_eq!(loaded.refused, []);
    assert!(loaded.pack.len() > 3_700, "{}", loaded.pack.len());
    let (passed, all) = regression::score(&root, &Rules::new(loaded.pack));
    assert_eq!((passed, all), (202, 202));
}
