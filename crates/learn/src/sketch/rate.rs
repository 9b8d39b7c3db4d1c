//! How many in an hour are too many: counts by time of day.
//!
//! A host's counts of one kind of event are kept for the four quarters of a day, as running mean
//! and spread of their logarithms, so that the nightly backup is normal at night. A burst is a
//! count that lies far above what its quarter knows; how far is given in bits, and bounded: volume
//! alone must not make a case.

use crate::hash::HashedMap;
use crate::wire::{put_count, take, take_count, take_u16, take_u32};

/// Parts of the day that are kept apart.
const QUARTERS: usize = 4;
/// Kinds that are kept of one host.
const KINDS_MAX: usize = 48;
/// Fewer hours in a quarter tell nothing.
const HOURS_MIN: u16 = 6;
/// Counts below this are no burst, whatever the baseline.
const BURST_MIN: u32 = 20;
/// The spread that is taken at least, in doublings: counts are noisy.
const SPREAD_MIN: f32 = 0.75;
/// How fast the baseline follows, once it has this many hours.
const HOURS_FULL: u16 = 200;

/// Mean and variance of the logarithms of one quarter.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Quarter {
    hours: u16,
    mean: f32,
    variance: f32,
}

/// The rates of one host.
#[derive(Clone, Debug, Default)]
pub struct RateBook {
    kinds: HashedMap<u32, [Quarter; QUARTERS]>,
}

/// A burst, in words that can be told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Burst {
    /// Events in this hour.
    pub count: u32,
    /// Events that were to be expected.
    pub expected: f32,
    /// How many spreads above it.
    pub deviations: f32,
}

impl RateBook {
    /// Whether `count` events of a kind in the hour `hour_of_day` are a burst.
    pub fn burst(&self, kind: u32, hour_of_day: u8, count: u32) -> Option<Burst> {
        let known = self.kinds.get(&kind)?.get(quarter(hour_of_day))?;
        if known.hours < HOURS_MIN || count < BURST_MIN {
            return None;
        }
        let spread = known.variance.sqrt().max(SPREAD_MIN);
        let deviations = (doublings(count) - known.mean) / spread;
        let expected = known.mean.exp2() - 1.0;
        (deviations > 4.0).then_some(Burst { count, expected, deviations })
    }

    /// Learns the count of one hour.
    pub fn learn(&mut self, kind: u32, hour_of_day: u8, count: u32) {
        if self.kinds.len() >= KINDS_MAX && !self.kinds.contains_key(&kind) {
            return;
        }
        let quarters = self.kinds.entry(kind).or_default();
        let Some(known) = quarters.get_mut(quarter(hour_of_day)) else { return };
        known.hours = (known.hours + 1).min(HOURS_FULL);
        let (x, share) = (doublings(count), 1.0 / f32::from(known.hours));
        let off = x - known.mean;
        known.mean += share * off;
        known.variance += share * (off * (x - known.mean) - known.variance);
    }

    /// Writes the book, smallest kind first.
    pub fn write(&self, out: &mut Vec<u8>) {
        put_count(out, self.kinds.len());
        let mut kinds: Vec<_> = self.kinds.iter().collect();
        kinds.sort_unstable_by_key(|(kind, _)| **kind);
        for (kind, quarters) in kinds {
            out.extend(kind.to_le_bytes());
            for quarter in quarters {
                out.extend(quarter.hours.to_le_bytes());
                out.extend(quarter.mean.to_le_bytes());
                out.extend(quarter.variance.to_le_bytes());
            }
        }
    }

    /// Reads what [`RateBook::write`] wrote; `None` where it is cut short or too large.
    pub fn read(input: &mut &[u8]) -> Option<Self> {
        let mut kinds = HashedMap::default();
        for _ in 0..take_count(input, 4 + QUARTERS * 10, KINDS_MAX)? {
            let kind = take_u32(input)?;
            let mut quarters = [Quarter::default(); QUARTERS];
            for quarter in &mut quarters {
                quarter.hours = take_u16(input)?.min(HOURS_FULL);
                quarter.mean = f32::from_le_bytes(take(input)?);
                quarter.variance = f32::from_le_bytes(take(input)?);
            }
            kinds.insert(kind, quarters);
        }
        Some(Self { kinds })
    }

    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        self.kinds.capacity() * 8 / 7 * (size_of::<(u32, [Quarter; QUARTERS])>() + 1)
    }
}

fn quarter(hour_of_day: u8) -> usize {
    usize::from(hour_of_day) * QUARTERS / 24
}

#[expect(clippy::cast_precision_loss, reason = "a logarithm of a count")]
fn doublings(count: u32) -> f32 {
    (count as f32 + 1.0).log2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nightly_backup_is_normal_at_night_and_a_burst_at_noon() {
        let mut book = RateBook::default();
        for day in 0..10 {
            for hour in 0..24 {
                book.learn(1, hour, if hour < 6 { 4_000 + day } else { 10 });
            }
        }
        assert_eq!(book.burst(1, 3, 5_000), None);
        let burst = book.burst(1, 13, 5_000).unwrap();
        assert!((burst.expected - 10.0).abs() < 1.0 && burst.deviations > 4.0, "{burst:?}");
    }

    #[test]
    fn little_is_never_a_burst_and_nothing_known_says_nothing() {
        let mut book = RateBook::default();
        assert_eq!(book.burst(1, 3, 1_000_000), None);
        (0..100).for_each(|_| book.learn(1, 3, 0));
        assert_eq!(book.burst(1, 3, 19), None);
        assert!(book.burst(1, 3, 100).is_some());
    }
}
