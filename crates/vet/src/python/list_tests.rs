//! The lists of cases in `testdata/remote_code`: what must be found, and what must be left alone.

use super::judge;
use crate::fact::CodeKind;
use crate::finding::Severity;

fn flagged(list: &'static str) -> (Vec<&'static str>, Vec<&'static str>) {
    let cases = list.split("\n=== ").skip(1).filter_map(|case| case.split_once('\n'));
    let (yes, no): (Vec<_>, Vec<_>) = cases.partition(|(_, code)| {
        judge(CodeKind::Module, code).iter().any(|opinion| opinion.severity >= Severity::Medium)
    });
    let names = |cases: Vec<(&'static str, &'static str)>| cases.into_iter().map(|(n, _)| n);
    (names(yes).collect(), names(no).collect())
}

#[test]
fn hostile_modules_are_found() {
    let (found, missed) = flagged(include_str!("../../testdata/remote_code/hostile.txt"));
    assert!(missed.len() * 20 <= found.len() + missed.len(), "missed: {missed:?}");
}

#[test]
fn ordinary_modules_are_left_alone() {
    let (flagged, _) = flagged(include_str!("../../testdata/remote_code/ordinary.txt"));
    assert!(flagged.is_empty(), "{flagged:?}");
}

#[test]
fn ways_around_that_were_found_once_stay_closed() {
    let (_, missed) = flagged(include_str!("../../testdata/remote_code/variants.txt"));
    assert!(missed.is_empty(), "missed: {missed:?}");
    let list = include_str!("../../testdata/remote_code/ordinary_variants.txt");
    let (flagged, _) = flagged(list);
    assert!(flagged.is_empty(), "{flagged:?}");
}
