//! Measures the analysis of Python that lies beside models.
//!
//! ```text
//! cargo run --release -p vet --example bench_remote_code -- \
//!     [--hostile=LIST]... [--ordinary=LIST]... [--real=FOLDER]... [--all] [--show]
//! ```
//!
//! A list is a file of cases, each behind a line `=== name`. A folder is searched for Python files
//! that are called as those of model repositories are (`modeling_*.py`, `configuration_*.py`,
//! `tokenization_*.py`, `processing_*.py`, ...); with `--all`, for every `.py`. Nothing is run.
//! `--show` prints what was missed, and what was flagged and why.

use std::path::{Path, PathBuf};

use vet::Report;

#[derive(Default)]
struct Score {
    all: u32,
    flagged: u32,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let given = |key: &str| -> Vec<String> {
        args.iter().filter_map(|arg| arg.strip_prefix(key)).map(str::to_owned).collect()
    };
    let show = args.iter().any(|arg| arg == "--show");
    let every = args.iter().any(|arg| arg == "--all");
    for (kind, wanted) in [("hostile", true), ("ordinary", false)] {
        for list in given(&format!("--{kind}=")) {
            let text = std::fs::read_to_string(&list)?;
            let mut score = Score::default();
            for (name, code) in cases(&text) {
                count(name, code.as_bytes(), Some(wanted).filter(|_| show), &mut score);
            }
            say(kind, &score);
        }
    }
    for folder in given("--real=") {
        let mut paths = Vec::new();
        collect(Path::new(&folder), &mut paths)?;
        let mut score = Score::default();
        for path in paths.iter().filter(|path| every || is_of_model(path)) {
            let code = std::fs::read(path)?;
            count(&path.to_string_lossy(), &code, Some(false).filter(|_| show), &mut score);
        }
        say("real", &score);
    }
    Ok(())
}

/// The cases of a list: what stands before the first is a remark.
fn cases(text: &str) -> Vec<(&str, &str)> {
    text.split("\n=== ").skip(1).filter_map(|case| case.split_once('\n')).collect()
}

fn count(name: &str, code: &[u8], wanted: Option<bool>, score: &mut Score) {
    let report = vet::vet("modeling_case.py", &code.to_vec());
    let flagged = report.verdict.is_flagged();
    score.all += 1;
    score.flagged += u32::from(flagged);
    if wanted.is_some_and(|wanted| wanted != flagged) {
        println!("{name}: {}", reasons(&report));
    }
}

fn reasons(report: &Report) -> String {
    let reasons = report.findings.iter().take(3);
    let reasons = reasons.map(|f| format!("{:?} {} {}", f.severity, f.rule, f.evidence));
    format!("{} [{}]", report.verdict.word(), reasons.collect::<Vec<_>>().join("; "))
}

fn say(kind: &str, score: &Score) {
    let share = 100.0 * f64::from(score.flagged) / f64::from(score.all.max(1));
    println!("{kind}: {} of {} flagged ({share:.1} %)", score.flagged, score.all);
}

fn is_of_model(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    [
        "modeling_",
        "modular_",
        "configuration_",
        "tokenization_",
        "processing_",
        "image_processing_",
        "feature_extraction_",
        "video_processing_",
        "pipeline_",
        "autoencoder_",
        "transformer_",
        "unet_",
        "scheduling_",
    ]
    .iter()
    .any(|start| name.starts_with(start))
}

fn collect(folder: &Path, out: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, out)?;
        } else if path.extension().is_some_and(|end| end == "py") {
            out.push(path);
        }
    }
    out.sort();
    Ok(())
}
