//! One decision of the norms: the 99th percentile of each case that the benchmark of the crate
//! `norms` prints, beside the same rules by hand in Rust, which check no signature.

use std::path::Path;

use super::{Figure, Goal, NoFigure};
use crate::test::cargo;

/// Microseconds.
const P99_US_GOAL: f64 = 200.0;

/// Runs the benchmark of `norms` and reads its table.
pub fn measure(root: &Path) -> Result<Vec<Figure>, NoFigure> {
    let output = cargo(root, &["bench", "--quiet", "--package", "norms", "--bench", "decide"])
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo does not start: {error}"))?;
    if !output.status.success() {
        return Err("the benchmark `decide` of `norms` failed; its message stands above".into());
    }
    let figures = rows(&String::from_utf8_lossy(&output.stdout));
    if figures.is_empty() {
        return Err("the benchmark `decide` of `norms` printed no table that is known here".into());
    }
    Ok(figures)
}

/// Rows of `case, p50, p99, peer's p50, peer's p99, ratio`; a case is of any number of words.
fn rows(text: &str) -> Vec<Figure> {
    let row = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (case, numbers) = words.split_at_checked(words.len().checked_sub(5)?)?;
        let numbers: Vec<f64> = numbers.iter().filter_map(|word| word.parse().ok()).collect();
        let [_, p99, _, peer_p99, _] = numbers.as_slice() else { return None };
        Some(Figure {
            name: format!("99th percentile, microseconds, {}", case.join(" ")),
            ours: *p99,
            peer: Some(("by hand", *peer_p99)),
            goal: Goal::ValueMax(P99_US_GOAL),
        })
    };
    text.lines().filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::rows;

    #[test]
    fn the_table_is_read() {
        let table = "case             p50 us   p99 us   peer p50   peer p99   ratio of p50\n\
                     allowed alone      47.5     87.6       0.06       0.07            792\n\
                     any facts          51.3    253.0       0.13       0.68            395\n";
        let figures = rows(table);
        let lines: Vec<_> = figures.iter().map(|figure| (figure.ours, figure.peer)).collect();
        assert_eq!(lines, [(87.6, Some(("by hand", 0.07))), (253.0, Some(("by hand", 0.68)))]);
        assert!(rows("warm-up\n\n1 2 3\n").is_empty());
    }
}
