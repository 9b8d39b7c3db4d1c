//! How many of the shown cases may be false: an online gate of the false discovery rate.
//!
//! LORD++ (A. Ramdas, F. Yang, M. Wainwright, M. Jordan, "Online control of the false discovery
//! rate with decaying memory", NIPS 2017). Each test spends some of a wealth; each discovery earns
//! some back. With memory decay the gate of a quiet site does not fall asleep for ever.

/// The level of one test never falls below this share of the rate, or a year of quiet would make
/// the gate deaf; the hard cap of the budget holds beside it.
const LEVEL_SHARE_MIN: f64 = 1.0 / 1_024.0;
/// How much of a past discovery's wealth is left after one more test.
const MEMORY: f64 = 0.99;
/// Discoveries that are remembered.
const DISCOVERIES_MAX: usize = 64;

/// The gate: one test a unit (here: a tenant's day).
#[derive(Clone, Debug, PartialEq)]
pub struct FdrGate {
    rate: f64,
    tests: u64,
    discoveries: Vec<u64>,
}

impl FdrGate {
    /// A gate for a false discovery rate between 0 and 1.
    pub fn new(rate: f64) -> Self {
        Self { rate: rate.clamp(0.0, 1.0), tests: 0, discoveries: Vec::new() }
    }

    /// The level of the test that comes now.
    pub fn level(&self) -> f64 {
        let start = self.rate / 2.0;
        let mut level = start * gamma(self.tests + 1) * decay(self.tests);
        for (at, discovery) in self.discoveries.iter().enumerate() {
            let age = self.tests.saturating_sub(*discovery);
            let earned = if at == 0 { self.rate - start } else { self.rate };
            level += earned * gamma(age + 1) * decay(age);
        }
        level.max(self.rate * LEVEL_SHARE_MIN)
    }

    /// Ends the test that is on; `discovered` tells whether anything was shown.
    pub fn step(&mut self, discovered: bool) {
        if discovered {
            if self.discoveries.len() >= DISCOVERIES_MAX {
                self.discoveries.remove(0);
            }
            self.discoveries.push(self.tests);
        }
        self.tests += 1;
    }

    /// Tests so far.
    pub fn tests(&self) -> u64 {
        self.tests
    }
}

/// A series that sums to about one: the share of wealth that test `n` (from 1) may spend.
#[expect(clippy::cast_precision_loss, reason = "days")]
fn gamma(n: u64) -> f64 {
    let n = n as f64;
    0.077_2 * n.max(2.0).ln() / (n * (n.ln().sqrt()).exp())
}

fn decay(age: u64) -> f64 {
    MEMORY.powi(i32::try_from(age).unwrap_or(i32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_series_spends_no_more_than_there_is() {
        let sum: f64 = (1..1_000_000).map(gamma).sum();
        assert!(sum <= 1.0, "{sum}");
    }

    #[test]
    fn quiet_days_tighten_and_a_discovery_loosens() {
        let mut gate = FdrGate::new(0.2);
        let first = gate.level();
        (0..10).for_each(|_| gate.step(false));
        let quiet = gate.level();
        gate.step(true);
        assert!(quiet < first && gate.level() > quiet);
    }

    #[test]
    fn a_year_of_quiet_does_not_make_it_deaf() {
        let mut gate = FdrGate::new(0.2);
        (0..10_000).for_each(|_| gate.step(false));
        assert!(gate.level() >= 0.2 / 1_024.0);
    }

    #[test]
    fn of_pure_noise_few_days_show_anything() {
        // Uniform p-values of one test a day, from a fixed congruential generator.
        let (mut gate, mut state, mut shown) = (FdrGate::new(0.1), 1_u32, 0);
        for _ in 0..1_000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let discovered = f64::from(state) / 4_294_967_296.0 <= gate.level();
            shown += u32::from(discovered);
            gate.step(discovered);
        }
        assert!(shown <= 10, "{shown} of 1,000 days");
    }
}
