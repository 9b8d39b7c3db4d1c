//! A simulated site: 20 or 50 machines of an ordinary, messy office, as their logs tell of them.
//!
//! **Simulated, and said so wherever a figure comes from it.** No recording is in it: programs,
//! habits and troubles are written down here from general knowledge of such offices, and chance
//! does the rest. What makes detectors cry wolf is there on purpose: administrators with their
//! tools, updates, backups, a remote maintenance agent, developers, night shifts, new staff, new
//! software, a job that fails for days, a scan by the insurer, clocks that run wrong.
//!
//! | file | holds |
//! |---|---|
//! | `event` | one log record, in the form in which its source writes it |
//! | `catalog`, `tools` | programs, places, names |
//! | `windows`, `security`, `linux` | what a thing that happens leaves in the logs |
//! | `people` | machines and who works at them |
//! | `routine`, `chores`, `unix` | an ordinary hour |
//! | `troubles`, `software` | what is not ordinary, and no attack |
//!
//! A day follows from the seed alone, so days can be made in any order. Windows records are flat
//! JSON as shippers write it, Linux records lines of the audit log and of syslog; whoever wants
//! events reads them as any other file.

mod catalog;
mod chores;
mod event;
mod linux;
mod people;
mod routine;
mod security;
mod software;
mod tools;
mod troubles;
mod unix;
mod windows;

pub use event::{Event, Form};
pub use people::{Machine, Role};

use std::fmt::Write as _;

use crate::rng::SeededRng;

/// The first millisecond of every simulated site: Monday, 2 March 2026, 00:00 UTC.
pub const START_MS: i64 = 1_772_409_600_000;
/// Milliseconds of an hour and of a day.
pub const HOUR_MS: i64 = 3_600_000;
/// See [`HOUR_MS`].
pub const DAY_MS: i64 = 24 * HOUR_MS;

/// Seeds for choosing how the detector works. Frozen before anything was tuned.
pub const TUNING_SEEDS: [u64; 8] = [101, 102, 103, 104, 105, 106, 107, 108];
/// Seeds that are only run to measure. Frozen before anything was tuned.
pub const MEASURING_SEEDS: [u64; 8] = [901, 902, 903, 904, 905, 906, 907, 908];
/// Seeds whose sites train what ships: how often ordinary offices make each rule match.
pub const PRIOR_SEEDS: [u64; 4] = [501, 502, 503, 504];

/// A simulated site.
#[derive(Debug)]
pub struct Site {
    seed: u64,
    machines: Vec<Machine>,
}

impl Site {
    /// A site of so many machines; 8 at least.
    pub fn new(hosts: usize, seed: u64) -> Self {
        let rng = SeededRng::new(seed ^ 0x51_7e);
        Self { seed, machines: people::machines(hosts.max(8), &rng) }
    }

    /// Its machines.
    pub fn machines(&self) -> &[Machine] {
        &self.machines
    }

    /// What its machines log on one day, counted from 0, in the order of time.
    pub fn day(&self, day: u32) -> Vec<Event> {
        let mut events = Vec::new();
        for (at, machine) in self.machines.iter().enumerate() {
            if day < machine.since_day {
                continue;
            }
            for hour in 0..24 {
                let mix = self.seed.wrapping_mul(0x9e37_79b9)
                    ^ (u64::from(day) << 40)
                    ^ ((at as u64) << 16)
                    ^ u64::from(hour);
                let rng = SeededRng::new(mix);
                let scene = Scene { machines: &self.machines, at, day, hour, rng: &rng };
                routine::hour(&scene, &mut events);
                troubles::hour(&scene, self.seed, &mut events);
            }
        }
        for event in &mut events {
            event.time_ms += self.machines[event.machine].clock_error_ms(day);
        }
        events.sort_by_key(|event| event.time_ms);
        events
    }
}

/// One machine in one hour.
pub(crate) struct Scene<'a> {
    pub machines: &'a [Machine],
    pub at: usize,
    pub day: u32,
    pub hour: u32,
    pub rng: &'a SeededRng,
}

impl<'a> Scene<'a> {
    pub fn machine(&self) -> &'a Machine {
        &self.machines[self.at]
    }

    /// A time in the hour.
    pub fn time_ms(&self) -> i64 {
        let within = i64::try_from(self.rng.below(3_590_000)).unwrap_or(0);
        START_MS + i64::from(self.day) * DAY_MS + i64::from(self.hour) * HOUR_MS + within
    }

    /// Monday is 0.
    pub fn weekday(&self) -> u32 {
        self.day % 7
    }

    /// One of several.
    pub fn pick<T: Copy>(&self, from: &[T]) -> T {
        from[self.rng.index(from.len())]
    }

    /// One of several, the first ones far more often than the last.
    pub fn pick_first<T: Copy>(&self, from: &[T]) -> T {
        let (a, b) = (self.rng.index(from.len()), self.rng.index(from.len()));
        from[a.min(b).min(self.rng.index(from.len()))]
    }

    /// True so many times out of 1,000.
    pub fn chance(&self, per_mille: u16) -> bool {
        self.rng.chance(per_mille)
    }

    /// Hexadecimal digits.
    pub fn hex(&self, digits: usize) -> String {
        let mut text = String::new();
        while text.len() < digits {
            // Writing into a string cannot fail.
            _ = write!(text, "{:016x}", self.rng.next_u64());
        }
        text.truncate(digits);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_follows_from_the_seed() {
        let (one, same, other) = (Site::new(20, 7), Site::new(20, 7), Site::new(20, 8));
        assert_eq!(one.day(3), same.day(3));
        assert_ne!(one.day(3), other.day(3));
        let events = one.day(3);
        assert!(events.len() > 2_000, "{}", events.len());
        assert!(events.is_sorted_by_key(|event| event.time_ms));
    }

    #[test]
    fn every_machine_is_heard_of_and_weekends_are_quieter() {
        let site = Site::new(20, 7);
        let (monday, sunday) = (site.day(7), site.day(6));
        for at in 0..site.machines().len() {
            assert!(
                monday.iter().any(|event| event.machine == at) || site.machines()[at].since_day > 7
            );
        }
        assert!(sunday.len() < monday.len(), "{} {}", sunday.len(), monday.len());
    }

    #[test]
    fn nobody_is_named_twice() {
        let site = Site::new(50, 3);
        let mut names: Vec<_> = site.machines().iter().map(|machine| &machine.name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 50);
    }
}
