//! Whether somebody calls home: connections of one host to one destination at a steady beat.
//!
//! The last intervals are compared with their median. Malware adds jitter, so half of them may be
//! off by a quarter; people and most programs are far less regular. Regular is not bad: time
//! servers and update checks are. So a beacon is a token like any other and becomes normal as any
//! other; what is surprising is a *new* one.

use std::collections::VecDeque;

use crate::limits::BEACON_TIMES_MAX;

/// Intervals that are looked at, at least.
const INTERVALS_MIN: usize = 12;
/// The median interval, at least and at most, milliseconds: 5 seconds to 12 hours.
const INTERVAL_MS: std::ops::RangeInclusive<i64> = 5_000..=43_200_000;
/// How far the middle half of the intervals may be off, by the median.
const JITTER_MAX: f64 = 0.25;

/// The last calls to one destination.
#[derive(Clone, Debug, Default)]
pub struct Rhythm {
    times_ms: VecDeque<i64>,
}

/// A steady beat.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Beacon {
    /// The median interval, milliseconds.
    pub interval_ms: i64,
    /// The median distance of an interval from it, by it.
    pub jitter: f64,
    /// Calls that were looked at.
    pub calls: usize,
}

impl Rhythm {
    /// Adds one call. Calls within a second of the last are one.
    pub fn call(&mut self, time_ms: i64) {
        if self.times_ms.back().is_some_and(|last| time_ms.saturating_sub(*last) < 1_000) {
            return;
        }
        if self.times_ms.len() >= BEACON_TIMES_MAX {
            self.times_ms.pop_front();
        }
        self.times_ms.push_back(time_ms);
    }

    /// The beat, if there is one.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of some days")]
    pub fn beacon(&self) -> Option<Beacon> {
        let pairs = self.times_ms.iter().zip(self.times_ms.iter().skip(1));
        let mut intervals: Vec<i64> = pairs.map(|(a, b)| b - a).collect();
        if intervals.len() < INTERVALS_MIN {
            return None;
        }
        let interval_ms = median(&mut intervals)?;
        let mut off: Vec<i64> = intervals.iter().map(|x| (x - interval_ms).abs()).collect();
        let jitter = median(&mut off)? as f64 / interval_ms as f64;
        let steady = INTERVAL_MS.contains(&interval_ms) && jitter <= JITTER_MAX;
        steady.then_some(Beacon { interval_ms, jitter, calls: self.times_ms.len() })
    }

    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.times_ms.capacity() * size_of::<i64>()
    }

    /// When the last call was.
    pub fn last_ms(&self) -> Option<i64> {
        self.times_ms.back().copied()
    }
}

fn median(values: &mut [i64]) -> Option<i64> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rhythm(intervals_s: impl Iterator<Item = i64>) -> Rhythm {
        let (mut rhythm, mut now) = (Rhythm::default(), 0);
        for interval in intervals_s {
            now += interval * 1_000;
            rhythm.call(now);
        }
        rhythm
    }

    #[test]
    fn a_minute_with_a_fifth_of_jitter_is_a_beacon() {
        let beacon = rhythm((0..40).map(|i| 60 + (i * 7) % 25 - 12)).beacon().unwrap();
        assert!((50_000..70_000).contains(&beacon.interval_ms), "{beacon:?}");
    }

    #[test]
    fn people_are_no_beacon() {
        assert_eq!(
            rhythm(
                [3, 1, 400, 20, 2, 90, 7, 1_800, 4, 33, 260, 5, 11, 700]
                    .into_iter()
                    .cycle()
                    .take(40)
            )
            .beacon(),
            None
        );
    }

    #[test]
    fn a_download_of_many_calls_is_no_beacon_and_few_calls_are_none() {
        assert_eq!(rhythm((0..200).map(|_| 1)).beacon(), None, "too fast");
        assert_eq!(rhythm((0..10).map(|_| 60)).beacon(), None, "too few");
    }
}
