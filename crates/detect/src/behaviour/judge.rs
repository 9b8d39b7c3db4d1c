//! How surprising one token is on one host, and the same in words.

use learn::sketch::{FleetSketch, Sighting};

use super::host::Host;
use crate::config::RuleLevel;
use crate::known::KnownRates;
use crate::prior::PriorIndex;
use crate::tokens::TokenKind;

/// How many windows the fleet's rate of novelty weighs against a host's own, and the prior's
/// against the fleet's.
const NOVELTY_WEIGHT: f64 = 10.0;

/// What a token is judged by.
pub struct Judge<'a> {
    /// What the site's hosts have shown.
    pub fleet: &'a FleetSketch,
    /// Windows of the fleet in which something of each kind was new to its host.
    pub novel: &'a [u32; TokenKind::COUNT],
    /// What is normal elsewhere.
    pub prior: &'a PriorIndex,
    /// Whether something new counts for less where new things of its kind come often.
    pub novelty_rate: bool,
}

/// A judged token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judgement {
    /// Its surprise, in bits.
    pub bits: f64,
    /// Where it stands.
    pub sighting: Sighting,
    /// Whether the host shows it for the first time.
    pub is_new: bool,
}

impl Judge<'_> {
    /// Judges one token of one host.
    ///
    /// Of an open-ended kind ([`TokenKind::is_open_ended`]) the surprise of something new is
    /// bounded by how often this host, its fleet and the prior show anything new of that kind: a
    /// fresh destination on a laptop is a daily affair, a fresh pair of programs on a server is
    /// not.
    pub fn judge(&self, host: &Host, kind: TokenKind, number: u64) -> Judgement {
        let sighting = self.fleet.sighting(&host.sketch, number, self.prior.chance(kind, number));
        let is_new = !host.has_shown(number);
        let mut bits = sighting.bits();
        // Until it is learned it is as new in the next hour as it was in the first.
        let is_unlearned = is_new || sighting.host_windows.0 == 0;
        if is_unlearned && self.novelty_rate && kind.is_open_ended() {
            bits = bits.min(-self.novelty(host, kind).log2());
        }
        Judgement { bits, sighting, is_new }
    }

    /// Judges a match of a rule on a host, and tells whether it counts for the rate of its level:
    /// it is new to the host, and nothing else says how often the rule matches.
    #[expect(clippy::cast_precision_loss, reason = "windows are hours")]
    pub fn rule(
        &self,
        host: &Host,
        number: u64,
        level: RuleLevel,
        rates: &KnownRates,
    ) -> (Judgement, bool) {
        let floor = rates.of_level(level, self.fleet.windows() as f64);
        self.known(host, number, floor)
    }

    /// Judges an act of a family on a host, and tells whether it counts for the family's rate.
    #[expect(clippy::cast_precision_loss, reason = "windows are hours")]
    pub fn act(
        &self,
        host: &Host,
        number: u64,
        family: usize,
        rates: &KnownRates,
    ) -> (Judgement, bool) {
        let windows = self.fleet.windows() as f64;
        let floor = rates.of_family(family, self.prior.unheard_act(family), windows);
        let (judgement, is_rare) = self.known(host, number, floor);
        // Seldom is not unheard of: what one office did once, the next may do.
        (judgement, is_rare && self.prior.known_chance(number).is_none())
    }

    /// Judges what is as likely as the largest of what the host, the fleet and the prior say of it,
    /// and of `floor`; tells whether none of them says more than that.
    #[expect(clippy::cast_precision_loss, reason = "windows are hours")]
    fn known(&self, host: &Host, number: u64, floor: f64) -> (Judgement, bool) {
        let windows = self.fleet.windows() as f64;
        let is_new = !host.has_shown(number);
        let known = self.prior.known_chance(number);
        let elsewhere = known.map_or(0.0, |chance| KnownRates::elsewhere(chance, windows));
        let mut sighting = self.fleet.sighting(&host.sketch, number, known.unwrap_or(0.0));
        let own = sighting.chance.max(elsewhere);
        sighting.chance = own.max(floor);
        let judgement = Judgement { bits: sighting.bits(), sighting, is_new };
        (judgement, is_new && own <= floor)
    }

    /// The chance that a window of this host holds something new of a kind.
    #[expect(clippy::cast_precision_loss, reason = "windows are hours")]
    fn novelty(&self, host: &Host, kind: TokenKind) -> f64 {
        let at = kind as usize;
        let fleet_novel = f64::from(self.novel.get(at).copied().unwrap_or(0));
        let fleet = (fleet_novel + NOVELTY_WEIGHT * self.prior.novelty(kind))
            / (self.fleet.windows() as f64 + NOVELTY_WEIGHT);
        let own = f64::from(host.novel.get(at).copied().unwrap_or(0));
        let windows = f64::from(host.sketch.windows());
        ((own + NOVELTY_WEIGHT * fleet) / (windows + NOVELTY_WEIGHT)).clamp(1e-9, 1.0)
    }
}

/// Counts for people: what this host did, what the others do, what was to be expected.
pub fn counts(judgement: &Judgement) -> String {
    let Judgement { sighting, is_new, .. } = judgement;
    let (with, hours) = sighting.host_windows;
    let (hosts_with, hosts) = sighting.fleet_hosts;
    let peers = hosts.saturating_sub(1);
    let peers_with = hosts_with.saturating_sub(u32::from(with > 0)).min(peers);
    let own = match (is_new, with) {
        (true, _) if hours == 0 => "this host is new here".to_owned(),
        (true, _) => format!("this host has never done this in {hours} hours"),
        (false, 0) => {
            format!("this host did this only lately, and in none of {hours} hours before")
        }
        (false, with) => format!("this host did this in {with} of {hours} hours"),
    };
    format!("{own}; {peers_with} of {peers} others do; expected {}", expected(sighting.chance))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count for people")]
fn expected(chance: f64) -> String {
    format!("once in {} hours", (1.0 / chance.clamp(1e-9, 1.0)).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_told_in_words() {
        let sighting = Sighting { host_windows: (0, 80), fleet_hosts: (0, 42), chance: 0.001 };
        let judgement = Judgement { bits: 9.9, sighting, is_new: true };
        assert_eq!(
            counts(&judgement),
            "this host has never done this in 80 hours; 0 of 41 others do; \
             expected once in 1000 hours"
        );
        let sighting = Sighting { host_windows: (2, 80), fleet_hosts: (1, 42), chance: 0.025 };
        let told = counts(&Judgement { sighting, is_new: false, ..judgement });
        assert_eq!(
            told,
            "this host did this in 2 of 80 hours; 0 of 41 others do; expected once in 40 hours"
        );
    }
}
