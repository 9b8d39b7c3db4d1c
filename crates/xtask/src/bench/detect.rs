//! Learned behaviour on public recordings: the closing tables of the examples of the crate
//! `detect`, which do all the work. Their whole output goes to stderr: curves, ablations, cases.

use std::path::Path;

use super::{Figure, Goal, NoFigure};
use crate::test::cargo;

/// The examples, in the order of the report.
const EXAMPLES: [&str; 4] = ["bench_alerts", "bench_sessions", "bench_points", "bench_speed"];

/// Runs every example and reads its table.
pub fn measure(root: &Path) -> Result<Vec<Figure>, NoFigure> {
    let corpus = std::env::var_os("RINGFORT_CORPUS")
        .map_or_else(|| root.join("../shared/data"), |path| root.join(path));
    let mut figures = Vec::new();
    for example in EXAMPLES {
        let arguments =
            ["run", "--release", "--quiet", "--package", "detect", "--example", example];
        let output = cargo(root, &arguments)
            .env("RINGFORT_CORPUS", &corpus)
            .stderr(std::process::Stdio::inherit())
            .output()
            .map_err(|error| format!("cargo does not start: {error}"))?;
        if !output.status.success() {
            return Err(format!("the example `{example}` failed; its message stands above"));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        eprint!("{text}");
        let read: Vec<Figure> = text.lines().filter_map(figure).collect();
        if read.is_empty() {
            let hint = "set RINGFORT_CORPUS to the folder of the recordings";
            return Err(format!("the example `{example}` had nothing to measure: {hint}"));
        }
        figures.extend(read);
    }
    Ok(figures)
}

/// A row: the word `figure`, name, value, sign, goal, peer's name, peer's value; by tabs.
fn figure(line: &str) -> Option<Figure> {
    let columns: Vec<&str> = line.split('\t').collect();
    let ["figure", name, value, sign, goal, peer, theirs] = columns.as_slice() else { return None };
    let goal = goal.parse().ok()?;
    let goal = if *sign == ">=" { Goal::ValueMin(goal) } else { Goal::ValueMax(goal) };
    let peer = theirs.parse().ok().map(|theirs| (peer_name(peer), theirs));
    Some(Figure { name: (*name).to_owned(), ours: value.parse().ok()?, peer, goal })
}

fn peer_name(name: &str) -> &'static str {
    if name == "STIDE" { "STIDE" } else { "peer" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_and_other_lines_are_not() {
        let row = figure("figure\tADFA-LD AUC\t0.9010\t>=\t0.9\tSTIDE\t0.8280").unwrap();
        assert_eq!(
            row.line(),
            "ADFA-LD AUC: ours 0.901, STIDE 0.828, ratio 1.088 (goal: ours >= 0.9: met)"
        );
        let alone = figure("figure\tlost\t0.030\t<=\t0.02\t-\t-").unwrap();
        assert_eq!(alone.line(), "lost: ours 0.030 (goal: ours <= 0.02: MISSED)");
        assert!(figure("alpha curve").is_none() && figure("figure\tx").is_none());
    }
}
