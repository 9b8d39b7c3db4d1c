//! Reads every row of a manifest and prints one verdict a line, then the table.
//!
//! ```text
//! cargo run --release -p vet --example bench_vet -- MANIFEST [ROOT] [--misses] [--out=FILE]
//! ```
//!
//! A manifest is JSON, one row a line: `path` (or `source`), `sha256`, `expected`, `class`,
//! `disputed`. The rows are data: nothing of them is loaded or run.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use vet::bytes::FileBytes;
use vet::{Report, Verdict};

#[derive(Default)]
struct Score {
    malicious: u32,
    flagged: u32,
    missed: u32,
    benign: u32,
    false_alarms: u32,
    unknown: u32,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let plain: Vec<&String> = args.iter().filter(|arg| !arg.starts_with("--")).collect();
    let manifest = PathBuf::from(plain.first().ok_or("usage: bench_vet MANIFEST [ROOT]")?);
    let misses = args.iter().any(|arg| arg == "--misses");
    let root = match plain.get(1) {
        Some(root) => PathBuf::from(root),
        None => manifest.parent().unwrap_or(Path::new(".")).to_path_buf(),
    };
    let mut out = match args.iter().find_map(|arg| arg.strip_prefix("--out=")) {
        Some(path) => Some(std::fs::File::create(path)?),
        None => None,
    };
    let mut scores: BTreeMap<&str, Score> = BTreeMap::new();
    let mut bytes = 0;
    let start = std::time::Instant::now();
    for line in std::fs::read_to_string(&manifest)?.lines() {
        let row: Value = serde_json::from_str(line)?;
        let path = root.join(row["path"].as_str().unwrap_or_default());
        let name = row["path"].as_str().unwrap_or_default();
        let report = vet::vet(name, &FileBytes::new(std::fs::File::open(&path)?)?);
        bytes += report.size;
        if row["sha256"].as_str().is_some_and(|sha256| sha256 != report.sha256) {
            println!("OTHER BYTES {name}");
        }
        if let Some(out) = &mut out {
            writeln!(
                out,
                "{}",
                json!({"id": row["id"], "v": said(&report), "verdict": report.verdict})
            )?;
        }
        count(&row, &report, &mut scores);
        if misses {
            show(&row, &report);
        }
    }
    print_table(&scores);
    let seconds = start.elapsed().as_secs_f64();
    println!("{bytes} bytes in {seconds:.2} s");
    Ok(())
}

/// The word that the peers' runner uses.
fn said(report: &Report) -> &'static str {
    match report.verdict {
        Verdict::Malicious | Verdict::Suspicious => "flag",
        Verdict::NothingFound => "clean",
        Verdict::Unknown => "incon",
    }
}

fn groups(row: &Value) -> Vec<&'static str> {
    if row["disputed"] == true {
        return vec!["disputed"];
    }
    let pickle = ["pickle", "torch", "torch_zip", "torch/bin", "joblib", "npy", "npz"];
    let class = row["class"].as_str().unwrap_or_default();
    let family = if pickle.contains(&class) { "pickle family" } else { "other formats" };
    vec!["all", family]
}

fn count(row: &Value, report: &Report, scores: &mut BTreeMap<&'static str, Score>) {
    for group in groups(row) {
        let score = scores.entry(group).or_default();
        let flagged = u32::from(report.verdict.is_flagged());
        if row["expected"] == "malicious" {
            score.malicious += 1;
            score.flagged += flagged;
            score.missed += u32::from(report.verdict == Verdict::NothingFound);
        } else {
            score.benign += 1;
            score.false_alarms += flagged;
            score.unknown += u32::from(report.verdict == Verdict::Unknown);
        }
    }
}

fn show(row: &Value, report: &Report) {
    let flagged = report.verdict.is_flagged();
    let malicious = row["expected"] == "malicious";
    if flagged == malicious && report.verdict != Verdict::Unknown {
        return;
    }
    let disputed = if row["disputed"] == true { " (disputed)" } else { "" };
    println!(
        "{:10} said {:14} [{}] {}{disputed}",
        row["expected"].as_str().unwrap_or_default(),
        report.verdict.word(),
        report.format,
        row["path"].as_str().unwrap_or_default(),
    );
    for finding in report.findings.iter().take(4) {
        println!(
            "    {:?} {} {} | {}",
            finding.severity, finding.rule, finding.member, finding.evidence
        );
    }
}

fn print_table(scores: &BTreeMap<&str, Score>) {
    let share = |part: u32, whole: u32| {
        if whole == 0 {
            "-".to_owned()
        } else {
            format!("{:.1} %", 100.0 * f64::from(part) / f64::from(whole))
        }
    };
    println!("| rows | malicious | found | said nothing found | benign | false alarms | unknown |");
    println!("|---|---|---|---|---|---|---|");
    for (group, score) in scores {
        println!(
            "| {group} | {} | {} | {} | {} | {} | {} |",
            score.malicious,
            share(score.flagged, score.malicious),
            score.missed,
            score.benign,
            share(score.false_alarms, score.benign),
            share(score.unknown, score.benign),
        );
    }
}
