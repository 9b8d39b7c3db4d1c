//! Whether questions, answers and refusals are what they used to be.
//!
//! The first few hundred values are the reference; each further window is compared with it by the
//! population stability index and by a chi-square test, and only what is both large and certain is
//! raised. A model that was exchanged, an application that was taken over, or a key that is used by
//! somebody else shows here first. Raised is a note for a person; nothing is denied for it.

use serde::Serialize;

/// Values of the reference, and of each window.
pub const WINDOW: usize = 200;
/// Classes of a distribution.
const CLASSES: usize = 16;
/// The index above which a shift is large (0.25 is the usual rule of thumb).
const INDEX_MAX: f64 = 0.25;
/// How many standard deviations the test must lie above what chance gives.
const SIGMAS: f64 = 6.0;

/// One distribution that is watched.
#[derive(Clone, Debug, Default)]
pub struct Drift {
    reference: [u32; CLASSES],
    seen: usize,
    window: [u32; CLASSES],
    in_window: usize,
}

/// A shift.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Shift {
    /// The population stability index.
    pub index: f64,
    /// Standard deviations of the chi-square test above chance.
    pub sigmas: f64,
}

/// The class of a length: by powers of two.
pub fn length_class(chars: u64) -> usize {
    usize::try_from(u64::BITS - chars.leading_zeros()).unwrap_or(0).min(CLASSES - 1)
}

impl Drift {
    /// Takes a value, by its class. A shift is given when a window is full and differs.
    pub fn observe(&mut self, class: usize) -> Option<Shift> {
        let class = class.min(CLASSES - 1);
        let counts = if self.seen < WINDOW { &mut self.reference } else { &mut self.window };
        if let Some(count) = counts.get_mut(class) {
            *count += 1;
        }
        if self.seen < WINDOW {
            self.seen += 1;
            return None;
        }
        self.in_window += 1;
        if self.in_window < WINDOW {
            return None;
        }
        let shift = shift(&self.reference, &self.window);
        self.window = [0; CLASSES];
        self.in_window = 0;
        (shift.index > INDEX_MAX && shift.sigmas > SIGMAS).then_some(shift)
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a window")]
fn shift(reference: &[u32; CLASSES], window: &[u32; CLASSES]) -> Shift {
    let size = WINDOW as f64;
    let (mut index, mut chi, mut classes) = (0.0, 0.0, 0.0);
    for (old, new) in reference.iter().zip(window) {
        let (old, new) = (f64::from(*old), f64::from(*new));
        if old + new == 0.0 {
            continue;
        }
        classes += 1.0;
        chi += (old - new).powi(2) / (old + new);
        let (p, q) = ((old + 0.5) / size, (new + 0.5) / size);
        index += (q - p) * (q / p).ln();
    }
    let freedom = f64::max(classes - 1.0, 1.0);
    Shift { index, sigmas: (chi - freedom) / (2.0 * freedom).sqrt() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that look random, from 0 to 1.
    fn noise(seed: u32) -> impl Iterator<Item = f64> {
        let mut state = seed;
        std::iter::repeat_with(move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(state >> 8) / f64::from(1_u32 << 24)
        })
    }

    fn lengths(seed: u32, scale: f64) -> impl Iterator<Item = usize> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "lengths")]
        noise(seed).map(move |x| length_class((-(1.0 - x).ln() * scale) as u64))
    }

    #[test]
    fn what_stays_the_same_is_not_raised() {
        let mut raised = 0;
        for seed in 0..20 {
            let mut drift = Drift::default();
            raised +=
                lengths(seed, 400.0).take(5_000).filter(|c| drift.observe(*c).is_some()).count();
        }
        assert_eq!(raised, 0, "of {} windows", 20 * 24);
    }

    #[test]
    fn longer_answers_and_more_refusals_are() {
        let mut drift = Drift::default();
        assert!(lengths(1, 400.0).take(WINDOW).all(|class| drift.observe(class).is_none()));
        assert!(lengths(2, 4_000.0).take(WINDOW).any(|class| drift.observe(class).is_some()));
        let mut drift = Drift::default();
        assert!((0..WINDOW).all(|n| drift.observe(usize::from(n % 20 == 0)).is_none()));
        assert!((0..WINDOW).any(|n| drift.observe(usize::from(n % 2 == 0)).is_some()));
    }

    #[test]
    fn classes_are_powers_of_two() {
        assert_eq!([0, 1, 2, 3, 4, 1 << 40].map(length_class), [0, 1, 2, 2, 3, 15]);
    }
}
