//! `cargo xtask bench`: each figure that the documents claim, measured beside its peer in the same
//! run. One file a measurement, and one line in the table below.

mod decide;
mod idle;
mod process;
mod scan;

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
    /// What we promise: the value, or the ratio to the peer where there is one, at most.
    pub goal_max: f64,
}

/// Why there is no figure, in one sentence that ends with what to do.
pub type NoFigure = String;

type Measure = fn(&Path) -> Result<Vec<Figure>, NoFigure>;

/// Every measurement: its name, what it shows, and the function.
const MEASUREMENTS: [(&str, &str, Measure); 3] = [
    ("scan", "scan of a real root beside Trivy: wall time and memory", scan::measure),
    ("decide", "time of one decision of the norms", decide::measure),
    ("idle", "`ringfort up`: time to the first case, memory when idle", idle::measure),
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
    /// What is held against the goal.
    fn value(&self) -> f64 {
        self.peer.map_or(self.ours, |(_, peer)| self.ours / peer)
    }

    fn is_met(&self) -> bool {
        self.value() <= self.goal_max
    }

    fn line(&self) -> String {
        let word = if self.is_met() { "met" } else { "MISSED" };
        let (name, ours, goal) = (&self.name, self.ours, self.goal_max);
        match self.peer {
            Some((peer, theirs)) => format!(
                "{name}: ours {ours:.3}, {peer} {theirs:.3}, ratio {:.3} (goal <= {goal}: {word})",
                self.value()
            ),
            None => format!("{name}: {ours:.3} (goal <= {goal}: {word})"),
        }
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
        let mut figure =
            Figure { name: "wall s".into(), ours: 0.2, peer: Some(("peer", 0.5)), goal_max: 0.5 };
        assert_eq!(figure.line(), "wall s: ours 0.200, peer 0.500, ratio 0.400 (goal <= 0.5: met)");
        figure.peer = None;
        figure.goal_max = 0.1;
        assert_eq!(figure.line(), "wall s: 0.200 (goal <= 0.1: MISSED)");
        figure.ours = f64::NAN;
        assert!(!figure.is_met());
    }
}
