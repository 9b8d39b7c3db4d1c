//! Which event comes next: a variable-order back-off model.
//!
//! The chance of the next symbol is read from the longest context that was seen, mixed with the
//! next shorter one by Witten and Bell's rule (I. H. Witten, T. C. Bell, "The zero-frequency
//! problem", IEEE Trans. Inf. Theory 37(4), 1991; method C of PPM): a context in which many
//! different symbols followed says little about a new one, a context in which always the same
//! followed says much.
//!
//! A transition counts only once [`Admission`] lets it; until then it is kept in quarantine, with
//! its witnesses. Contexts are hashes, so that a model is two flat tables whatever the order.

mod score;

pub use score::SequenceScore;

use crate::hash::{HashedMap, mix};
use crate::limits::{ORDER_MAX, SESSION_SYMBOLS_MAX, TRANSITIONS_MAX};
use crate::wire::{put_count, take_count, take_u8, take_u32, take_u64};
use crate::witness::{Admission, Source, Witness};

/// How a model reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SequenceConfig {
    /// Symbols of context: 3 by default, 5 where sessions are long; at most [`ORDER_MAX`].
    pub order: usize,
    /// When a transition counts.
    pub admission: Admission,
    /// Hosts that are known in the role this model is of.
    pub role_hosts: u32,
    /// Symbols there are, seen or not: what an unseen one has to share its chance with.
    pub alphabet: u32,
}

impl Default for SequenceConfig {
    fn default() -> Self {
        Self { order: 3, admission: Admission::default(), role_hosts: 4, alphabet: 256 }
    }
}

/// What followed a context.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Totals {
    /// Admitted transitions, each as often as it was seen.
    count: u32,
    /// Distinct admitted transitions.
    distinct: u32,
}

/// One symbol after one context.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Transition {
    count: u32,
    witness: Witness,
    admitted: bool,
}

/// The model: what was seen to follow what, and where.
#[derive(Clone, Debug, Default)]
pub struct BackOff {
    config: SequenceConfig,
    contexts: HashedMap<u64, Totals>,
    transitions: HashedMap<u64, Transition>,
    refused: u64,
}

impl BackOff {
    /// An empty model.
    pub fn new(config: SequenceConfig) -> Self {
        let config = SequenceConfig { order: config.order.min(ORDER_MAX), ..config };
        Self { config, ..Self::default() }
    }

    /// Tells the model how many hosts its role has by now.
    pub fn set_role_hosts(&mut self, hosts: u32) {
        self.config.role_hosts = hosts;
    }

    /// Learns one session of the baseline `key` (a program, a role; see [`BackOff::score`]).
    pub fn learn(&mut self, key: u64, session: &[u32], source: Source) {
        self.each_transition(key, session, |model, context, transition| {
            model.count(context, transition, source);
        });
    }

    /// Vouches for every transition of a session: a person said that it is meant to be.
    pub fn vouch(&mut self, key: u64, session: &[u32]) {
        self.each_transition(key, session, |model, context, transition| {
            if let Some(known) = model.transitions.get_mut(&transition) {
                known.witness.vouch();
                admit(&mut model.contexts, model.config, context, known);
            }
        });
    }

    fn each_transition(
        &mut self,
        key: u64,
        session: &[u32],
        mut act: impl FnMut(&mut Self, u64, u64),
    ) {
        let mut window = Window::new(key);
        for symbol in session.iter().take(SESSION_SYMBOLS_MAX) {
            for context in window.contexts(self.config.order) {
                act(self, context, follow(context, *symbol));
            }
            window.push(*symbol);
        }
    }

    fn count(&mut self, context: u64, transition: u64, source: Source) {
        let full = self.transitions.len() >= TRANSITIONS_MAX;
        if full && !self.transitions.contains_key(&transition) {
            self.refused += 1;
            return;
        }
        let known = self.transitions.entry(transition).or_default();
        known.witness.see(source);
        known.count = known.count.saturating_add(1);
        if known.admitted {
            let totals = self.contexts.entry(context).or_default();
            totals.count = totals.count.saturating_add(1);
        } else {
            admit(&mut self.contexts, self.config, context, known);
        }
    }

    /// The surprise of each symbol of a session in bits, under the baselines `keys`, from the most
    /// general (the fleet) to the most particular (a program, in a role): what a particular
    /// baseline has not seen, it takes from the general one.
    pub fn surprises(&self, keys: &[u64], session: &[u32]) -> Vec<f32> {
        let mut windows: Vec<Window> = keys.iter().map(|key| Window::new(*key)).collect();
        let read = session.iter().take(SESSION_SYMBOLS_MAX);
        read.map(|symbol| self.surprise_and_step(&mut windows, *symbol)).collect()
    }

    fn surprise_and_step(&self, windows: &mut [Window], symbol: u32) -> f32 {
        let mut chance = 1.0 / f64::from(self.config.alphabet.max(2));
        for window in windows {
            chance = self.chance(window, symbol, chance);
            window.push(symbol);
        }
        bits(chance)
    }

    /// Witten and Bell, from the shortest context to the longest that was seen.
    fn chance(&self, window: &Window, symbol: u32, base: f64) -> f64 {
        let mut chance = base;
        for context in window.contexts(self.config.order) {
            let Some(totals) = self.contexts.get(&context) else { break };
            let (count, distinct) = (f64::from(totals.count), f64::from(totals.distinct));
            let known = self.transitions.get(&follow(context, symbol));
            let seen = known.filter(|known| known.admitted).map_or(0, |known| known.count);
            chance = (f64::from(seen) + distinct * chance) / (count + distinct);
        }
        chance
    }

    /// The scores of a session; see [`BackOff::surprises`].
    pub fn score(&self, keys: &[u64], session: &[u32]) -> SequenceScore {
        SequenceScore::of(&self.surprises(keys, session))
    }

    /// Transitions that count, and transitions in quarantine.
    pub fn admitted_and_quarantined(&self) -> (usize, usize) {
        let admitted = self.transitions.values().filter(|known| known.admitted).count();
        (admitted, self.transitions.len() - admitted)
    }

    /// Writes both tables.
    pub fn write(&self, out: &mut Vec<u8>) {
        put_count(out, self.contexts.len());
        for (context, totals) in &self.contexts {
            out.extend(context.to_le_bytes());
            out.extend(totals.count.to_le_bytes());
            out.extend(totals.distinct.to_le_bytes());
        }
        put_count(out, self.transitions.len());
        for (transition, known) in &self.transitions {
            out.extend(transition.to_le_bytes());
            out.extend(known.count.to_le_bytes());
            out.push(u8::from(known.admitted));
            known.witness.write(out);
        }
    }

    /// Reads what [`BackOff::write`] wrote; `None` where it is cut short or too large.
    pub fn read_into(&mut self, input: &mut &[u8]) -> Option<()> {
        for _ in 0..take_count(input, 16, TRANSITIONS_MAX)? {
            let context = take_u64(input)?;
            let (count, distinct) = (take_u32(input)?, take_u32(input)?);
            self.contexts.insert(context, Totals { count, distinct });
        }
        for _ in 0..take_count(input, 13 + Witness::BYTES, TRANSITIONS_MAX)? {
            let transition = take_u64(input)?;
            let (count, admitted) = (take_u32(input)?, take_u8(input)? != 0);
            let witness = Witness::read(input)?;
            self.transitions.insert(transition, Transition { count, witness, admitted });
        }
        Some(())
    }

    /// Transitions that were not kept because the model is full.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Bytes of memory, roughly: the entries of both tables.
    pub fn bytes(&self) -> usize {
        self.transitions.capacity() * (size_of::<(u64, Transition)>() + 1)
            + self.contexts.capacity() * (size_of::<(u64, Totals)>() + 1)
    }
}

/// Lets a transition count from now on, with all its sightings, if it may.
fn admit(
    contexts: &mut HashedMap<u64, Totals>,
    config: SequenceConfig,
    context: u64,
    known: &mut Transition,
) {
    if !known.admitted && known.witness.is_admitted(config.admission, config.role_hosts) {
        known.admitted = true;
        let totals = contexts.entry(context).or_default();
        totals.count = totals.count.saturating_add(known.count);
        totals.distinct = totals.distinct.saturating_add(1);
    }
}

fn follow(context: u64, symbol: u32) -> u64 {
    mix(context.rotate_left(17) ^ (u64::from(symbol) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// The surprise of a chance, in bits.
#[expect(clippy::cast_possible_truncation, reason = "a few decimals of a few bits are enough")]
fn bits(chance: f64) -> f32 {
    -chance.log2() as f32
}

/// The last symbols of a session, newest first, under one key.
struct Window {
    key: u64,
    recent: [u32; ORDER_MAX],
    len: usize,
}

impl Window {
    /// What stands before the first symbol.
    const START: u32 = u32::MAX;

    fn new(key: u64) -> Self {
        Self { key, recent: [Self::START; ORDER_MAX], len: 0 }
    }

    fn push(&mut self, symbol: u32) {
        self.recent.rotate_right(1);
        if let Some(newest) = self.recent.first_mut() {
            *newest = symbol;
        }
        self.len = (self.len + 1).min(ORDER_MAX);
    }

    /// The contexts of length 0 to `order`. One start mark may stand in them, as the symbol before
    /// the first.
    fn contexts(&self, order: usize) -> impl Iterator<Item = u64> + use<> {
        let (mut context, recent, longest) = (mix(self.key), self.recent, order.min(self.len + 1));
        (0..=longest).map(move |length| {
            if let Some(symbol) = length.checked_sub(1).and_then(|at| recent.get(at)) {
                context = follow(context, *symbol);
            }
            context
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: u64 = 7;

    fn open() -> SequenceConfig {
        SequenceConfig { admission: Admission::OPEN, ..SequenceConfig::default() }
    }

    fn source(host: u32, day: u16) -> Source {
        Source { host, day }
    }

    #[test]
    fn what_was_seen_is_less_surprising_than_what_was_not() {
        let mut model = BackOff::new(open());
        for _ in 0..20 {
            model.learn(KEY, &[1, 2, 3, 4], source(1, 0));
        }
        let familiar = model.score(&[KEY], &[1, 2, 3, 4]);
        let swapped = model.score(&[KEY], &[1, 3, 2, 4]);
        let foreign = model.score(&[KEY], &[1, 2, 9, 4]);
        assert!(familiar.mean < 0.5, "{familiar:?}");
        assert!(swapped.mean > familiar.mean + 1.0, "{swapped:?}");
        assert!(foreign.top > swapped.top, "a symbol that never was is the most surprising");
    }

    #[test]
    fn chances_add_up_to_one() {
        let mut model = BackOff::new(SequenceConfig { alphabet: 8, ..open() });
        for session in [[0, 1, 2, 3], [0, 1, 3, 3], [5, 1, 2, 0]] {
            model.learn(KEY, &session, source(1, 0));
        }
        for before in [[0, 1].as_slice(), &[5], &[7, 7], &[]] {
            let chance = |symbol: u32| {
                let mut session = before.to_vec();
                session.push(symbol);
                let bits = *model.surprises(&[KEY], &session).last().unwrap();
                f64::from(-bits).exp2()
            };
            let sum: f64 = (0..8).map(chance).sum();
            assert!((sum - 1.0).abs() < 1e-5, "{sum} after {before:?}");
        }
    }

    #[test]
    fn what_two_of_fifty_hosts_do_again_and_again_stays_surprising() {
        let config = SequenceConfig { role_hosts: 50, ..SequenceConfig::default() };
        let mut model = BackOff::new(config);
        for host in 0..50 {
            model.learn(KEY, &[1, 2, 3], source(host, u16::try_from(host % 5).unwrap()));
        }
        for round in 0..500 {
            model.learn(KEY, &[6, 6, 6], source(round % 2, u16::try_from(round % 9).unwrap()));
        }
        assert!(model.score(&[KEY], &[1, 2, 3]).mean < 0.5);
        assert!(model.score(&[KEY], &[6, 6, 6]).mean > 5.0);
        let (admitted, quarantined) = model.admitted_and_quarantined();
        assert!(admitted > 0 && quarantined > 0);
    }

    #[test]
    fn what_a_person_vouches_for_becomes_normal_on_a_host_that_is_alone() {
        let config = SequenceConfig { role_hosts: 1, ..SequenceConfig::default() };
        let mut model = BackOff::new(config);
        for day in 0..4 {
            model.learn(KEY, &[1, 2, 3], source(1, day));
        }
        let before = model.score(&[KEY], &[1, 2, 3]).mean;
        model.vouch(KEY, &[1, 2, 3]);
        let after = model.score(&[KEY], &[1, 2, 3]).mean;
        assert!(before > 5.0 && after < 2.0, "{before} {after}");
    }

    #[test]
    fn a_particular_baseline_takes_from_the_general_what_it_lacks() {
        let mut model = BackOff::new(open());
        let (fleet, program) = (1, 2);
        for _ in 0..20 {
            model.learn(fleet, &[1, 2, 3], source(1, 0));
        }
        model.learn(program, &[4, 5], source(1, 0));
        let alone = model.score(&[program], &[1, 2, 3]).mean;
        let backed = model.score(&[fleet, program], &[1, 2, 3]).mean;
        assert!(backed + 1.0 < alone, "{backed} {alone}");
    }

    #[test]
    fn nothing_scores_nothing() {
        assert_eq!(BackOff::new(open()).score(&[KEY], &[]), SequenceScore::default());
    }
}
