//! One decision of the norms: the 99th percentile over many plans, as the benchmark of the crate
//! `norms` prints it (`cargo bench -p norms`, a line `decide p99: N us`).

use std::path::Path;

use super::{Figure, NoFigure};
use crate::test::cargo;

/// Microseconds.
const P99_US_GOAL: f64 = 200.0;

/// Runs the benchmark of `norms` and reads its figure.
pub fn measure(root: &Path) -> Result<Vec<Figure>, NoFigure> {
    let output = cargo(root, &["bench", "--package", "norms", "--bench", "decide"])
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo does not start: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err("the benchmark `decide` of `norms` failed; its message stands above".into());
    }
    let p99 = p99_us(&text).ok_or("the benchmark printed no line `decide p99: N us`")?;
    let name = "99th percentile of one decision, microseconds".to_owned();
    Ok(vec![Figure { name, ours: p99, peer: None, goal_max: P99_US_GOAL }])
}

fn p99_us(text: &str) -> Option<f64> {
    let after = text.lines().find_map(|line| line.trim().strip_prefix("decide p99:"))?;
    after.trim().strip_suffix("us")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::p99_us;

    #[test]
    fn the_figure_is_read_from_its_line() {
        assert_eq!(p99_us("warm-up\ndecide p99: 12.5 us\n"), Some(12.5));
        assert_eq!(p99_us("decide p50: 3 us\n"), None);
        assert_eq!(p99_us("decide p99: ms\n"), None);
    }
}
