//! Hours: what one host showed in one, and how hours that follow each other make an episode.

use learn::hash::HashedMap;

use crate::case::{Evidence, keep_most_telling};
use crate::config::RuleLevel;
use crate::known::{Acts, Unheard};
use crate::limits::{
    EVIDENCE_PER_EPISODE_MAX, EVIDENCE_PER_WINDOW_MAX, SESSION_SYMBOLS_MAX, SESSIONS_PER_HOST_MAX,
};
use crate::limits::{RATES_PER_WINDOW_MAX, TOKENS_PER_WINDOW_MAX};
use crate::tokens::TokenKind;

/// Milliseconds of a window.
pub const WINDOW_MS: i64 = 3_600_000;
/// Bits below which a token is no evidence: what comes once in sixteen hours.
pub const EVIDENCE_BITS_MIN: f32 = 4.0;
/// Bits that a window needs to carry an episode on.
pub const LINK_BITS: f64 = 20.0;

/// The hour of a time, counted from the epoch.
pub fn hour_of(time_ms: i64) -> i64 {
    time_ms.div_euclid(WINDOW_MS)
}

/// What one host showed in one hour.
#[derive(Clone, Debug, Default)]
pub struct Window {
    /// The hour.
    pub hour: i64,
    /// Each token that was seen, with its surprise where it is evidence and 0 where not.
    pub seen: HashedMap<u64, f32>,
    /// Evidence that no episode has taken yet.
    pub found: Vec<Evidence>,
    /// Events by sort: their token and how many.
    pub counts: HashedMap<u64, u32>,
    /// Symbols in order, by program.
    pub sessions: HashedMap<u64, Session>,
    /// Kinds of which something was new to the host.
    pub novel: [bool; TokenKind::COUNT],
    /// Acts that rules know.
    pub known: Acts,
    /// Levels of rules and families of acts that were new.
    pub unheard: Unheard,
    /// Whether the surprise grew since an episode last took it.
    pub dirty: bool,
    /// Pieces of evidence: of what is new, and of acts and rules.
    evidence: [usize; 2],
}

/// The course of events of one program in one window.
#[derive(Clone, Debug, Default)]
pub struct Session {
    /// The program's name, for evidence.
    pub program: String,
    /// Its symbols.
    pub symbols: Vec<u32>,
}

impl Window {
    /// An empty window.
    pub fn at(hour: i64) -> Self {
        Self { hour, ..Self::default() }
    }

    /// Whether a token is still to be judged in this window.
    pub fn is_new(&self, token: u64) -> bool {
        self.seen.len() < TOKENS_PER_WINDOW_MAX && !self.seen.contains_key(&token)
    }

    /// Notes a token with its surprise; `tell` makes the evidence, if it is any.
    ///
    /// Acts and matches of rules have room of their own: on a day on which everything is new, the
    /// rest would leave none.
    pub fn note(
        &mut self,
        token: u64,
        kind: TokenKind,
        bits: f32,
        tell: impl FnOnce() -> Evidence,
    ) {
        if bits < EVIDENCE_BITS_MIN {
            self.seen.insert(token, 0.0);
            return;
        }
        self.seen.insert(token, bits);
        self.dirty = true;
        let is_known = matches!(kind, TokenKind::Act | TokenKind::Rule);
        if let Some(kept) = self.evidence.get_mut(usize::from(is_known))
            && *kept < EVIDENCE_PER_WINDOW_MAX
        {
            *kept += 1;
            self.found.push(tell());
        }
    }

    /// Notes that a rule matched, before its token is; `is_unheard` if neither the host nor what is
    /// known of ordinary work knows it.
    pub fn note_rule(&mut self, time_ms: i64, bits: f64, level: RuleLevel, is_unheard: bool) {
        self.note_known(time_ms, bits);
        if let Some(new) = self.unheard.levels.get_mut(level.place()) {
            *new |= is_unheard;
        }
    }

    /// The same of an act of a family. Acts that ordinary offices show come together there, as
    /// when a program is installed: all of them are one, told by the rarest.
    pub fn note_act(&mut self, time_ms: i64, bits: f64, family: usize, is_unheard: bool) {
        self.note_known(if is_unheard { time_ms } else { 0 }, bits);
        if let Some(new) = self.unheard.families.get_mut(family) {
            *new |= is_unheard;
        }
    }

    fn note_known(&mut self, time_ms: i64, bits: f64) {
        #[expect(clippy::cast_possible_truncation, reason = "bits need no more")]
        let bits = bits as f32;
        if bits >= EVIDENCE_BITS_MIN {
            self.known.note(time_ms, bits);
        }
    }

    /// Counts an event of a sort.
    pub fn count(&mut self, sort: u64) {
        if let Some(count) = self.counts.get_mut(&sort) {
            *count = count.saturating_add(1);
        } else if self.counts.len() < RATES_PER_WINDOW_MAX {
            self.counts.insert(sort, 1);
        }
    }

    /// Adds a symbol to a program's session.
    pub fn follow(&mut self, program: u64, name: &str, symbol: u32) {
        let full = self.sessions.len() >= SESSIONS_PER_HOST_MAX;
        if full && !self.sessions.contains_key(&program) {
            return;
        }
        let session = self.sessions.entry(program).or_default();
        if session.program.is_empty() {
            name.clone_into(&mut session.program);
        }
        if session.symbols.len() < SESSION_SYMBOLS_MAX {
            session.symbols.push(symbol);
        }
    }

    /// Whether something new in it may make a case before the hour ends: much surprise, or a match
    /// of a rule or an act, which needs no more than itself.
    pub fn is_worth_weighing(&self) -> bool {
        self.dirty && (self.bits() >= LINK_BITS || self.known.are_rare())
    }

    /// The surprise over distinct tokens, in bits.
    pub fn bits(&self) -> f64 {
        self.seen.values().map(|bits| f64::from(*bits)).sum()
    }
}

/// Hours of one host that follow each other, each with much that is new.
#[derive(Clone, Debug, Default)]
pub struct Episode {
    /// First and last hour.
    pub hours: (i64, i64),
    /// The largest surprise of each token.
    pub tokens: HashedMap<u64, f32>,
    /// Acts that rules know.
    pub known: Acts,
    /// Evidence that no case has taken yet.
    pub found: Vec<Evidence>,
    /// The case it belongs to.
    pub case: Option<String>,
    score: f64,
}

impl Episode {
    /// An episode that begins with a window's hour.
    pub fn at(hour: i64) -> Self {
        Self { hours: (hour, hour), ..Self::default() }
    }

    /// Whether a window carries it on.
    pub fn is_continued_by(&self, window: &Window) -> bool {
        let gap = window.hour - self.hours.1;
        gap == 0 || (gap == 1 && self.score >= LINK_BITS && window.bits() >= LINK_BITS)
    }

    /// Takes a window in. Taking it again changes nothing but what is new in it, and nothing that
    /// is taken in ever lowers the score.
    pub fn absorb(&mut self, window: &mut Window) {
        self.hours.1 = self.hours.1.max(window.hour);
        for (token, bits) in window.seen.iter().filter(|(_, bits)| **bits > 0.0) {
            let known = self.tokens.entry(*token).or_default();
            self.score += f64::from((*bits - *known).max(0.0));
            *known = known.max(*bits);
        }
        self.known.absorb(&window.known);
        self.found.append(&mut window.found);
        if self.found.len() > EVIDENCE_PER_EPISODE_MAX {
            // A host on which something is new hour after hour would hold ever more.
            keep_most_telling(&mut self.found, EVIDENCE_PER_EPISODE_MAX);
        }
        window.dirty = false;
    }

    /// The surprise over distinct tokens, in bits: never of volume.
    pub fn score(&self) -> f64 {
        self.score
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence() -> Evidence {
        Evidence {
            time_ms: 0,
            host: String::new(),
            source: String::new(),
            class_uid: 0,
            kind: TokenKind::Alert,
            text: String::new(),
            bits: 0.0,
            counts: String::new(),
            techniques: Vec::new(),
            entities: Vec::new(),
            raw: String::new(),
        }
    }

    fn window(hour: i64, tokens: &[(u64, f32)]) -> Window {
        let mut window = Window::at(hour);
        for (token, bits) in tokens {
            window.note(*token, TokenKind::Alert, *bits, evidence);
        }
        window
    }

    #[test]
    fn an_episode_that_goes_on_holds_the_most_telling_evidence_and_no_more() {
        let mut episode = Episode::at(0);
        for hour in 0..50_u16 {
            let tokens: Vec<(u64, f32)> =
                (0..20).map(|n| (u64::from(hour) * 20 + n, 10.0 + f32::from(hour))).collect();
            episode.absorb(&mut window(i64::from(hour), &tokens));
        }
        assert_eq!(episode.found.len(), EVIDENCE_PER_EPISODE_MAX);
        assert!(episode.score() > 20_000.0, "the score is that of all of it");
    }

    #[test]
    fn an_episode_adds_up_distinct_tokens_and_no_repetition() {
        let mut episode = Episode::at(7);
        let mut first = window(7, &[(1, 12.0), (2, 10.0), (3, 1.0)]);
        episode.absorb(&mut first);
        episode.absorb(&mut first);
        assert!((episode.score() - 22.0).abs() < 1e-6, "3 is no evidence");
        let mut next = window(8, &[(1, 14.0), (4, 8.0)]);
        assert!(episode.is_continued_by(&next));
        episode.absorb(&mut next);
        assert!((episode.score() - 32.0).abs() < 1e-6);
        assert_eq!((episode.hours, episode.found.len()), ((7, 8), 4));
    }

    #[test]
    fn a_quiet_hour_ends_an_episode() {
        let mut episode = Episode::at(7);
        episode.absorb(&mut window(7, &[(1, 30.0)]));
        assert!(!episode.is_continued_by(&window(8, &[(1, 5.0)])));
        assert!(!episode.is_continued_by(&window(9, &[(1, 30.0)])));
    }
}
