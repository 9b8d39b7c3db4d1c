//! Calibration that moves along: the last scores, and a borrowed set until there are enough.

use std::collections::VecDeque;

use super::Tail;
use crate::limits::CALIBRATION_SCORES_MAX;

/// So many scores make a calibration: what the site has not of its own, it borrows.
const SCORES_ENOUGH: usize = 4_096;
/// The scale that a tail has at least, in bits: a site so quiet that its scores are all alike still
/// knows that a few bits more are no sensation.
const SCALE_BITS_MIN: f64 = 8.0;
/// After so many new scores the sorted copy is made again.
const STALE_MAX: usize = 64;

/// Scores of one detector in one role, the newest [`CALIBRATION_SCORES_MAX`]. Old ones leave, so
/// that the p-values follow the site as it changes.
///
/// A site that is new has no scores. It borrows those of the prior that ships with the product, and
/// each score of its own takes the place of a borrowed one.
#[derive(Clone, Debug, Default)]
pub struct Rolling {
    own: VecDeque<f32>,
    borrowed: Vec<f32>,
    sorted: Vec<f64>,
    tail: Option<Tail>,
    stale: usize,
}

impl Rolling {
    /// Nothing known but a borrowed set of scores.
    pub fn borrowing(scores: &[f32]) -> Self {
        let mut borrowed: Vec<f32> = scores.iter().copied().filter(|x| x.is_finite()).collect();
        borrowed.sort_by(f32::total_cmp);
        let mut rolling = Self { borrowed, ..Self::default() };
        rolling.refresh();
        rolling
    }

    /// Adds the score of something that was not flagged.
    #[expect(clippy::cast_possible_truncation, reason = "scores are kept in half the room")]
    pub fn add(&mut self, score: f64) {
        if self.own.len() >= CALIBRATION_SCORES_MAX {
            self.own.pop_front();
        }
        self.own.push_back(score as f32);
        self.stale += 1;
        if self.stale >= STALE_MAX.min(1 + self.own.len() / 16) {
            self.refresh();
        }
    }

    fn refresh(&mut self) {
        let wanted = SCORES_ENOUGH.saturating_sub(self.own.len()).min(self.borrowed.len());
        // Evenly from low to high, the highest among them, so that the quantiles stay.
        let all = self.borrowed.len();
        let borrowed = (1..=wanted).filter_map(|n| self.borrowed.get(all * n / wanted - 1));
        self.sorted = self.own.iter().chain(borrowed).map(|score| f64::from(*score)).collect();
        self.sorted.sort_by(f64::total_cmp);
        self.tail = Tail::of(&self.sorted, SCALE_BITS_MIN);
        self.stale = 0;
    }

    /// The p-value of a score.
    pub fn p_value(&self, score: f64) -> f64 {
        Tail::p_value(self.tail.as_ref(), &self.sorted, score)
    }

    /// The scores of one's own, oldest first.
    pub fn own(&self) -> impl ExactSizeIterator<Item = f32> + '_ {
        self.own.iter().copied()
    }

    /// Takes scores back from where they were kept.
    pub fn restore(&mut self, own: impl Iterator<Item = f32>) {
        self.own = own.filter(|x| x.is_finite()).take(CALIBRATION_SCORES_MAX).collect();
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
        assert!(rolling.p_value(5.0) > 0.001, "a few bits more are no sensation");
        assert!(rolling.p_value(90.0) < 0.001);
        for _ in 0..CALIBRATION_SCORES_MAX {
            rolling.add(9.0);
        }
        assert!(rolling.p_value(5.0) > 0.99, "the site has changed, and so has what is normal");
    }

    #[test]
    fn a_new_site_borrows_and_an_old_one_does_not() {
        let mut rolling = Rolling::borrowing(&[10.0; 2_000]);
        assert!(rolling.p_value(5.0) > 0.99);
        assert!(rolling.p_value(90.0) < 0.001);
        for _ in 0..CALIBRATION_SCORES_MAX {
            rolling.add(1.0);
        }
        assert!(rolling.p_value(5.0) < 0.01);
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
