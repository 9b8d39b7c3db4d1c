//! How far a session is from any that was normal: the nearest of the kept count vectors.
//!
//! A next-event model sees order and is blind to amounts; this sees amounts and is blind to order.
//! A vector holds the logarithm of how often each symbol came, so that a tenth repetition is less
//! than a first sight. Vectors are kept once, with their witnesses, and count as [`Admission`]
//! lets them.

use crate::hash::{HashedMap, mix};
use crate::limits::{PROTOTYPES_MAX, SESSION_SYMBOLS_MAX};
use crate::witness::{Admission, Source, Witness};

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

    fn hash(&self) -> u64 {
        self.counts.iter().fold(0, |hash, (symbol, x)| {
            mix(hash ^ (u64::from(*symbol) << 32) ^ u64::from(x.to_bits()))
        })
    }
}

/// The normal sessions of one baseline.
#[derive(Clone, Debug, Default)]
pub struct Prototypes {
    admission: Admission,
    role_hosts: u32,
    kept: Vec<(CountVector, Witness)>,
    places: HashedMap<u64, usize>,
}

impl Prototypes {
    /// None yet.
    pub fn new(admission: Admission, role_hosts: u32) -> Self {
        Self { admission, role_hosts, ..Self::default() }
    }

    /// Learns one session. Once [`PROTOTYPES_MAX`] are kept, new ones are not.
    pub fn learn(&mut self, session: &[u32], source: Source) {
        let vector = CountVector::of(session);
        let hash = vector.hash();
        let next = self.kept.len();
        let place = *self.places.entry(hash).or_insert(next);
        if place == next && next < PROTOTYPES_MAX {
            self.kept.push((vector, Witness::default()));
        }
        if let Some((_, witness)) = self.kept.get_mut(place) {
            witness.see(source);
        } else {
            self.places.remove(&hash);
        }
    }

    /// The distance to the nearest that counts; 2 where there is none.
    pub fn distance(&self, session: &[u32]) -> f64 {
        let vector = CountVector::of(session);
        let counts = |witness: &Witness| witness.is_admitted(self.admission, self.role_hosts);
        let known = self.kept.iter().filter(|(_, witness)| counts(witness));
        let nearest = known.map(|(known, _)| vector.distance(known)).fold(2.0, f32::min);
        f64::from(nearest)
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
        assert!(prototypes.distance(&[2, 3, 1, 2]) < 1e-3);
        let more = prototypes.distance(&[1, 2, 2, 2, 2, 2, 2, 2, 3]);
        let other = prototypes.distance(&[7, 8, 9]);
        assert!(0.1 < more && more < other, "{more} {other}");
    }

    #[test]
    fn a_session_of_one_host_is_no_prototype() {
        let mut prototypes = Prototypes::new(Admission::default(), 50);
        for day in 0..30 {
            prototypes.learn(&[6, 6], Source { host: 1, day });
        }
        assert!(prototypes.distance(&[6, 6]) > 1.9);
        for host in 2..6 {
            prototypes.learn(&[6, 6], Source { host, day: 1 });
        }
        assert!(prototypes.distance(&[6, 6]) < 1e-3);
        assert_eq!(prototypes.len(), 1);
    }

    #[test]
    fn an_empty_session_is_near_itself_only() {
        let vector = CountVector::of(&[]);
        assert!(vector.distance(&CountVector::of(&[])) < 1e-6);
        assert!(vector.distance(&CountVector::of(&[1])) > 0.9);
    }
}
