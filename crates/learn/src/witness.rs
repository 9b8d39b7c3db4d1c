//! Who has seen it: the rule by which a behaviour becomes normal.
//!
//! A baseline that learns whatever it sees learns the attack as well: with one session in ten
//! poisoned, a plain next-event model drops to a coin toss. So a behaviour counts only once it was
//! seen on several **distinct hosts**, and not all of them in one rush; that costs an attacker
//! several machines and several days, and is what ordinary software does by itself.
//!
//! | case | rule |
//! |---|---|
//! | a role with many hosts | on [`Admission::hosts_min`] hosts, over [`Admission::days_min`] days |
//! | a worm: many hosts at once | the days are missing, so it stays in quarantine |
//! | a role with fewer hosts than that | on all of its hosts, and at least two |
//! | a host that is alone in its role | over [`Admission::days_alone_min`] days, and vouched for |

use crate::limits::WITNESS_HOSTS_MAX;
use crate::wire::{take_u8, take_u16};

/// When a behaviour becomes normal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission {
    /// Distinct hosts that must have shown it; at most [`WITNESS_HOSTS_MAX`].
    pub hosts_min: u8,
    /// Distinct days on which it must have been seen, so that a worm is not normal by noon.
    pub days_min: u8,
    /// Distinct days on which it must have been seen where one host is alone in its role.
    pub days_alone_min: u8,
}

impl Default for Admission {
    fn default() -> Self {
        Self { hosts_min: 4, days_min: 2, days_alone_min: 4 }
    }
}

impl Admission {
    /// Everything counts at once: how baselines are usually learned, kept for comparison.
    pub const OPEN: Self = Self { hosts_min: 1, days_min: 1, days_alone_min: 1 };

    /// Hosts that must have shown it, in a role with this many.
    pub fn hosts_needed(self, role_hosts: u32) -> u8 {
        let all = u8::try_from(role_hosts).unwrap_or(u8::MAX);
        self.hosts_min.min(all.max(2))
    }
}

/// One place and time where something was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// The host, by any number that is its own.
    pub host: u32,
    /// The day, counted from anywhere.
    pub day: u16,
}

/// The witnesses of one behaviour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Witness {
    hosts: [u16; WITNESS_HOSTS_MAX],
    host_count: u8,
    days: u8,
    last_day: u16,
    vouched: bool,
}

impl Witness {
    /// Adds one sighting.
    pub fn see(&mut self, source: Source) {
        let host = short(source.host);
        let known = self.hosts.iter().take(usize::from(self.host_count)).any(|seen| *seen == host);
        if !known && let Some(free) = self.hosts.get_mut(usize::from(self.host_count)) {
            *free = host;
            self.host_count += 1;
        }
        if self.days == 0 || source.day != self.last_day {
            self.days = self.days.saturating_add(1);
            self.last_day = source.day;
        }
    }

    /// A person, or a verdict of theirs, says that it is meant to be.
    pub fn vouch(&mut self) {
        self.vouched = true;
    }

    /// Whether it is normal by now, in a role with this many hosts.
    pub fn is_admitted(&self, rule: Admission, role_hosts: u32) -> bool {
        if self.host_count >= rule.hosts_needed(role_hosts) && self.days >= rule.days_min {
            return true;
        }
        self.vouched && self.days >= rule.days_alone_min
    }

    /// What [`Witness::write`] writes.
    pub const BYTES: usize = 2 * WITNESS_HOSTS_MAX + 5;

    /// Writes the witnesses.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.hosts.iter().for_each(|host| out.extend(host.to_le_bytes()));
        out.extend([self.host_count, self.days, u8::from(self.vouched)]);
        out.extend(self.last_day.to_le_bytes());
    }

    /// Reads what [`Witness::write`] wrote; `None` where it is cut short.
    pub fn read(input: &mut &[u8]) -> Option<Self> {
        let mut hosts = [0; WITNESS_HOSTS_MAX];
        for host in &mut hosts {
            *host = take_u16(input)?;
        }
        let host_count = take_u8(input)?.min(u8::try_from(WITNESS_HOSTS_MAX).unwrap_or(u8::MAX));
        let (days, vouched) = (take_u8(input)?, take_u8(input)? != 0);
        Some(Self { hosts, host_count, days, last_day: take_u16(input)?, vouched })
    }

    /// Distinct hosts, as far as they are counted.
    pub fn hosts(&self) -> u8 {
        self.host_count
    }

    /// Distinct days, counted up to 255; days that come out of order may count twice.
    pub fn days(&self) -> u8 {
        self.days
    }
}

/// A host in two bytes. Two hosts that share them count as one, which errs towards quarantine.
fn short(host: u32) -> u16 {
    let [a, b, ..] = crate::hash::mix(u64::from(host) + 1).to_le_bytes();
    u16::from_le_bytes([a, b])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(sightings: &[(u32, u16)]) -> Witness {
        let mut witness = Witness::default();
        for (host, day) in sightings {
            witness.see(Source { host: *host, day: *day });
        }
        witness
    }

    fn admitted(sightings: &[(u32, u16)], role_hosts: u32) -> bool {
        seen(sightings).is_admitted(Admission::default(), role_hosts)
    }

    #[test]
    fn four_hosts_on_two_days_make_it_normal() {
        assert!(admitted(&[(1, 0), (2, 0), (3, 1), (4, 1)], 50));
        assert!(!admitted(&[(1, 0), (2, 0), (3, 1), (3, 2)], 50), "three hosts");
    }

    #[test]
    fn one_host_may_repeat_it_as_often_as_it_likes() {
        let repeated: Vec<_> = (0..200).map(|day| (1, day)).collect();
        assert!(!admitted(&repeated, 50));
    }

    #[test]
    fn a_worm_is_everywhere_but_in_one_day() {
        let worm: Vec<_> = (0..25).map(|host| (host, 7)).collect();
        assert!(!admitted(&worm, 50));
    }

    #[test]
    fn a_small_role_needs_all_of_its_hosts() {
        assert!(!admitted(&[(1, 0), (2, 1), (2, 2)], 3));
        assert!(admitted(&[(1, 0), (2, 1), (3, 2)], 3));
    }

    #[test]
    fn a_host_that_is_alone_needs_days_and_somebody_who_vouches() {
        let mut alone = seen(&[(1, 0), (1, 1), (1, 2), (1, 3)]);
        assert!(!alone.is_admitted(Admission::default(), 1));
        alone.vouch();
        assert!(alone.is_admitted(Admission::default(), 1));
        let mut early = seen(&[(1, 0)]);
        early.vouch();
        assert!(!early.is_admitted(Admission::default(), 1), "vouched for, but seen on one day");
    }

    #[test]
    fn the_open_rule_takes_everything() {
        assert!(seen(&[(1, 0)]).is_admitted(Admission::OPEN, 50));
    }
}
