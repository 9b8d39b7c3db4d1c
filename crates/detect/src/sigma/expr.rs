//! The condition of a rule: as a tree while a pack is made, as a row of numbers afterwards.

use super::atom::{Atom, Look, Tables, Test};
use super::facts::{Fact, Facts};

/// A condition as a tree. Atoms are numbered in the pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expr {
    Atom(u32),
    All(Vec<Expr>),
    Any(Vec<Expr>),
    /// At least so many of them.
    Count(u32, Vec<Expr>),
    Not(Box<Expr>),
}

/// All conditions of a pack, one behind the other. Each node is one word: its kind in the upper
/// three bits, then whether it is slow, below that the number of an atom, or where the node ends.
#[derive(Debug, Default)]
pub(super) struct Programs {
    words: Vec<u32>,
}

const KIND_SHIFT: u32 = 29;
/// It has a regular expression in it: asked last, as most of the time nothing is left to ask.
const SLOW: u32 = 1 << 28;
const PAYLOAD: u32 = SLOW - 1;
const ATOM: u32 = 0;
const ALL: u32 = 1;
const ANY: u32 = 2;
const NOT: u32 = 3;
const COUNT: u32 = 4;

/// What an evaluation needs.
pub(super) struct Scene<'a, 'e> {
    pub atoms: &'a [Atom],
    pub tables: &'a Tables,
    pub facts: &'a Facts<'e>,
}

impl Programs {
    /// Takes a condition over these atoms in and gives its place.
    pub(super) fn add(&mut self, expr: &Expr, atoms: &[Atom]) -> u32 {
        let start = u32::try_from(self.words.len()).unwrap_or(PAYLOAD);
        self.write(expr, atoms);
        start
    }

    /// Writes a node and says whether it is slow.
    fn write(&mut self, expr: &Expr, atoms: &[Atom]) -> bool {
        let place = self.words.len();
        self.words.push(0);
        let (kind, slow) = match expr {
            Expr::Atom(atom) => {
                let slow = atoms
                    .get(*atom as usize)
                    .is_some_and(|atom| matches!(atom.test, Test::Regex(_)));
                self.set(place, ATOM, slow, *atom);
                return slow;
            }
            Expr::All(parts) => (ALL, self.write_all(parts, atoms)),
            Expr::Any(parts) => (ANY, self.write_all(parts, atoms)),
            Expr::Count(least, parts) => {
                self.words.push(*least);
                (COUNT, self.write_all(parts, atoms))
            }
            Expr::Not(part) => (NOT, self.write(part, atoms)),
        };
        let end = u32::try_from(self.words.len()).unwrap_or(PAYLOAD);
        self.set(place, kind, slow, end);
        slow
    }

    fn write_all(&mut self, parts: &[Expr], atoms: &[Atom]) -> bool {
        let mut slow = false;
        for part in parts {
            slow |= self.write(part, atoms);
        }
        slow
    }

    fn set(&mut self, place: usize, kind: u32, slow: bool, payload: u32) {
        if let Some(word) = self.words.get_mut(place) {
            let slow = if slow { SLOW } else { 0 };
            *word = (kind << KIND_SHIFT) | slow | (payload & PAYLOAD);
        }
    }

    fn is_slow(&self, at: u32) -> bool {
        self.words.get(at as usize).is_some_and(|word| word & SLOW != 0)
    }

    pub(super) fn finish(mut self) -> Self {
        self.words.shrink_to_fit();
        self
    }

    fn node(&self, at: u32) -> (u32, u32) {
        let word = self.words.get(at as usize).copied().unwrap_or_default();
        (word >> KIND_SHIFT, word & PAYLOAD)
    }

    /// Where the node after the one at `at` is.
    fn after(&self, at: u32) -> u32 {
        match self.node(at) {
            (ATOM, _) => at + 1,
            (_, end) => end,
        }
    }

    /// Whether the condition at `at` holds. What is under a `not` is only looked for strictly: a
    /// filter should not grow wider because a rule looks harder.
    pub(super) fn holds(&self, at: u32, scene: &Scene<'_, '_>, look: Look) -> bool {
        let (kind, payload) = self.node(at);
        let mut parts = self.parts(at, kind, payload);
        match kind {
            ATOM => scene
                .atoms
                .get(payload as usize)
                .is_some_and(|atom| atom.holds(scene.facts, scene.tables, look)),
            ALL => self.fast_first(at, payload).all(|part| self.holds(part, scene, look)),
            ANY if self.is_slow(at) => {
                self.fast_first(at, payload).any(|part| self.holds(part, scene, look))
            }
            ANY => parts.any(|part| self.holds(part, scene, look)),
            NOT => !self.holds(at + 1, scene, Look::Strict),
            _ => {
                let least = self.words.get(at as usize + 1).copied().unwrap_or_default() as usize;
                parts.filter(|part| self.holds(*part, scene, look)).take(least).count() >= least
            }
        }
    }

    /// The places of the parts of a node: single comparisons, then what is made of several, then
    /// what is slow. What is told as evidence keeps the order of the rule.
    fn fast_first(&self, at: u32, end: u32) -> impl Iterator<Item = u32> {
        let rank = |part: u32| match self.node(part) {
            _ if self.is_slow(part) => 2,
            (ATOM, _) => 0,
            _ => 1,
        };
        let last = if self.is_slow(at) { 2 } else { 1 };
        (0..=last).flat_map(move |wanted| {
            self.parts(at, ALL, end).filter(move |part| rank(*part) == wanted)
        })
    }

    /// The places of the parts of a node.
    fn parts(&self, at: u32, kind: u32, end: u32) -> impl Iterator<Item = u32> {
        let (mut next, end) = match kind {
            ATOM => (0, 0),
            COUNT => (at + 2, end),
            _ => (at + 1, end),
        };
        std::iter::from_fn(move || {
            let part = next;
            (part < end).then(|| {
                next = self.after(part);
                part
            })
        })
    }

    /// Hands over what made the condition hold: atoms outside of any `not` with their values.
    pub(super) fn evidence<'a, 'e>(
        &self,
        at: u32,
        scene: &Scene<'a, 'e>,
        sink: &mut dyn FnMut(&'a Atom, &'a Fact<'e>),
    ) {
        let (kind, payload) = self.node(at);
        match kind {
            ATOM => {
                let atom = scene.atoms.get(payload as usize);
                let passing = atom.and_then(|atom| atom.passing(scene.facts, scene.tables));
                if let (Some(atom), Some(fact)) = (atom, passing) {
                    sink(atom, fact);
                }
            }
            NOT => {}
            ALL => self.parts(at, kind, payload).for_each(|part| self.evidence(part, scene, sink)),
            _ => self
                .parts(at, kind, payload)
                .filter(|part| self.holds(*part, scene, Look::Loose))
                .for_each(|part| self.evidence(part, scene, sink)),
        }
    }
}
