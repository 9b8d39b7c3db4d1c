//! First-seen sketches: in how many windows a token was there, for one host and for the fleet.
//!
//! A window is an hour in which a host was heard of. Counting windows and not events is what keeps
//! volume out of every score: 410,000 alerts of one scan in one hour are one sighting.
//!
//! A host's sketch is a flat table of 12 bytes an entry and at most
//! [`HOST_TOKENS_MAX`] entries: the newest
//! and most frequent tokens, the rest is forgotten and counted as forgotten.

use crate::hash::HashedMap;
use crate::limits::{FLEET_TOKENS_MAX, HOST_TOKENS_MAX};
use crate::wire::{put_count, take_count, take_u16, take_u32, take_u64};
use crate::witness::{Admission, Source, Witness};

/// After so many windows counts are halved, so that a baseline follows its host: four weeks.
const WINDOWS_MAX: u32 = 24 * 28;
/// How many windows the fleet's opinion weighs against a host's own.
const FLEET_WEIGHT: f64 = 5.0;
/// How many windows the prior's opinion weighs against the fleet's.
const PRIOR_WEIGHT: f64 = 10.0;

/// What a host remembers of one token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Entry {
    windows: u16,
    first_day: u16,
    last_day: u16,
}

/// What one host has shown.
#[derive(Clone, Debug, Default)]
pub struct HostSketch {
    windows: u32,
    tokens: HashedMap<u32, Entry>,
    forgotten: u32,
}

/// Where a token stands, in counts that can be told to people.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sighting {
    /// Windows in which this host showed it, of those it was heard of in.
    pub host_windows: (u32, u32),
    /// Hosts of the fleet that have shown it, of all.
    pub fleet_hosts: (u32, u32),
    /// The chance that a window of this host holds it.
    pub chance: f64,
}

impl Sighting {
    /// The surprise, in bits.
    pub fn bits(&self) -> f64 {
        -self.chance.clamp(1e-12, 1.0).log2()
    }
}

impl HostSketch {
    /// Learns one window; tells for each token whether the host shows it for the first time.
    pub fn learn(&mut self, day: u16, tokens: &[u64], mut is_first: impl FnMut(u64)) {
        self.windows += 1;
        for token in tokens {
            if self.tokens.len() >= HOST_TOKENS_MAX && !self.tokens.contains_key(&narrow(*token)) {
                self.forget_some();
            }
            let fresh = Entry { windows: 0, first_day: day, last_day: day };
            let entry = self.tokens.entry(narrow(*token)).or_insert(fresh);
            if entry.windows == 0 {
                is_first(*token);
            }
            entry.windows = entry.windows.saturating_add(1);
            entry.last_day = day;
        }
        if self.windows >= 2 * WINDOWS_MAX {
            self.halve();
        }
    }

    fn halve(&mut self) {
        self.windows /= 2;
        for entry in self.tokens.values_mut() {
            entry.windows = entry.windows.div_ceil(2);
        }
    }

    /// Makes room: the quarter that was seen longest ago, and of those the rarest, goes.
    fn forget_some(&mut self) {
        let mut by_age: Vec<(u16, u16)> =
            self.tokens.values().map(|entry| (entry.last_day, entry.windows)).collect();
        by_age.sort_unstable();
        let Some(limit) = by_age.get(by_age.len() / 4).copied() else { return };
        let before = self.tokens.len();
        let mut room = before / 4 + 1;
        self.tokens.retain(|_, entry| {
            let goes = room > 0 && (entry.last_day, entry.windows) <= limit;
            room -= usize::from(goes);
            !goes
        });
        let gone = u32::try_from(before - self.tokens.len()).unwrap_or(u32::MAX);
        self.forgotten = self.forgotten.saturating_add(gone);
    }

    /// Windows in which the host was heard of.
    pub fn windows(&self) -> u32 {
        self.windows
    }

    /// Distinct tokens it remembers.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether it remembers none.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The lower half of each token's number, and the windows that held it.
    pub fn entries(&self) -> impl Iterator<Item = (u32, u16)> + '_ {
        self.tokens.iter().map(|(token, entry)| (*token, entry.windows))
    }

    /// Windows that held the token.
    pub fn windows_with(&self, token: u64) -> u32 {
        self.tokens.get(&narrow(token)).map_or(0, |entry| u32::from(entry.windows))
    }

    /// Writes the sketch, smallest number first: 10 bytes a token and 12 more.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.windows.to_le_bytes());
        out.extend(self.forgotten.to_le_bytes());
        put_count(out, self.tokens.len());
        let mut tokens: Vec<_> = self.tokens.iter().collect();
        tokens.sort_unstable_by_key(|(token, _)| **token);
        for (token, entry) in tokens {
            out.extend(token.to_le_bytes());
            for part in [entry.windows, entry.first_day, entry.last_day] {
                out.extend(part.to_le_bytes());
            }
        }
    }

    /// Reads what [`HostSketch::write`] wrote; `None` where it is cut short or too large.
    pub fn read(input: &mut &[u8]) -> Option<Self> {
        let (windows, forgotten) = (take_u32(input)?, take_u32(input)?);
        let mut tokens = HashedMap::default();
        for _ in 0..take_count(input, 10, HOST_TOKENS_MAX)? {
            let token = take_u32(input)?;
            let (windows, first_day) = (take_u16(input)?, take_u16(input)?);
            tokens.insert(token, Entry { windows, first_day, last_day: take_u16(input)? });
        }
        Some(Self { windows, tokens, forgotten })
    }

    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.tokens.capacity() * 8 / 7 * (size_of::<(u32, Entry)>() + 1)
    }
}

/// A host keeps half of a token's number: among 896 tokens two meet once in millions of look-ups.
fn narrow(token: u64) -> u32 {
    let [a, b, c, d, ..] = token.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// What the fleet knows of one token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct FleetEntry {
    windows: u32,
    hosts: u32,
    witness: Witness,
}

/// What the hosts of a site have shown together.
#[derive(Clone, Debug, Default)]
pub struct FleetSketch {
    admission: Admission,
    windows: u64,
    hosts: u32,
    tokens: HashedMap<u64, FleetEntry>,
    refused: u64,
}

impl FleetSketch {
    /// An empty sketch.
    pub fn new(admission: Admission) -> Self {
        Self { admission, ..Self::default() }
    }

    /// Learns one window of one host, into the host's sketch and this one.
    pub fn learn(&mut self, host: &mut HostSketch, source: Source, tokens: &[u64]) {
        self.hosts += u32::from(host.windows == 0);
        self.windows += 1;
        for token in tokens {
            if self.tokens.len() >= FLEET_TOKENS_MAX && !self.tokens.contains_key(token) {
                self.refused += 1;
                continue;
            }
            let entry = self.tokens.entry(*token).or_default();
            entry.windows = entry.windows.saturating_add(1);
            entry.witness.see(source);
        }
        host.learn(source.day, tokens, |token| {
            if let Some(entry) = self.tokens.get_mut(&token) {
                entry.hosts = entry.hosts.saturating_add(1).min(self.hosts);
            }
        });
    }

    /// Vouches for a token: a person said that it is meant to be.
    pub fn vouch(&mut self, token: u64) {
        self.tokens.entry(token).or_default().witness.vouch();
    }

    /// Where a token stands for one host. `prior` is the chance that a window anywhere holds it,
    /// as the shipped prior knows it.
    ///
    /// A host's own windows are weighed against the fleet's, and the fleet's against the prior.
    /// The fleet's count only where [`Admission`] lets them: one host can make a thing normal for
    /// itself, slowly, and never for the others.
    #[expect(clippy::cast_precision_loss, reason = "windows are hours")]
    pub fn sighting(&self, host: &HostSketch, token: u64, prior: f64) -> Sighting {
        let entry = self.tokens.get(&token);
        let admitted = entry.filter(|e| e.witness.is_admitted(self.admission, self.hosts));
        let fleet_with = admitted.map_or(0, |entry| entry.windows);
        let fleet =
            (f64::from(fleet_with) + PRIOR_WEIGHT * prior) / (self.windows as f64 + PRIOR_WEIGHT);
        let with = host.windows_with(token);
        let chance =
            (f64::from(with) + FLEET_WEIGHT * fleet) / (f64::from(host.windows) + FLEET_WEIGHT);
        Sighting {
            host_windows: (with, host.windows),
            fleet_hosts: (entry.map_or(0, |entry| entry.hosts), self.hosts),
            chance,
        }
    }

    /// Hosts that were heard of.
    pub fn hosts(&self) -> u32 {
        self.hosts
    }

    /// Windows that were learned, over all hosts.
    pub fn windows(&self) -> u64 {
        self.windows
    }

    /// Tokens that are normal for the fleet, and tokens in quarantine.
    pub fn admitted_and_quarantined(&self) -> (usize, usize) {
        let is_in = |e: &&FleetEntry| e.witness.is_admitted(self.admission, self.hosts);
        let admitted = self.tokens.values().filter(is_in).count();
        (admitted, self.tokens.len() - admitted)
    }

    /// Windows that held each token, over all hosts: what a prior is made of.
    pub fn counts(&self) -> impl Iterator<Item = (u64, u32)> + '_ {
        self.tokens.iter().map(|(token, entry)| (*token, entry.windows))
    }

    /// Writes the sketch, smallest number first.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.windows.to_le_bytes());
        out.extend(self.hosts.to_le_bytes());
        put_count(out, self.tokens.len());
        let mut tokens: Vec<_> = self.tokens.iter().collect();
        tokens.sort_unstable_by_key(|(token, _)| **token);
        for (token, entry) in tokens {
            out.extend(token.to_le_bytes());
            out.extend(entry.windows.to_le_bytes());
            out.extend(entry.hosts.to_le_bytes());
            entry.witness.write(out);
        }
    }

    /// Reads what [`FleetSketch::write`] wrote; `None` where it is cut short or too large.
    pub fn read(admission: Admission, input: &mut &[u8]) -> Option<Self> {
        let (windows, hosts) = (take_u64(input)?, take_u32(input)?);
        let mut tokens = HashedMap::default();
        for _ in 0..take_count(input, 16 + Witness::BYTES, FLEET_TOKENS_MAX)? {
            let token = take_u64(input)?;
            let (windows, hosts) = (take_u32(input)?, take_u32(input)?);
            tokens.insert(token, FleetEntry { windows, hosts, witness: Witness::read(input)? });
        }
        Some(Self { admission, windows, hosts, tokens, refused: 0 })
    }

    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.tokens.capacity() * 8 / 7 * (size_of::<(u64, FleetEntry)>() + 1)
    }
}

#[cfg(test)]
#[path = "presence_tests.rs"]
mod tests;
