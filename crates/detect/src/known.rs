//! What a rule's match, or an act, is worth: how seldom ordinary work makes it.
//!
//! Rules are knowledge from elsewhere, so they count on the first day, on a host that nobody knows
//! yet, where anything learned has nothing to say. So do acts ([`crate::tokens::act`]), since the
//! prior has counted them in ordinary offices. Either is told by the chance that an ordinary
//! host-hour holds it, the largest of:
//!
//! | chance | of |
//! |---|---|
//! | this host's and its fleet's own hours with it | what was learned here |
//! | the hours of ordinary offices with it | the prior that ships |
//! | hours with *any* rule of this level, or a graver one, that was new to its host | the level |
//! | hours with *any* act of this family that was new to its host and the prior | the family |
//!
//! The last keeps thousands of rules from being judged one by one: each may be rare, and still one
//! of them matches every other day. It begins with what is written below for each level, and
//! follows what the site shows; a match that a person called false raises it. For families of acts
//! it begins with what the prior measured: in how many host-hours of one office there was an act
//! that none of the others knew.
//!
//! Matches and acts of one moment are one act, told by the rarest. Of several in an episode the
//! rarest counts whole, the next half, the next a quarter, since what happens in one hour seldom
//! happens independently. Nothing that is added lowers the sum.

use crate::config::RuleLevel;
use crate::tokens::act::FAMILY_COUNT;

/// Levels of rules.
pub const LEVELS: usize = 5;
/// Acts of one window that are kept: more would add less than a millionth.
const ACTS_MAX: usize = 24;
/// How many host-hours of a site weigh as much as what is written down beforehand.
const WEIGHT: f64 = 10_000.0;

impl RuleLevel {
    /// Its place, from the mildest.
    pub(crate) fn place(self) -> usize {
        self as usize
    }

    /// The chance that an ordinary host-hour holds a match of a rule of this level that is new to
    /// its host and unknown to the prior, before the site has shown anything. Half of the promise
    /// of one false case in a thousand host-days is spent on high ones, an eighth on critical ones.
    fn chance(self) -> f64 {
        match self {
            Self::Informational => 1.0 / 16.0,
            Self::Low => 1.0 / 64.0,
            Self::Medium => 1.0 / 1_024.0,
            Self::High => 1.0 / 65_536.0,
            Self::Critical => 1.0 / 262_144.0,
        }
    }
}

/// What was new in a host-hour: to the host, and to what is known of ordinary work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unheard {
    /// Levels of rules.
    pub levels: [bool; LEVELS],
    /// Families of acts.
    pub families: [bool; FAMILY_COUNT],
}

/// Host-hours that were learned and held a new rule of each level, or a new act of each family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KnownRates {
    /// By level.
    pub levels: [u32; LEVELS],
    /// By family.
    pub families: [u32; FAMILY_COUNT],
}

impl KnownRates {
    /// Learns a host-hour.
    pub fn learn(&mut self, new: Unheard) {
        let levels = self.levels.iter_mut().zip(new.levels);
        let families = self.families.iter_mut().zip(new.families);
        for (count, _) in levels.chain(families).filter(|(_, new)| *new) {
            *count = count.saturating_add(1);
        }
    }

    /// The chance of an unheard act of a family, of which the prior measured `chance`.
    pub fn of_family(&self, family: usize, chance: f64, windows: f64) -> f64 {
        let count = self.families.get(family).copied().unwrap_or(0);
        (f64::from(count) + WEIGHT * chance) / (windows + WEIGHT)
    }

    /// The chance of a match of this level, on a site that has learned so many host-hours.
    pub fn of_level(&self, level: RuleLevel, windows: f64) -> f64 {
        let as_grave: u32 = self.levels.iter().skip(level.place()).sum();
        (f64::from(as_grave) + WEIGHT * level.chance()) / (windows + WEIGHT)
    }

    /// The chance of a match of a rule that ordinary offices have shown with this chance.
    pub fn elsewhere(chance: f64, windows: f64) -> f64 {
        WEIGHT * chance / (windows + WEIGHT)
    }
}

/// Acts of one host that rules know, each with its surprise in bits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Acts(Vec<(i64, f32)>);

impl Acts {
    /// Notes a match at a time; of one second only the rarest counts.
    pub fn note(&mut self, time_ms: i64, bits: f32) {
        let second = time_ms.div_euclid(1_000);
        if let Some((_, known)) = self.0.iter_mut().find(|(at, _)| *at == second) {
            *known = known.max(bits);
            return;
        }
        if self.0.len() < ACTS_MAX {
            self.0.push((second, bits));
        } else if let Some(least) = self.0.iter_mut().min_by(|a, b| a.1.total_cmp(&b.1))
            && least.1 < bits
        {
            *least = (second, bits);
        }
    }

    /// Takes others in.
    pub fn absorb(&mut self, others: &Self) {
        for (second, bits) in &others.0 {
            self.note(second * 1_000, *bits);
        }
    }

    /// Whether they may be a case by themselves.
    pub fn are_rare(&self) -> bool {
        self.p_value() < 1.0 / 1_024.0
    }

    /// How seldom an ordinary host-hour holds acts as rare: one minus nothing where there are none.
    pub fn p_value(&self) -> f64 {
        let mut bits: Vec<f32> = self.0.iter().map(|(_, bits)| *bits).collect();
        bits.sort_by(|a, b| b.total_cmp(a));
        let mut weight = 1.0;
        let mut sum = 0.0;
        for one in bits {
            sum += weight * f64::from(one);
            weight /= 2.0;
        }
        (-sum).exp2().max(1e-9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn graver_levels_are_rarer_and_a_site_that_shows_them_says_so() {
        let levels = [
            RuleLevel::Informational,
            RuleLevel::Low,
            RuleLevel::Medium,
            RuleLevel::High,
            RuleLevel::Critical,
        ];
        let mut rates = KnownRates::default();
        let of = |rates: &KnownRates| levels.map(|level| rates.of_level(level, 1_000.0));
        assert!(of(&rates).is_sorted_by(|a, b| a > b));
        let before = of(&rates);
        rates.learn(Unheard { levels: [false, false, false, true, false], ..Unheard::default() });
        let after = of(&rates);
        assert!(after[3] > 5.0 * before[3], "a high one came: others may");
        assert!((after[4] - before[4]).abs() < 1e-12, "which says nothing of critical ones");
    }

    #[test]
    fn matches_of_one_moment_are_one_act_and_acts_add_up_less_and_less() {
        let p = |acts: &[(i64, f32)]| {
            let mut all = Acts::default();
            for (time_ms, bits) in acts {
                all.note(*time_ms, *bits);
            }
            all.p_value()
        };
        assert!((p(&[]) - 1.0).abs() < 1e-12);
        assert!((p(&[(1_000, 16.0), (1_200, 10.0)]) - p(&[(1_000, 16.0)])).abs() < 1e-12);
        assert!((p(&[(1_000, 8.0), (9_000, 8.0)]) - 2_f64.powi(-12)).abs() < 1e-12);
        assert!(
            p(&[(0, 10.0), (9_000, 10.0), (19_000, 10.0)]) > 1e-6,
            "many mild ones are not one grave one"
        );
    }

    proptest::proptest! {
        #[test]
        fn nothing_that_is_added_makes_acts_less_rare(
            acts in proptest::collection::vec((0_i64..60, 0.0_f32..20.0), 0..40),
            more in (0_i64..60, 0.0_f32..20.0),
        ) {
            let mut all = Acts::default();
            for (second, bits) in &acts {
                all.note(second * 1_000, *bits);
            }
            let before = all.p_value();
            all.note(more.0 * 1_000, more.1);
            proptest::prop_assert!(all.p_value() <= before + 1e-12);
        }
    }
}
