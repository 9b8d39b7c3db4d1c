//! Scores compared with those of things of the same size.
//!
//! Short sessions of few symbols score low whatever they do, long ones of many score high; one
//! threshold for both is blind on one side. So a score is told in spreads from the median of the
//! calibration scores whose sizes are nearest. Medians, because some of the calibration sessions
//! may be attacks; and of each host and of each day only a fair share of neighbours, because an
//! attacker can fill the neighbourhood of an odd size with sessions of their own, and a worm can do
//! so on many hosts in one day.

use crate::hash::HashedMap;
use crate::witness::Source;

/// Calibration scores that make a neighbourhood.
const NEIGHBOURS: usize = 100;
/// A host, or a day, may make up this many times its even share of a neighbourhood.
const SHARE_MAX: usize = 2;
/// The share of the overall spread that every neighbourhood has at least: some are all alike.
const SPREAD_SHARE_MIN: f64 = 0.2;
/// From the median deviation to a standard deviation, for normal scores.
const NORMAL: f64 = 1.482_6;

/// One calibration session: its size in two measures, its source, and its scores by view.
#[derive(Clone, Debug, PartialEq)]
pub struct Sized<const VIEWS: usize> {
    /// Two measures of its size.
    pub size: [f64; 2],
    /// Where and when it was seen.
    pub source: Source,
    /// Its scores.
    pub scores: [f64; VIEWS],
}

/// Calibration scores by size.
#[derive(Clone, Debug)]
pub struct Conditional<const VIEWS: usize> {
    known: Vec<Sized<VIEWS>>,
    scale: [f64; 2],
    spreads: [f64; VIEWS],
    of_a_host_max: usize,
    of_a_day_max: usize,
}

impl<const VIEWS: usize> Conditional<VIEWS> {
    /// The calibration set.
    pub fn new(known: Vec<Sized<VIEWS>>) -> Self {
        let scale = [0, 1].map(|at| {
            let sizes = known.iter().filter_map(|one| one.size.get(at).copied());
            center_and_spread(sizes.collect()).1.max(1e-9)
        });
        let spreads =
            std::array::from_fn(|view| center_and_spread(column(known.iter(), view)).1.max(1e-9));
        let of_a_host_max = fair_share(known.iter().map(|one| one.source.host));
        let of_a_day_max = fair_share(known.iter().map(|one| u32::from(one.source.day)));
        Self { known, scale, spreads, of_a_host_max, of_a_day_max }
    }

    /// How many spreads each score lies above what is usual for its size.
    pub fn deviations(&self, size: [f64; 2], scores: &[f64; VIEWS]) -> [f64; VIEWS] {
        let near = self.neighbours(size);
        std::array::from_fn(|view| {
            let (center, spread) = center_and_spread(column(near.iter().copied(), view));
            let least = self.spreads.get(view).copied().unwrap_or(1.0) * SPREAD_SHARE_MIN;
            let score = scores.get(view).copied().unwrap_or(0.0);
            (score - center) / (spread + least)
        })
    }

    /// The nearest by size, of each host and each day a fair share.
    fn neighbours(&self, size: [f64; 2]) -> Vec<&Sized<VIEWS>> {
        let distance = |other: &[f64; 2]| {
            let parts = size.iter().zip(other).zip(self.scale);
            parts.map(|((a, b), scale)| ((a - b) / scale).powi(2)).sum::<f64>()
        };
        let mut by_distance: Vec<(f64, &Sized<VIEWS>)> =
            self.known.iter().map(|one| (distance(&one.size), one)).collect();
        by_distance.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut of_host: HashedMap<u32, usize> = HashedMap::default();
        let mut of_day: HashedMap<u32, usize> = HashedMap::default();
        let fair = by_distance.into_iter().map(|(_, one)| one).filter(|one| {
            let host = of_host.entry(one.source.host).or_default();
            let day = of_day.entry(u32::from(one.source.day)).or_default();
            let is_fair = *host < self.of_a_host_max && *day < self.of_a_day_max;
            *host += usize::from(is_fair);
            *day += usize::from(is_fair);
            is_fair
        });
        fair.take(NEIGHBOURS).collect()
    }
}

/// How many neighbours one of these hosts, or days, may be.
fn fair_share(of: impl Iterator<Item = u32>) -> usize {
    let mut all: Vec<u32> = of.collect();
    all.sort_unstable();
    all.dedup();
    // Where there are at least three, none is ever more than two fifths: the median stays theirs.
    let most = if all.len() < 3 { NEIGHBOURS } else { 2 * NEIGHBOURS / 5 };
    (SHARE_MAX * NEIGHBOURS).div_ceil(all.len().max(1)).min(most)
}

fn column<'a, const VIEWS: usize>(
    sessions: impl Iterator<Item = &'a Sized<VIEWS>>,
    view: usize,
) -> Vec<f64> {
    sessions.filter_map(|one| one.scores.get(view).copied()).collect()
}

/// The median, and the spread around it: by the median deviation, or by the mean deviation where
/// more than half of the values are equal.
fn center_and_spread(mut values: Vec<f64>) -> (f64, f64) {
    let center = median(&mut values);
    let mut deviations: Vec<f64> = values.iter().map(|value| (value - center).abs()).collect();
    let robust = NORMAL * median(&mut deviations);
    if robust > 0.0 { (center, robust) } else { (center, mean(&deviations)) }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

#[expect(clippy::cast_precision_loss, reason = "calibration sets are bounded")]
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / (values.len() as f64).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(size: f64, host: u32, score: f64) -> Sized<1> {
        let source = Source { host, day: u16::try_from(host % 14).unwrap() };
        Sized { size: [size, 0.0], source, scores: [score] }
    }

    /// Sessions of 50 hosts whose score is their size, give or take one.
    fn sessions() -> Vec<Sized<1>> {
        (0..1_000_u32)
            .map(|at| {
                let size = f64::from(at / 10);
                one(size, at % 50, size + f64::from(at % 3) - 1.0)
            })
            .collect()
    }

    fn deviation(known: Vec<Sized<1>>, size: f64, score: f64) -> f64 {
        Conditional::new(known).deviations([size, 0.0], &[score])[0]
    }

    #[test]
    fn a_score_is_high_or_not_for_its_size() {
        assert!(deviation(sessions(), 80.0, 80.0).abs() < 1.0);
        assert!(deviation(sessions(), 20.0, 80.0) > 3.0);
    }

    #[test]
    fn two_hosts_cannot_fill_a_neighbourhood() {
        let mut poisoned = sessions();
        poisoned.extend((0..300).map(|at| one(20.0, at % 2, 80.0)));
        let clean = deviation(sessions(), 20.0, 80.0);
        assert!(deviation(poisoned, 20.0, 80.0) > 0.5 * clean);
    }

    #[test]
    fn neither_can_half_of_the_hosts_in_one_day() {
        let mut poisoned = sessions();
        poisoned.extend((0..300).map(|at| {
            let source = Source { host: at % 25, day: 7 };
            Sized { source, ..one(20.0, 0, 80.0) }
        }));
        let clean = deviation(sessions(), 20.0, 80.0);
        assert!(deviation(poisoned, 20.0, 80.0) > 0.5 * clean);
    }

    #[test]
    fn nothing_known_says_little() {
        assert!(deviation(Vec::new(), 1.0, 0.0).abs() < 1e-12);
    }
}
