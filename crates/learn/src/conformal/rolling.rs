//! Calibration that moves along: the last scores, and a borrowed set until there are enough.

use std::collections::VecDeque;

use super::Tail;
use crate::limits::CALIBRATION_SCORES_MAX;

/// So many scores of one's own weigh as much as the borrowed ones.
const BORROWED_WEIGHT: f64 = 500.0;
/// After so many new scores the sorted copy is made again.
const STALE_MAX: usize = 64;

/// A sorted set of scores with its tail.
#[derive(Clone, Debug, Default, PartialEq)]
struct Sorted {
    scores: Vec<f64>,
    tail: Option<Tail>,
}

impl Sorted {
    fn of(scores: impl Iterator<Item = f64>) -> Self {
        let mut scores: Vec<f64> = scores.filter(|score| score.is_finite()).collect();
        scores.sort_by(f64::total_cmp);
        let tail = Tail::of(&scores);
        Self { scores, tail }
    }

    fn p_value(&self, score: f64) -> f64 {
        Tail::p_value(self.tail.as_ref(), &self.scores, score)
    }
}

/// Scores of one detector in one role, the newest [`CALIBRATION_SCORES_MAX`]. Old ones leave, so
/// that the p-values follow the site as it changes.
///
/// A site that is new has no scores. It borrows those of the prior that ships with the product, and
/// leans on its own in the measure in which it has them.
#[derive(Clone, Debug, Default)]
pub struct Rolling {
    own: VecDeque<f32>,
    sorted: Sorted,
    stale: usize,
    borrowed: Sorted,
}

impl Rolling {
    /// Nothing known but a borrowed set of scores.
    pub fn borrowing(scores: &[f32]) -> Self {
        let borrowed = Sorted::of(scores.iter().copied().map(f64::from));
        Self { borrowed, ..Self::default() }
    }

    /// Adds the score of something that was not flagged.
    #[expect(clippy::cast_possible_truncation, reason = "scores are kept in half the room")]
    pub fn add(&mut self, score: f64) {
        if self.own.len() >= CALIBRATION_SCORES_MAX {
            self.own.pop_front();
        }
        self.own.push_back(score as f32);
        self.stale += 1;
        if self.stale >= STALE_MAX.min(1 + self.sorted.scores.len() / 16) {
            self.refresh();
        }
    }

    fn refresh(&mut self) {
        self.sorted = Sorted::of(self.own.iter().copied().map(f64::from));
        self.stale = 0;
    }

    /// The p-value of a score: the site's own and the borrowed one, weighted by what is known here.
    #[expect(clippy::cast_precision_loss, reason = "at most 8,192 scores")]
    pub fn p_value(&self, score: f64) -> f64 {
        if self.borrowed.scores.is_empty() {
            return self.sorted.p_value(score);
        }
        let own = self.sorted.scores.len() as f64;
        let weight = own / (own + BORROWED_WEIGHT);
        weight * self.sorted.p_value(score) + (1.0 - weight) * self.borrowed.p_value(score)
    }

    /// The scores of one's own, oldest first.
    pub fn own(&self) -> impl ExactSizeIterator<Item = f32> + '_ {
        self.own.iter().copied()
    }

    /// Takes scores back from where they were kept.
    pub fn restore(&mut self, own: impl Iterator<Item = f32>) {
        self.own = own.take(CALIBRATION_SCORES_MAX).collect();
        self.refresh();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_scores_count() {
        let mut rolling = Rolling::default();
        for _ in 0..CALIBRATION_SCORES_MAX {
            rolling.add(1.0);
        }
        assert!(rolling.p_value(5.0) < 0.001);
        for _ in 0..CALIBRATION_SCORES_MAX {
            rolling.add(9.0);
        }
        assert!(rolling.p_value(5.0) > 0.99, "the site has changed, and so has what is normal");
    }

    #[test]
    fn a_new_site_borrows_and_an_old_one_does_not() {
        let mut rolling = Rolling::borrowing(&[10.0; 2_000]);
        assert!(rolling.p_value(5.0) > 0.99);
        assert!(rolling.p_value(11.0) < 0.001);
        for _ in 0..CALIBRATION_SCORES_MAX {
            rolling.add(1.0);
        }
        assert!(rolling.p_value(5.0) < 0.1);
    }

    #[test]
    fn nothing_known_flags_nothing() {
        assert!((Rolling::default().p_value(1e9) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn scores_survive_a_restart() {
        let mut rolling = Rolling::default();
        (0..300).for_each(|score| rolling.add(f64::from(score)));
        let mut again = Rolling::default();
        again.restore(rolling.own());
        rolling.refresh();
        assert!((again.p_value(250.0) - rolling.p_value(250.0)).abs() < 1e-12);
    }
}
