//! `cargo xtask bench`: each figure that the documents claim, measured beside its peer in the same
//! run. One file a measurement, and one line in the table below.

mod decide;
mod detect;
mod idle;
mod process;
mod scan;
mod vet;

use std::path::Path;
use std::process::ExitCode;

/// One figure.
pub struct Figure {
    /// What was measured, with its unit.
    pub name: String,
    /// Our value.
    pub ours: f64,
    /// The peer's name and value, where there is a peer.
    pub peer: Option<(&'static str, f64)>,
    /// What we promise.
    pub goal: Goal,
}

/// What we promise.
#[derive(Clone, Copy)]
pub enum Goal {
    /// Our value, at most.
    ValueMax(f64),
    /// Our value, at least.
    ValueMin(f64),
    /// Our value by the peer's, at most.
    RatioMax(f64),
}

/// Why there is no figure, in one sentence that ends with what to do.
pub type NoFigure = String;

type Measure = fn(&Path) -> Result<Vec<Figure>, NoFigure>;

/// Every measurement: its name, what it shows, and the function.
const MEASUREMENTS: [(&str, &str, Measure); 5] = [
    ("scan", "scan of a real root beside Trivy: wall time and memory", scan::measure),
    ("decide", "time of one decision of the norms", decide::measure),
    ("detect", "learned behaviour on public recordings, beside STIDE", detect::measure),
    ("idle", "`ringfort up`: time to the first case, memory when idle", idle::measure),
    ("vet", "model files: attacks found and false alarms beside four scanners", vet::measure),
];

/// Runs the named measurements, or all; prints a line a figure.
pub fn run(root: &Path, names: &[&str]) -> ExitCode {
    if names == ["--list"] {
        for (name, shows, _) in MEASUREMENTS {
            println!("{name:10} {shows}");
        }
        return ExitCode::SUCCESS;
    }
    let known = |name: &&&str| MEASUREMENTS.iter().any(|(known, ..)| *known == **name);
    if let Some(name) = names.iter().find(|name| !known(name)) {
        eprintln!("bench: there is no measurement `{name}`\n  hint: cargo xtask bench --list");
        return ExitCode::from(2);
    }
    let mut missed = 0;
    for (name, _, measure) in MEASUREMENTS {
        if !names.is_empty() && !names.contains(&name) {
            continue;
        }
        eprintln!("== {name}");
        match measure(root) {
            Ok(figures) => {
                for figure in figures {
                    missed += usize::from(!figure.is_met());
                    println!("{name}: {}", figure.line());
                }
            }
            Err(reason) => {
                missed += 1;
                println!("{name}: no figure: {reason}");
            }
        }
    }
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Figure {
    /// Our value by the peer's.
    fn ratio(&self) -> f64 {
        self.peer.map_or(f64::NAN, |(_, theirs)| self.ours / theirs)
    }

    fn is_met(&self) -> bool {
        match self.goal {
            Goal::ValueMax(max) => self.ours <= max,
            Goal::ValueMin(min) => self.ours >= min,
            Goal::RatioMax(max) => self.ratio() <= max,
        }
    }

    fn line(&self) -> String {
        let peer = self.peer.map_or_else(String::new, |(peer, theirs)| {
            format!(", {peer} {theirs:.3}, ratio {:.3}", self.ratio())
        });
        let goal = match self.goal {
            Goal::ValueMax(max) => format!("ours <= {max}"),
            Goal::ValueMin(min) => format!("ours >= {min}"),
            Goal::RatioMax(max) => format!("ratio <= {max}"),
        };
        let word = if self.is_met() { "met" } else { "MISSED" };
        format!("{}: ours {:.3}{peer} (goal: {goal}: {word})", self.name, self.ours)
    }
}

/// The value in the middle; of an even number the mean of the two in the middle.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_stands_in_the_middle() {
        assert!((median(&mut [3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median(&mut [4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < f64::EPSILON);
        assert!(median(&mut []).is_nan());
    }

    #[test]
    fn a_figure_is_held_against_its_goal() {
        let (name, peer) = ("wall s".to_owned(), Some(("peer", 0.5)));
        let mut figure = Figure { name, ours: 0.2, peer, goal: Goal::RatioMax(0.5) };
        assert_eq!(
            figure.line(),
            "wall s: ours 0.200, peer 0.500, ratio 0.400 (goal: ratio <= 0.5: met)"
        );
        figure.goal = Goal::ValueMax(0.1);
        assert!(!figure.is_met());
        figure.peer = None;
        assert_eq!(figure.line(), "wall s: ours 0.200 (goal: ours <= 0.1: MISSED)");
        figure.goal = Goal::RatioMax(9.0);
        assert!(!figure.is_met(), "no peer, no ratio");
    }
}
