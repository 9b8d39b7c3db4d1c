//! Beyond the highest score that was seen.
//!
//! From n scores no conformal p-value is below 1 / (n + 1), and a small site has few. A promise of
//! one false case in twenty days needs smaller ones. So the highest hundredth is continued as an
//! exponential: the simplest tail, whose one parameter is taken from the **median** excess over
//! the threshold. A mean would be ruled by the few highest scores, and those may be attacks: nobody
//! has cleaned the calibration data.
//!
//! This is an assumption and not a guarantee. It only ever replaces a p-value that the scores
//! themselves could not tell, and [`Tail::p_value`] never claims more than [`P_MIN`].

use super::p_value;

/// The share of scores that make the tail.
const SHARE: f64 = 0.01;
/// Fewer scores in the tail make none.
const TAIL_SCORES_MIN: usize = 8;
/// The smallest p-value that is ever said.
pub const P_MIN: f64 = 1e-9;

/// The tail of a set of scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tail {
    start: f64,
    scale: f64,
    share: f64,
}

impl Tail {
    /// The tail of scores sorted from low to high; `None` where there are too few. Its scale is
    /// `scale_min` at least: scores that are all alike would have none.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "calibration sets are bounded"
    )]
    pub fn of(sorted: &[f64], scale_min: f64) -> Option<Self> {
        let in_tail = ((sorted.len() as f64 * SHARE).ceil() as usize).max(TAIL_SCORES_MIN);
        let at = sorted.len().checked_sub(in_tail + 1)?;
        let (start, middle) = (*sorted.get(at)?, *sorted.get(at + in_tail.div_ceil(2))?);
        let scale = ((middle - start) / std::f64::consts::LN_2).max(scale_min);
        let share = in_tail as f64 / sorted.len() as f64;
        (scale > 0.0).then_some(Self { start, scale, share })
    }

    /// The p-value of a score: conformal as far as the tail's start, then by the tail. Inside the
    /// tail the few scores there are a matter of luck, and maybe of attacks.
    pub fn p_value(tail: Option<&Self>, sorted: &[f64], score: f64) -> f64 {
        match tail {
            Some(tail) if score > tail.start => {
                (tail.share * (-(score - tail.start) / tail.scale).exp()).max(P_MIN)
            }
            _ => p_value(sorted, score),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scores as an exponential makes them, of scale 10.
    fn exponential(n: u32) -> Vec<f64> {
        (1..=n).map(|i| -10.0 * (1.0 - f64::from(i) / f64::from(n + 1)).ln()).collect()
    }

    #[test]
    fn an_exponential_is_continued_as_what_it_is() {
        let scores = exponential(4_000);
        let tail = Tail::of(&scores, 0.0).unwrap();
        let p = Tail::p_value(Some(&tail), &scores, 120.0);
        let truth = (-12.0_f64).exp();
        assert!(p / truth < 2.0 && truth / p < 2.0, "{p} {truth}");
    }

    #[test]
    fn a_few_attacks_among_the_scores_hardly_move_it() {
        let clean = exponential(4_000);
        let mut poisoned = clean.clone();
        poisoned.extend([300.0, 310.0, 320.0, 330.0]);
        let p = |scores: &[f64]| Tail::p_value(Tail::of(scores, 0.0).as_ref(), scores, 200.0);
        assert!(p(&poisoned) < 1e-6 && p(&clean) < 1e-6, "{} {}", p(&poisoned), p(&clean));
        assert!(p_value(&poisoned, 200.0) > 1e-3, "which the plain p-value could not say");
    }

    #[test]
    fn higher_is_never_less_surprising() {
        let scores = exponential(1_000);
        let tail = Tail::of(&scores, 0.0);
        let p: Vec<f64> =
            (0..400).map(|s| Tail::p_value(tail.as_ref(), &scores, f64::from(s) / 2.0)).collect();
        assert!(p.is_sorted_by(|a, b| *a >= *b * 0.999), "{p:?}");
    }

    #[test]
    fn few_scores_have_no_tail() {
        assert_eq!(Tail::of(&[1.0, 2.0, 3.0], 1.0), None);
        assert_eq!(Tail::of(&[0.0; 500], 0.0), None, "and neither have equal ones");
        assert!(Tail::of(&[0.0; 500], 8.0).is_some(), "unless they are given a scale");
    }
}
