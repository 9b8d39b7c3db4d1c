//! What is known of one host, and what it is doing now.

use std::collections::VecDeque;

use learn::sketch::{Beacon, HostSketch, RateBook, Rhythm};
use learn::wire::{put_text, take_text, take_u16};

use crate::known::Unheard;
use crate::limits::{LEARNED_PER_WINDOW_MAX, QUARANTINE_HOURS_MAX, RHYTHMS_PER_HOST_MAX};
use crate::tokens::TokenKind;
use crate::window::{Episode, Window};

/// One host: at most 32 KiB.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// Its name.
    pub name: String,
    /// Its role, if anybody said one; empty otherwise.
    pub role: String,
    /// What it has shown.
    pub sketch: HostSketch,
    /// How much of it in an hour.
    pub rates: RateBook,
    /// In how many windows something of each kind was new to it.
    pub novel: [u16; TokenKind::COUNT],
    /// The hour that is on.
    pub window: Window,
    /// The hours before it that belong together.
    pub episode: Option<Episode>,
    /// Hours that are not learned yet, oldest first.
    pub quarantine: VecDeque<Held>,
    rhythms: Vec<(u64, Rhythm)>,
}

/// One hour that waits to be learned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The hour.
    pub hour: i64,
    /// What it showed, sorted.
    pub tokens: Vec<u64>,
    /// Kinds of which something was new.
    pub novel: [bool; TokenKind::COUNT],
    /// Levels of rules and families of acts that were new.
    pub unheard: Unheard,
}

impl Host {
    /// A host that nobody knows yet.
    pub fn new(name: &str, hour: i64) -> Self {
        Self { name: name.to_owned(), window: Window::at(hour), ..Self::default() }
    }

    /// Whether it ever showed a token, learned or still in quarantine.
    pub fn has_shown(&self, token: u64) -> bool {
        self.sketch.windows_with(token) > 0
            || self.quarantine.iter().any(|held| held.tokens.binary_search(&token).is_ok())
    }

    /// Ends the window that is on and puts it into quarantine.
    pub fn turn(&mut self, hour: i64) {
        let window = std::mem::replace(&mut self.window, Window::at(hour));
        let mut tokens: Vec<u64> = window.seen.keys().copied().collect();
        tokens.sort_unstable();
        tokens.truncate(LEARNED_PER_WINDOW_MAX);
        tokens.shrink_to_fit();
        if self.quarantine.len() >= QUARANTINE_HOURS_MAX {
            self.quarantine.pop_front();
        }
        let Window { hour, novel, unheard, .. } = window;
        self.quarantine.push_back(Held { hour, tokens, novel, unheard });
    }

    /// Counts a call to a destination. Of too many destinations the one called longest ago goes.
    pub fn call(&mut self, destination: u64, time_ms: i64) {
        let known = self.rhythms.iter_mut().find(|(known, _)| *known == destination);
        if let Some((_, rhythm)) = known {
            rhythm.call(time_ms);
            return;
        }
        if self.rhythms.len() >= RHYTHMS_PER_HOST_MAX {
            let last = |at: &usize| self.rhythms.get(*at).and_then(|(_, rhythm)| rhythm.last_ms());
            let oldest = (0..self.rhythms.len()).min_by_key(last).unwrap_or(0);
            self.rhythms.swap_remove(oldest);
        }
        let mut rhythm = Rhythm::default();
        rhythm.call(time_ms);
        self.rhythms.push((destination, rhythm));
    }

    /// The steady beat of calls to a destination, if there is one.
    pub fn beacon(&self, destination: u64) -> Option<Beacon> {
        self.rhythms.iter().find(|(known, _)| *known == destination)?.1.beacon()
    }

    /// Writes what outlives a restart.
    pub fn write(&self, out: &mut Vec<u8>) {
        put_text(out, &self.name);
        put_text(out, &self.role);
        self.novel.iter().for_each(|count| out.extend(count.to_le_bytes()));
        self.sketch.write(out);
        self.rates.write(out);
    }

    /// Reads what [`Host::write`] wrote.
    pub fn read(input: &mut &[u8]) -> Option<Self> {
        let (name, role) = (take_text(input)?, take_text(input)?);
        let mut novel = [0; TokenKind::COUNT];
        for count in &mut novel {
            *count = take_u16(input)?;
        }
        let (sketch, rates) = (HostSketch::read(input)?, RateBook::read(input)?);
        Some(Self { name, role, sketch, rates, novel, ..Self::default() })
    }

    /// Bytes of memory of everything that is kept between events.
    pub fn bytes(&self) -> usize {
        let held: usize = self.quarantine.iter().map(|held| held.tokens.capacity() * 8 + 48).sum();
        let rhythms: usize = self.rhythms.iter().map(|(_, rhythm)| rhythm.bytes() + 8).sum();
        size_of::<Self>()
            + self.name.len()
            + self.sketch.bytes()
            + self.rates.bytes()
            + held
            + rhythms
    }
}
