//! How unlike the others a record of many fields is: flows, requests, sessions in a table.
//!
//! Each number is told by the fifth of the normal values it falls into, or as below or above them
//! all; each word by itself. The score is the sum of the surprises of the fields. It is the
//! histogram detector of M. Goldstein and A. Dengel (HBOS, 2012) with few and equally filled bins:
//! many narrow ones learn noise. No field hides another, and a record with one more foreign field
//! never scores lower.

use std::collections::BTreeMap;

/// Equally filled bins of a number.
const BINS: usize = 5;
/// Fields of a record.
pub const FIELDS_MAX: usize = 512;
/// Distinct words of a field that are told apart.
const WORDS_MAX: usize = 4_096;

/// One field of a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Field {
    /// A number.
    Number(f64),
    /// One of few words.
    Word(String),
}

/// What is known of one field.
#[derive(Clone, Debug)]
enum Known {
    Number { edges: Vec<f64>, bits: Vec<f64> },
    Word { bits: BTreeMap<String, f64>, unseen: f64 },
}

/// What normal records look like, field by field.
#[derive(Clone, Debug, Default)]
pub struct Points {
    fields: Vec<Known>,
}

impl Points {
    /// Learns from records that nobody labelled. A field is what it is in the first record.
    pub fn train(records: &[Vec<Field>]) -> Self {
        let width = records.first().map_or(0, |record| record.len().min(FIELDS_MAX));
        let field = |at: usize| {
            let column = || records.iter().filter_map(move |record| record.get(at));
            match records.first().and_then(|record| record.get(at)) {
                Some(Field::Word(_)) => Known::words(column()),
                _ => Known::numbers(column()),
            }
        };
        Self { fields: (0..width).map(field).collect() }
    }

    /// The surprise of a record, in bits.
    pub fn score(&self, record: &[Field]) -> f64 {
        self.fields.iter().zip(record).map(|(known, field)| known.bits(field)).sum()
    }
}

impl Known {
    fn numbers<'a>(column: impl Iterator<Item = &'a Field>) -> Self {
        let number = |field: &Field| match field {
            Field::Number(x) if x.is_finite() => Some(*x),
            _ => None,
        };
        let mut values: Vec<f64> = column.filter_map(number).collect();
        values.sort_by(f64::total_cmp);
        let last = values.len().saturating_sub(1);
        let quantile = |n: usize| values.get(last * n / BINS).copied();
        let mut edges: Vec<f64> = (0..=BINS).filter_map(quantile).collect();
        edges.dedup();
        let mut counts = vec![0_u32; edges.len() + 2];
        for value in &values {
            if let Some(count) = counts.get_mut(bin(&edges, *value)) {
                *count += 1;
            }
        }
        let bits =
            counts.iter().map(|count| surprise(*count, values.len(), counts.len())).collect();
        Self::Number { edges, bits }
    }

    fn words<'a>(column: impl Iterator<Item = &'a Field>) -> Self {
        let (mut counts, mut all) = (BTreeMap::new(), 0);
        for field in column {
            all += 1;
            if let Field::Word(word) = field
                && (counts.len() < WORDS_MAX || counts.contains_key(word))
            {
                *counts.entry(word.clone()).or_insert(0) += 1;
            }
        }
        let kinds = counts.len() + 1;
        let unseen = surprise(0, all, kinds);
        let bits = counts.into_iter().map(|(word, n)| (word, surprise(n, all, kinds))).collect();
        Self::Word { bits, unseen }
    }

    fn bits(&self, field: &Field) -> f64 {
        match (self, field) {
            (Self::Number { edges, bits }, Field::Number(x)) => {
                bits.get(bin(edges, *x)).copied().unwrap_or(0.0)
            }
            (Self::Word { bits, unseen }, Field::Word(word)) => {
                bits.get(word).copied().unwrap_or(*unseen)
            }
            (Self::Number { bits, .. }, Field::Word(_)) => bits.last().copied().unwrap_or(0.0),
            (Self::Word { unseen, .. }, Field::Number(_)) => *unseen,
        }
    }
}

/// 0 below all, then the bins (an edge belongs to the one below it), then above all.
fn bin(edges: &[f64], value: f64) -> usize {
    match (edges.first(), edges.last()) {
        (Some(first), _) if value < *first => 0,
        (_, Some(last)) if value > *last => edges.len() + 1,
        _ => edges.partition_point(|edge| *edge < value) + 1,
    }
}

/// The surprise of what was seen `count` times of `all`, with half a sighting for every kind.
#[expect(clippy::cast_precision_loss, reason = "training sets are bounded by memory")]
fn surprise(count: u32, all: usize, kinds: usize) -> f64 {
    -((f64::from(count) + 0.5) / (all as f64 + 0.5 * kinds as f64)).log2()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records() -> Vec<Vec<Field>> {
        (0..1_000_u32)
            .map(|at| {
                let word = if at % 10 == 0 { "udp" } else { "tcp" };
                vec![Field::Number(f64::from(at % 100)), Field::Word(word.into())]
            })
            .collect()
    }

    fn record(number: f64, word: &str) -> Vec<Field> {
        vec![Field::Number(number), Field::Word(word.into())]
    }

    #[test]
    fn what_lies_outside_and_what_was_never_said_is_surprising() {
        let points = Points::train(&records());
        let usual = points.score(&record(50.0, "tcp"));
        assert!(points.score(&record(50.0, "udp")) > usual);
        assert!(points.score(&record(500.0, "tcp")) > usual + 5.0);
        assert!(points.score(&record(-1.0, "icmp")) > points.score(&record(-1.0, "tcp")) + 5.0);
    }

    #[test]
    fn fields_of_another_sort_are_surprising_and_never_a_panic() {
        let points = Points::train(&records());
        let mixed = [Field::Word("x".into()), Field::Number(f64::NAN)];
        assert!(points.score(&mixed).is_finite());
        assert!(Points::train(&[]).score(&mixed).abs() < 1e-12);
    }
}
