//! A score compared with those of things of the same size.
//!
//! Short sessions of few symbols score low whatever they do, long ones of many score high; one
//! threshold for both is blind on one side. So a score is told in spreads from the median of the
//! calibration scores whose sizes are nearest. Medians, because some of the calibration sessions
//! may be attacks.

/// Calibration scores that make a neighbourhood.
const NEIGHBOURS: usize = 100;
/// The share of the overall spread that every neighbourhood has at least: some are all alike.
const SPREAD_SHARE_MIN: f64 = 0.2;
/// From the median deviation to a standard deviation, for normal scores.
const NORMAL: f64 = 1.482_6;

/// Scores by size.
#[derive(Clone, Debug, Default)]
pub struct Conditional {
    known: Vec<([f64; 2], f64)>,
    scale: [f64; 2],
    spread: f64,
}

impl Conditional {
    /// The scores of the calibration set, each with two measures of its size.
    pub fn new(known: Vec<([f64; 2], f64)>) -> Self {
        let measure =
            |at: usize| known.iter().filter_map(|(size, _)| size.get(at).copied()).collect();
        let scale = [0, 1].map(|at| center_and_spread(measure(at)).1.max(1e-9));
        let spread = center_and_spread(known.iter().map(|(_, score)| *score).collect()).1;
        Self { known, scale, spread: spread.max(1e-9) }
    }

    /// How many spreads a score lies above what is usual for its size.
    pub fn deviation(&self, size: [f64; 2], score: f64) -> f64 {
        if self.known.is_empty() {
            return 0.0;
        }
        let distance = |other: &[f64; 2]| {
            let parts = size.iter().zip(other).zip(self.scale);
            parts.map(|((a, b), scale)| ((a - b) / scale).powi(2)).sum::<f64>()
        };
        let mut near: Vec<(f64, f64)> =
            self.known.iter().map(|(size, score)| (distance(size), *score)).collect();
        if near.len() > NEIGHBOURS {
            near.select_nth_unstable_by(NEIGHBOURS, |a, b| a.0.total_cmp(&b.0));
            near.truncate(NEIGHBOURS);
        }
        let (center, spread) =
            center_and_spread(near.into_iter().map(|(_, score)| score).collect());
        (score - center) / (spread + SPREAD_SHARE_MIN * self.spread)
    }
}

/// The median, and the spread around it: by the median deviation, or by the mean deviation where
/// more than half of the values are equal.
fn center_and_spread(mut values: Vec<f64>) -> (f64, f64) {
    let center = median(&mut values);
    let mut deviations: Vec<f64> = values.iter().map(|value| (value - center).abs()).collect();
    let robust = NORMAL * median(&mut deviations);
    if robust > 0.0 { (center, robust) } else { (center, mean(&deviations)) }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

#[expect(clippy::cast_precision_loss, reason = "calibration sets are bounded")]
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / (values.len() as f64).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sessions whose score is their size, give or take one.
    fn sized() -> Conditional {
        let known = (0..1_000_u32).map(|at| {
            let size = f64::from(at / 10);
            ([size, 0.0], size + f64::from(at % 3) - 1.0)
        });
        Conditional::new(known.collect())
    }

    #[test]
    fn a_score_is_high_or_not_for_its_size() {
        let sized = sized();
        assert!(sized.deviation([80.0, 0.0], 80.0).abs() < 1.0);
        assert!(sized.deviation([20.0, 0.0], 80.0) > 3.0);
    }

    #[test]
    fn a_few_attacks_in_the_neighbourhood_change_little() {
        let clean = sized();
        let mut poisoned = clean.clone();
        poisoned.known.extend((0..8).map(|_| ([20.0, 0.0], 500.0)));
        let deviation = |known: &Conditional| known.deviation([20.0, 0.0], 80.0);
        assert!(deviation(&poisoned) > 0.7 * deviation(&clean));
    }

    #[test]
    fn nothing_known_says_nothing() {
        assert!(Conditional::default().deviation([1.0, 1.0], 9.0).abs() < 1e-12);
    }
}
