//! `ringfort vet` beside the scanners of model files that people use: true positives, false
//! positives and unknowns over the manifest of real attacks and real models.
//!
//! The corpus is looked for in the folder that `RINGFORT_CORPUS` names (`vet/manifest.jsonl`), the
//! peers' runner in the folder `bench/vet` beside it. Each peer runs in a virtual environment of
//! its own below the build folder; one that cannot be installed is left out and said to be.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Figure, Goal, NoFigure};
use crate::test::{cargo, target_dir};

/// The peers, and what each one's environment holds.
const PEERS: [(&str, &[&str]); 4] = [
    ("picklescan", &["picklescan", "numpy", "py7zr"]),
    ("fickling", &["fickling", "typing_extensions", "numpy"]),
    ("modelaudit", &["modelaudit", "h5py", "onnx", "py7zr", "safetensors", "xgboost"]),
    ("modelscan", &["modelscan", "h5py"]),
];
const MISSED_PERCENT_GOAL: f64 = 2.0;
const FALSE_ALARM_PERCENT_GOAL: f64 = 1.0;
const UNKNOWN_PERCENT_GOAL: f64 = 5.0;

/// Measures ours, and every peer that is there.
pub fn measure(root: &Path) -> Result<Vec<Figure>, NoFigure> {
    let data = std::env::var_os("RINGFORT_CORPUS")
        .map_or_else(|| root.join("../shared/data"), PathBuf::from);
    let manifest = data.join("vet/manifest.jsonl");
    let text = std::fs::read_to_string(&manifest)
        .map_err(|_| format!("there is no `{}`; set RINGFORT_CORPUS", manifest.display()))?;
    let rows: Vec<Row> = text.lines().filter_map(Row::of).collect();
    let work = target_dir(root).join("bench-vet");
    std::fs::create_dir_all(&work).map_err(|error| error.to_string())?;
    let ours = ours(root, &manifest, &work)?;
    let own = Score::of(&rows, &ours);
    eprintln!("| | found | pickle family | other formats | false alarms | unknown, benign |");
    eprintln!("|---|---|---|---|---|---|");
    eprintln!("{}", own.line("ringfort vet"));
    let mut best: Option<(&'static str, f64)> = None;
    for (name, packages) in PEERS {
        match peer(name, packages, &data, &manifest, &work) {
            Ok(verdicts) => {
                let score = Score::of(&rows, &verdicts);
                eprintln!("{}", score.line(name));
                let missed = 100.0 - score.found;
                if best.is_none_or(|(_, other)| missed < other) {
                    best = Some((name, missed));
                }
            }
            Err(reason) => eprintln!("| {name} | not measured: {reason} |"),
        }
    }
    Ok(vec![
        Figure {
            name: "attacks not found, per cent".into(),
            ours: 100.0 - own.found,
            peer: best,
            goal: Goal::ValueMax(MISSED_PERCENT_GOAL),
        },
        Figure {
            name: "false alarms on benign files, per cent".into(),
            ours: own.false_alarms,
            peer: None,
            goal: Goal::ValueMax(FALSE_ALARM_PERCENT_GOAL),
        },
        Figure {
            name: "benign files said to be unknown, per cent".into(),
            ours: own.unknown,
            peer: None,
            goal: Goal::ValueMax(UNKNOWN_PERCENT_GOAL),
        },
    ])
}

/// What matters of a row.
struct Row {
    id: String,
    malicious: bool,
    pickle: bool,
}

impl Row {
    /// Disputed rows are not counted.
    fn of(line: &str) -> Option<Self> {
        let row: serde_json::Value = serde_json::from_str(line).ok()?;
        if row["disputed"] == true {
            return None;
        }
        let family = ["pickle", "torch", "torch_zip", "torch/bin", "joblib", "npy", "npz"];
        Some(Self {
            id: row["id"].as_str()?.to_owned(),
            malicious: row["expected"] == "malicious",
            pickle: family.contains(&row["class"].as_str()?),
        })
    }
}

struct Score {
    found: f64,
    found_pickle: f64,
    found_other: f64,
    false_alarms: f64,
    unknown: f64,
}

impl Score {
    fn of(rows: &[Row], verdicts: &HashMap<String, String>) -> Self {
        let share = |among: &dyn Fn(&Row) -> bool, said: &str| {
            let all: Vec<&Row> = rows.iter().filter(|row| among(row)).collect();
            let hits = all.iter().filter(|row| verdicts.get(&row.id).is_some_and(|v| v == said));
            let count = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
            100.0 * count(hits.count()) / count(all.len().max(1))
        };
        Self {
            found: share(&|row| row.malicious, "flag"),
            found_pickle: share(&|row| row.malicious && row.pickle, "flag"),
            found_other: share(&|row| row.malicious && !row.pickle, "flag"),
            false_alarms: share(&|row| !row.malicious, "flag"),
            unknown: share(&|row| !row.malicious, "incon"),
        }
    }

    fn line(&self, name: &str) -> String {
        format!(
            "| {name} | {:.1} % | {:.1} % | {:.1} % | {:.1} % | {:.1} % |",
            self.found, self.found_pickle, self.found_other, self.false_alarms, self.unknown
        )
    }
}

fn ours(root: &Path, manifest: &Path, work: &Path) -> Result<HashMap<String, String>, NoFigure> {
    let out = work.join("ringfort.jsonl");
    let arguments =
        ["run", "--release", "--quiet", "--package", "vet", "--example", "bench_vet", "--"];
    let status =
        cargo(root, &arguments).arg(manifest).arg(format!("--out={}", out.display())).status();
    if !status.is_ok_and(|status| status.success()) {
        return Err("the example `bench_vet` failed; its message stands above".into());
    }
    verdicts(&out)
}

fn verdicts(path: &Path) -> Result<HashMap<String, String>, NoFigure> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let pair = |line: &str| {
        let row: serde_json::Value = serde_json::from_str(line).ok()?;
        Some((row["id"].as_str()?.to_owned(), row["v"].as_str()?.to_owned()))
    };
    Ok(text.lines().filter_map(pair).collect())
}

fn peer(
    name: &str,
    packages: &[&str],
    data: &Path,
    manifest: &Path,
    work: &Path,
) -> Result<HashMap<String, String>, NoFigure> {
    let runner = data.join("../bench/vet/scan_peer.py");
    if !runner.is_file() {
        return Err(format!("there is no `{}`", runner.display()));
    }
    let venv = work.join(name);
    let python = venv.join("bin/python");
    let succeeds = |command: &mut Command| {
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let ready = venv.join("ready");
    if !ready.is_file() {
        let made = succeeds(Command::new("python3").args(["-m", "venv"]).arg(&venv));
        let install = || {
            let mut command = Command::new(&python);
            command.args(["-m", "pip", "install", "--quiet"]).args(packages);
            command
        };
        if !made || !succeeds(&mut install()) {
            return Err("it could not be installed".into());
        }
        std::fs::write(&ready, "").map_err(|error| error.to_string())?;
    }
    let out = work.join(format!("{name}.jsonl"));
    let mut command = Command::new(&python);
    command.arg(&runner).arg(name).arg(manifest).arg(&out);
    if succeeds(&mut command) { verdicts(&out) } else { Err("its run failed".into()) }
}
