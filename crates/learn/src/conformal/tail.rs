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
use crate::witness::{Admission, Source, Witness};

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

    /// The same, and at least as thick as what enough hosts have shown: the highest scores may be
    /// attacks as long as few hosts share them, and once [`Admission`] lets them count they are what
    /// ordinary sessions do. `scores` are each session's, with where it was seen.
    ///
    /// [`Admission`]: crate::witness::Admission
    #[expect(clippy::cast_precision_loss, reason = "calibration sets are bounded")]
    pub fn witnessed(
        scores: &[(f64, Source)],
        rule: Admission,
        role_hosts: u32,
        scale_min: f64,
    ) -> Option<Self> {
        let mut by_score: Vec<&(f64, Source)> = scores.iter().collect();
        by_score.sort_by(|a, b| a.0.total_cmp(&b.0));
        let sorted: Vec<f64> = by_score.iter().map(|(score, _)| *score).collect();
        let tail = Self::of(&sorted, scale_min)?;
        let mut witness = Witness::default();
        let shown = by_score.iter().rev().enumerate().find(|(_, (_, source))| {
            witness.see(*source);
            witness.is_admitted(rule, role_hosts)
        });
        let Some((above, (score, _))) = shown else { return Some(tail) };
        let share = (above + 1) as f64 / sorted.len() as f64;
        let scale = if share < tail.share && *score > tail.start {
            (score - tail.start) / (tail.share / share).ln()
        } else {
            tail.scale
        };
        Some(Self { scale: tail.scale.max(scale), ..tail })
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
    fn a_tail_is_as_thick_as_many_hosts_show_it_and_no_thicker_for_two() {
        let rule = Admission::default();
        let with = |hosts: u32| {
            let ordinary = exponential(1_000).into_iter().zip(0..);
            let mut scores: Vec<(f64, Source)> =
                ordinary.map(|(score, at)| (score, Source { host: at % 50, day: 1 })).collect();
            scores.extend((0..8_u32).map(|at| {
                let day = u16::try_from(at % 3).unwrap();
                (150.0, Source { host: at % hosts, day })
            }));
            let mut sorted: Vec<f64> = scores.iter().map(|(score, _)| *score).collect();
            sorted.sort_by(f64::total_cmp);
            let tail = Tail::witnessed(&scores, rule, 50, 0.0);
            Tail::p_value(tail.as_ref(), &sorted, 150.0)
        };
        assert!(with(8) > 1e-3, "eight hosts: {}", with(8));
        assert!(with(2) < with(8) / 10.0, "two: {} {}", with(2), with(8));
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
