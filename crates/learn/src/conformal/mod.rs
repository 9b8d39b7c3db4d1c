//! From a score to a p-value that means what it says.
//!
//! A conformal p-value is the share of normal scores that are at least as high, counting the one in
//! question (V. Vovk, A. Gammerman, G. Shafer, "Algorithmic Learning in a Random World", 2005). It
//! needs no model of the scores, only that the calibration scores were made as the new one is made:
//! on data that the detector had not learned. Scores of a baseline that was trained on the same
//! sessions are too low; therefore [`cross_fit`].

mod combine;
mod conditional;
mod rolling;
mod tail;

pub use combine::fisher;
pub use conditional::{Conditional, Sized};
pub use rolling::Rolling;
pub use tail::Tail;

/// The p-value of a score among calibration scores that are sorted from low to high.
#[expect(clippy::cast_precision_loss, reason = "calibration sets are bounded")]
pub fn p_value(sorted: &[f64], score: f64) -> f64 {
    let below = sorted.partition_point(|known| *known < score);
    (sorted.len() - below + 1) as f64 / (sorted.len() + 1) as f64
}

/// The largest score whose p-value is above `p`: what is higher is flagged. `None` where so few
/// scores cannot tell.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "calibration sets are bounded and p is a share"
)]
pub fn threshold(sorted: &[f64], p: f64) -> Option<f64> {
    let allowed = (p * (sorted.len() + 1) as f64).floor() as usize;
    sorted.len().checked_sub(allowed).filter(|_| allowed > 0)?;
    sorted.get(sorted.len() - allowed).copied()
}

/// Scores every item with a model that was not trained on it: items are dealt into `folds` by
/// `fold_of`, and each fold is scored by what `train` makes of the others.
pub fn cross_fit<T, M>(
    items: &[T],
    folds: usize,
    fold_of: impl Fn(usize, &T) -> usize,
    mut train: impl FnMut(&[&T]) -> M,
    mut score: impl FnMut(&M, &T) -> f64,
) -> Vec<f64> {
    let mut scores = vec![0.0; items.len()];
    for fold in 0..folds.max(2) {
        let is_in = |at: usize, item: &T| fold_of(at, item) % folds.max(2) == fold;
        let rest = items.iter().enumerate().filter(|(at, item)| !is_in(*at, item));
        let model = train(&rest.map(|(_, item)| item).collect::<Vec<_>>());
        for (at, (item, slot)) in items.iter().zip(&mut scores).enumerate() {
            if is_in(at, item) {
                *slot = score(&model, item);
            }
        }
    }
    scores
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_p_value_counts_what_is_as_high() {
        let scores = [1.0, 2.0, 3.0, 4.0];
        assert!((p_value(&scores, 3.0) - 0.6).abs() < 1e-12);
        assert!((p_value(&scores, 9.0) - 0.2).abs() < 1e-12, "never 0: it counts itself");
        assert!((p_value(&[], 9.0) - 1.0).abs() < 1e-12, "nothing known, nothing said");
    }

    #[test]
    fn a_threshold_keeps_its_share() {
        let scores: Vec<f64> = (0..99).map(f64::from).collect();
        assert_eq!(threshold(&scores, 0.05), Some(94.0));
        assert!(p_value(&scores, 94.1) <= 0.05 && p_value(&scores, 93.9) > 0.05);
        assert_eq!(threshold(&scores, 0.001), None);
    }

    #[test]
    fn cross_fitting_never_scores_an_item_with_itself() {
        let items = [1.0, 2.0, 3.0, 4.0, 5.0];
        let train = |rest: &[&f64]| rest.iter().map(|x| **x).collect::<Vec<f64>>();
        let score = |model: &Vec<f64>, item: &f64| f64::from(u8::from(model.contains(item)));
        assert_eq!(cross_fit(&items, 5, |at, _| at, train, score), [0.0; 5]);
    }
}
