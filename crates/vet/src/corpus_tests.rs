//! The corpus of real attacks and real models, where it is at hand.

use std::path::PathBuf;

use serde_json::Value;

use crate::bytes::FileBytes;
use crate::finding::Verdict;
use crate::vet;

fn corpus() -> Option<PathBuf> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let beside = || here.join("../../../shared/data");
    let root = std::env::var_os("RINGFORT_CORPUS").map_or_else(beside, PathBuf::from).join("vet");
    if root.join("manifest.jsonl").exists() {
        return Some(root);
    }
    eprintln!("SKIPPED: no corpus at {}; set RINGFORT_CORPUS", root.display());
    None
}

#[test]
fn attacks_are_found_and_real_models_are_left_alone() {
    let Some(root) = corpus() else { return };
    let (mut missed, mut false_alarms, mut unknown) = (Vec::new(), Vec::new(), 0);
    let text = std::fs::read_to_string(root.join("manifest.jsonl")).unwrap();
    let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for row in rows.iter().filter(|row| row["disputed"] != true) {
        let path = row["path"].as_str().unwrap();
        let file = std::fs::File::open(root.join(path)).unwrap();
        let report = vet(path, &FileBytes::new(file).unwrap());
        assert_eq!(report.sha256, row["sha256"].as_str().unwrap());
        match (row["expected"].as_str().unwrap(), report.verdict.is_flagged()) {
            ("malicious", false) => missed.push(path.to_owned()),
            ("benign", true) => false_alarms.push(path.to_owned()),
            _ => unknown += u32::from(report.verdict == Verdict::Unknown),
        }
    }
    assert!(missed.len() * 50 <= rows.len(), "missed: {missed:#?}");
    assert!(false_alarms.is_empty(), "false alarms: {false_alarms:#?}");
    assert!(unknown <= 5, "{unknown} unknown");
}
