//! How far a session is from any that was normal: the nearest of the kept count vectors.
//!
//! A next-event model sees order and is blind to amounts; this sees amounts and is blind to order.
//! A vector holds the logarithm of how often each symbol came, so that a tenth repetition is less
//! than a first sight; a second view asks only **which** symbols came, and weighs rare ones more.
//!
//! Sessions are seldom equal, so the rule of [`Admission`] is kept in the neighbourhood: the
//! distance is that within which sessions of enough distinct hosts lie, on enough distinct days.
//! What a single host repeats has no neighbours but its own.

use crate::hash::{HashedMap, mix};
use crate::limits::{PROTOTYPES_MAX, SESSION_SYMBOLS_MAX, WITNESS_HOSTS_MAX};
use crate::witness::{Admission, Source};

/// How often each symbol came in a session, sorted by symbol.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CountVector {
    counts: Vec<(u32, f32)>,
    norm: f32,
}

impl CountVector {
    /// The vector of a session.
    pub fn of(session: &[u32]) -> Self {
        let mut symbols: Vec<u32> = session.iter().take(SESSION_SYMBOLS_MAX).copied().collect();
        symbols.sort_unstable();
        let runs = symbols.chunk_by(|a, b| a == b);
        Self::from_counts(runs.filter_map(|run| Some((*run.first()?, run.len()))))
    }

    #[expect(clippy::cast_precision_loss, reason = "sessions are bounded")]
    fn from_counts(counts: impl Iterator<Item = (u32, usize)>) -> Self {
        let counts: Vec<_> = counts.map(|(symbol, n)| (symbol, (n as f32).ln_1p())).collect();
        let norm = counts.iter().map(|(_, x)| x * x).sum::<f32>().sqrt();
        Self { counts, norm }
    }

    /// How far two vectors are apart: the Euclidean distance by the longer of the two lengths; 0
    /// means the same, 1 and more means that nothing is shared.
    pub fn distance(&self, other: &Self) -> f32 {
        let longer = self.norm.max(other.norm);
        if longer <= 0.0 {
            return 0.0;
        }
        let square = self.norm * self.norm + other.norm * other.norm - 2.0 * self.dot(other);
        square.max(0.0).sqrt() / longer
    }

    fn dot(&self, other: &Self) -> f32 {
        let (mut left, mut right) = (self.counts.iter().peekable(), other.counts.iter().peekable());
        let mut sum = 0.0;
        while let (Some((a, x)), Some((b, y))) = (left.peek(), right.peek()) {
            match a.cmp(b) {
                std::cmp::Ordering::Less => drop(left.next()),
                std::cmp::Ordering::Greater => drop(right.next()),
                std::cmp::Ordering::Equal => {
                    sum += x * y;
                    left.next();
                    right.next();
                }
            }
        }
        sum
    }

    /// The sum over the symbols that both hold; `weight` is asked for this vector's place.
    fn shared(&self, other: &Self, weight: &[f32]) -> f32 {
        let mut left = self.counts.iter().zip(weight).peekable();
        let mut right = other.counts.iter().peekable();
        let mut sum = 0.0;
        while let (Some(((a, _), weight)), Some((b, _))) = (left.peek(), right.peek()) {
            match a.cmp(b) {
                std::cmp::Ordering::Less => drop(left.next()),
                std::cmp::Ordering::Greater => drop(right.next()),
                std::cmp::Ordering::Equal => {
                    sum += **weight;
                    left.next();
                    right.next();
                }
            }
        }
        sum
    }

    fn hash(&self) -> u64 {
        self.counts.iter().fold(0, |hash, (symbol, x)| {
            mix(hash ^ (u64::from(*symbol) << 32) ^ u64::from(x.to_bits()))
        })
    }
}

/// A kept session and where it was seen.
#[derive(Clone, Debug)]
struct Kept {
    vector: CountVector,
    sources: Vec<Source>,
}

/// The normal sessions of one baseline.
#[derive(Clone, Debug, Default)]
pub struct Prototypes {
    admission: Admission,
    role_hosts: u32,
    kept: Vec<Kept>,
    places: HashedMap<u64, usize>,
    /// Kept sessions that hold each symbol.
    holding: HashedMap<u32, u32>,
    /// The squared length of each kept session's set; see [`Prototypes::settle`].
    squares: Vec<f32>,
}

/// Two views of how far a session is from the normal ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distance {
    /// By how often each symbol came.
    pub amounts: f64,
    /// By which symbols came at all.
    pub kinds: f64,
}

impl Prototypes {
    /// The distance where nothing is known.
    pub const FAR: f32 = 2.0;

    /// None yet.
    pub fn new(admission: Admission, role_hosts: u32) -> Self {
        Self { admission, role_hosts, ..Self::default() }
    }

    /// Learns one session. Once [`PROTOTYPES_MAX`] are kept, new ones are not.
    pub fn learn(&mut self, session: &[u32], source: Source) {
        let vector = CountVector::of(session);
        let hash = vector.hash();
        if !self.places.contains_key(&hash) {
            if self.kept.len() >= PROTOTYPES_MAX {
                return;
            }
            self.places.insert(hash, self.kept.len());
            for (symbol, _) in &vector.counts {
                *self.holding.entry(*symbol).or_default() += 1;
            }
            self.kept.push(Kept { vector, sources: Vec::new() });
        }
        let kept = self.places.get(&hash).and_then(|place| self.kept.get_mut(*place));
        if let Some(kept) = kept
            && kept.sources.len() < WITNESS_HOSTS_MAX
            && !kept.sources.contains(&source)
        {
            kept.sources.push(source);
        }
    }

    /// Ends the learning: weighs every kept session by how rare its symbols are. Until then the
    /// view by kinds tells nothing.
    pub fn settle(&mut self) {
        let square = |kept: &Kept| self.weights(&kept.vector).iter().sum();
        self.squares = self.kept.iter().map(square).collect();
    }

    /// How far a session is from the normal ones.
    pub fn distance(&self, session: &[u32]) -> Distance {
        let vector = CountVector::of(session);
        let weights = self.weights(&vector);
        let square: f32 = weights.iter().sum();
        let by_kinds = |at: usize, kept: &CountVector| {
            let both = square * self.squares.get(at).copied().unwrap_or(0.0);
            if both > 0.0 { 1.0 - vector.shared(kept, &weights) / both.sqrt() } else { 0.0 }
        };
        let amounts = self.nearest(|_, kept| vector.distance(kept));
        let kinds = self.nearest(by_kinds);
        Distance { amounts: f64::from(amounts), kinds: f64::from(kinds.max(0.0)) }
    }

    /// The squared rarity of each symbol of a vector.
    fn weights(&self, vector: &CountVector) -> Vec<f32> {
        vector.counts.iter().map(|(symbol, _)| self.rarity(*symbol).powi(2)).collect()
    }

    /// How rare a symbol is among the kept sessions: 1 for what all hold.
    #[expect(clippy::cast_precision_loss, reason = "at most 4,096 sessions")]
    fn rarity(&self, symbol: u32) -> f32 {
        let holding = self.holding.get(&symbol).copied().unwrap_or(0) as f32;
        ((self.kept.len() as f32 + 1.0) / (holding + 1.0)).ln() + 1.0
    }

    /// The distance within which enough hosts and days lie.
    fn nearest(&self, distance: impl Fn(usize, &CountVector) -> f32) -> f32 {
        let kept = self.kept.iter().enumerate();
        let mut near: Vec<(f32, usize)> =
            kept.map(|(at, kept)| (distance(at, &kept.vector), at)).collect();
        near.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let (mut hosts, mut days) = (Vec::new(), Vec::new());
        let hosts_needed = usize::from(self.admission.hosts_needed(self.role_hosts));
        let days_needed = usize::from(self.admission.days_min);
        for (distance, at) in near {
            for source in self.kept.get(at).into_iter().flat_map(|kept| &kept.sources) {
                if !hosts.contains(&source.host) {
                    hosts.push(source.host);
                }
                if !days.contains(&source.day) {
                    days.push(source.day);
                }
            }
            if hosts.len() >= hosts_needed && days.len() >= days_needed {
                return distance;
            }
        }
        Self::FAR
    }

    /// How many are kept, counting or not.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_amounts_in_another_order_are_the_same() {
        let mut prototypes = Prototypes::new(Admission::OPEN, 1);
        prototypes.learn(&[1, 2, 2, 3], Source { host: 1, day: 0 });
        prototypes.settle();
        assert!(prototypes.distance(&[2, 3, 1, 2]).amounts < 1e-3);
        let more = prototypes.distance(&[1, 2, 2, 2, 2, 2, 2, 2, 3]);
        let other = prototypes.distance(&[7, 8, 9]);
        assert!(0.1 < more.amounts && more.amounts < other.amounts, "{more:?} {other:?}");
        assert!(more.kinds < 1e-3 && other.kinds > 0.99, "{more:?} {other:?}");
    }

    #[test]
    fn a_session_of_one_host_has_no_neighbours() {
        let mut prototypes = Prototypes::new(Admission::default(), 50);
        for day in 0..30 {
            prototypes.learn(&[6, 6], Source { host: 1, day });
        }
        assert!(prototypes.distance(&[6, 6]).amounts > 1.9);
        for host in 2..6 {
            prototypes.learn(&[6, 6, 6], Source { host, day: 1 });
        }
        let near = prototypes.distance(&[6, 6]).amounts;
        assert!(0.0 < near && near < 0.5, "the neighbours are near, if not the same: {near}");
        assert_eq!(prototypes.len(), 2);
    }

    #[test]
    fn neighbours_of_one_day_do_not_count() {
        let mut prototypes = Prototypes::new(Admission::default(), 50);
        (0..25).for_each(|host| prototypes.learn(&[6, 6], Source { host, day: 3 }));
        assert!(prototypes.distance(&[6, 6]).amounts > 1.9, "a worm");
    }

    #[test]
    fn an_empty_session_is_near_itself_only() {
        let vector = CountVector::of(&[]);
        assert!(vector.distance(&CountVector::of(&[])) < 1e-6);
        assert!(vector.distance(&CountVector::of(&[1])) > 0.9);
    }
}
