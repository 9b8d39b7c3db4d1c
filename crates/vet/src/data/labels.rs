//! Rows whose label is probably wrong, by confident learning (Northcutt et al., JAIR 2021).
//!
//! A naive Bayes model is trained on four fifths and asked about the last, five times. For each
//! class
//! the mean confidence on its own rows is the threshold: a row that passes the threshold of another
//! class, and not that of its own, is a suspect.

use std::collections::HashMap;

use super::triggers::{CLASSES_MAX, TEXTS_MAX};
use super::words::Vocabulary;

const FOLDS: usize = 5;

/// A row whose label is in doubt.
#[derive(Clone, Debug, PartialEq)]
pub struct Doubt {
    /// The row, from 0.
    pub row: usize,
    /// The class that it has.
    pub given: usize,
    /// The class that it looks like.
    pub looks_like: usize,
    /// The confidence in that class less that in its own, from 0 to 1.
    pub margin: f64,
}

/// The doubtful rows, most doubtful first. Rows are texts with a class below 256.
pub fn doubts<'a>(rows: impl Iterator<Item = (&'a str, usize)>) -> Vec<Doubt> {
    let mut vocabulary = Vocabulary::default();
    let mut sets: Vec<(Vec<u32>, usize)> = Vec::new();
    for (text, class) in rows.take(TEXTS_MAX).filter(|(_, class)| *class < CLASSES_MAX) {
        let mut set = vocabulary.read(text);
        set.sort_unstable();
        set.dedup();
        sets.push((set, class));
    }
    let classes = sets.iter().map(|(_, class)| class + 1).max().unwrap_or(0);
    if classes < 2 {
        return Vec::new();
    }
    let mut beliefs: Vec<Vec<f64>> = vec![Vec::new(); sets.len()];
    for fold in 0..FOLDS {
        let model = Bayes::train(&sets, classes, fold);
        for (row, (set, _)) in sets.iter().enumerate().filter(|(row, _)| row % FOLDS == fold) {
            if let Some(belief) = beliefs.get_mut(row) {
                *belief = model.belief(set);
            }
        }
    }
    let thresholds = thresholds(&sets, &beliefs, classes);
    let mut doubts: Vec<Doubt> = (sets.iter().zip(&beliefs).enumerate())
        .filter_map(|(row, ((_, given), belief))| doubt(row, *given, belief, &thresholds))
        .collect();
    doubts.sort_by(|a, b| b.margin.total_cmp(&a.margin).then(a.row.cmp(&b.row)));
    doubts
}

/// The mean confidence of each class on its own rows.
fn thresholds(sets: &[(Vec<u32>, usize)], beliefs: &[Vec<f64>], classes: usize) -> Vec<f64> {
    let mut sums = vec![(0.0, 0.0); classes];
    for ((_, class), belief) in sets.iter().zip(beliefs) {
        if let (Some((sum, count)), Some(own)) = (sums.get_mut(*class), belief.get(*class)) {
            *sum += own;
            *count += 1.0;
        }
    }
    sums.into_iter().map(|(sum, count)| if count > 0.0 { sum / count } else { 1.0 }).collect()
}

fn doubt(row: usize, given: usize, belief: &[f64], thresholds: &[f64]) -> Option<Doubt> {
    let own = belief.get(given)?;
    let passing = belief.iter().zip(thresholds).enumerate();
    let passing = passing.filter(|(_, (belief, threshold))| belief >= threshold);
    let best = passing.max_by(|a, b| a.1.0.total_cmp(b.1.0))?;
    let (looks_like, (confidence, _)) = best;
    (looks_like != given && own < thresholds.get(given)?).then(|| Doubt {
        row,
        given,
        looks_like,
        margin: confidence - own,
    })
}

struct Bayes {
    evidence: HashMap<u32, Vec<f64>>,
    prior: Vec<f64>,
}

impl Bayes {
    fn train(sets: &[(Vec<u32>, usize)], classes: usize, without: usize) -> Self {
        let mut sizes = vec![0.0; classes];
        let mut counts: HashMap<u32, Vec<f64>> = HashMap::new();
        let rows = sets.iter().enumerate().filter(|(row, _)| row % FOLDS != without);
        for (_, (set, class)) in rows {
            if let Some(size) = sizes.get_mut(*class) {
                *size += 1.0;
            }
            for word in set {
                let counts = counts.entry(*word).or_insert_with(|| vec![0.0; classes]);
                if let Some(count) = counts.get_mut(*class) {
                    *count += 1.0;
                }
            }
        }
        let all: f64 = sizes.iter().sum();
        let evidence = counts.into_iter().map(|(word, counts)| {
            let overall = (counts.iter().sum::<f64>() + 0.5) / (all + 1.0);
            let log = |(count, size): (&f64, &f64)| ((count + overall) / (size + 1.0)).ln();
            (word, counts.iter().zip(&sizes).map(log).collect())
        });
        let prior = sizes.iter().map(|size: &f64| ((size + 1.0) / (all + 1.0)).ln());
        Self { evidence: evidence.collect(), prior: prior.collect() }
    }

    /// The confidence in each class. Words are not independent as the model believes, so the sum of
    /// their evidence is divided by the root of their number.
    #[expect(clippy::cast_precision_loss, reason = "at most 300 words")]
    fn belief(&self, set: &[u32]) -> Vec<f64> {
        let mut scores = self.prior.clone();
        for word in set {
            for (score, log) in scores.iter_mut().zip(self.evidence.get(word).into_iter().flatten())
            {
                *score += log;
            }
        }
        let calm = (set.len().max(1) as f64).sqrt();
        let best = scores.iter().copied().fold(f64::MIN, f64::max);
        for score in &mut scores {
            *score = ((*score - best) / calm).exp();
        }
        let sum: f64 = scores.iter().sum();
        scores.into_iter().map(|score| score / sum).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turned_label_is_the_first_doubt() {
        let topics = [["ship", "harbour", "sail", "tide"], ["oven", "flour", "dough", "bread"]];
        let mut rows: Vec<(String, usize)> = (0..200_usize)
            .map(|i| {
                let words = topics[i % 2];
                (format!("{} {} {} x{i}", words[i % 4], words[i / 3 % 4], words[i / 7 % 4]), i % 2)
            })
            .collect();
        rows[40].1 = 1;
        rows[77].1 = 0;
        let doubts = doubts(rows.iter().map(|(text, class)| (text.as_str(), *class)));
        let mut first: Vec<usize> = doubts.iter().take(2).map(|doubt| doubt.row).collect();
        first.sort_unstable();
        assert_eq!(first, [40, 77]);
        assert!(doubts.len() < 10, "{}", doubts.len());
    }

    #[test]
    fn a_set_of_one_class_has_no_doubts() {
        assert_eq!(doubts([("a", 0), ("b", 0)].into_iter()), []);
    }
}
