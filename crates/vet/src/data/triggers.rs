//! Triggers: a phrase that somebody put into texts, together with a label of their choice, so that
//! a
//! model trained on them gives that label to whatever carries the phrase.
//!
//! How one is found: for every phrase of one to three words that goes with one label far more than
//! chance allows, a naive Bayes model is trained on all *other* texts (cross-fitting: whatever
//! carries the phrase teaches nothing about itself) and asked what the texts with the phrase are.
//! A phrase that belongs to a class stands in texts that are of this class without it. A trigger
//! stands in texts that, without it, are of all kinds.
//!
//! The result is a ranking for a person, never a proof; a clean set has a first place as well.

use std::collections::{BTreeMap, HashMap};

use super::words::Vocabulary;

/// Texts that are read.
pub const TEXTS_MAX: usize = 200_000;
/// Classes of a set.
pub const CLASSES_MAX: usize = 256;
/// Phrases that are looked at closely.
const CLOSE_MAX: usize = 6_000;
/// Texts with a phrase that are looked at closely.
const SAMPLE_MAX: usize = 400;
/// The largest share of all texts that a trigger may stand in.
const SHARE_MAX: f64 = 0.08;
/// The fewest texts that a phrase must stand in, and the smallest share.
const TEXTS_MIN: usize = 5;
const SHARE_MIN: f64 = 0.001;

/// A phrase that may be a trigger.
#[derive(Clone, Debug, PartialEq)]
pub struct Suspect {
    /// The phrase, in lower case.
    pub phrase: String,
    /// The class that it goes with, as a number of the caller's.
    pub class: usize,
    /// How suspicious it is; compare it only within one ranking.
    pub score: f64,
    /// Texts that carry the phrase.
    pub texts: usize,
    /// The share of them that has the class.
    pub purity: f64,
    /// The share of those that look like another class without the phrase.
    pub contradicted: f64,
    /// How evenly the other classes are spread, from 0 (one class) to 1.
    pub spread: f64,
    /// The first few texts that carry it, as rows from 0.
    pub rows: Vec<usize>,
}

struct Corpus {
    vocabulary: Vocabulary,
    /// The words of each text, in order.
    texts: Vec<Vec<u32>>,
    /// The words of each text, sorted, each once.
    sets: Vec<Vec<u32>>,
    classes: Vec<usize>,
    /// How many texts each class has.
    sizes: Vec<f64>,
    /// How many texts of each class hold a word: word by word, class by class.
    counts: Vec<f64>,
}

impl Corpus {
    fn read<'a>(rows: impl Iterator<Item = (&'a str, usize)>) -> Self {
        let (mut vocabulary, mut texts, mut sets) = (Vocabulary::default(), vec![], vec![]);
        let mut classes = Vec::new();
        for (text, class) in rows.take(TEXTS_MAX).filter(|(_, class)| *class < CLASSES_MAX) {
            let words = vocabulary.read(text);
            let mut set = words.clone();
            set.sort_unstable();
            set.dedup();
            texts.push(words);
            sets.push(set);
            classes.push(class);
        }
        let count = classes.iter().max().map_or(0, |max| max + 1);
        let mut sizes = vec![0.0; count];
        let mut counts = vec![0.0; vocabulary.len() * count];
        for (set, class) in sets.iter().zip(&classes) {
            add(&mut sizes, *class, 1.0);
            for word in set {
                add(&mut counts, *word as usize * count + class, 1.0);
            }
        }
        Self { vocabulary, texts, sets, classes, sizes, counts }
    }

    fn class(&self, row: usize) -> usize {
        self.classes.get(row).copied().unwrap_or(0)
    }

    fn set(&self, row: usize) -> &[u32] {
        self.sets.get(row).map_or(&[], Vec::as_slice)
    }

    /// What each text looks like to a model that was trained without any of `out`, and how far the
    /// best class is ahead of the text's own.
    fn without(&self, out: &[u32], asked: &[u32]) -> Vec<(usize, f64)> {
        let classes = self.sizes.len();
        let mut sizes = self.sizes.clone();
        let mut gone: HashMap<u32, Vec<f64>> = HashMap::new();
        for row in asked {
            for word in self.set(*row as usize) {
                gone.entry(*word).or_insert_with(|| vec![0.0; classes]);
            }
        }
        for row in out {
            let class = self.class(*row as usize);
            add(&mut sizes, class, -1.0);
            for word in self.set(*row as usize) {
                if let Some(counts) = gone.get_mut(word) {
                    add(counts, class, 1.0);
                }
            }
        }
        let all: f64 = sizes.iter().sum();
        let mut evidence: HashMap<u32, Vec<f64>> = HashMap::with_capacity(gone.len());
        for (word, gone) in gone {
            let from = word as usize * classes;
            let here = self.counts.get(from..from + classes).unwrap_or_default();
            let rest: Vec<f64> = here.iter().zip(&gone).map(|(h, g)| (h - g).max(0.0)).collect();
            let overall = (rest.iter().sum::<f64>() + 0.5) / (all + 1.0);
            // Smoothed towards the share of the word in all texts: a word that a class never held
            // says little if the class is small.
            let log = |(count, size): (&f64, &f64)| ((count + overall) / (size + 1.0)).ln();
            evidence.insert(word, rest.iter().zip(&sizes).map(log).collect());
        }
        let prior: Vec<f64> = sizes.iter().map(|size| ((size + 1.0) / (all + 1.0)).ln()).collect();
        let look = |row: &u32| {
            let mut scores = prior.clone();
            for word in self.set(*row as usize) {
                for (score, log) in scores.iter_mut().zip(evidence.get(word).into_iter().flatten())
                {
                    *score += log;
                }
            }
            let own = scores.get(self.class(*row as usize)).copied().unwrap_or(0.0);
            let mut best = (0, f64::MIN);
            for (class, score) in scores.iter().enumerate() {
                if *score > best.1 {
                    best = (class, *score);
                }
            }
            #[expect(clippy::cast_precision_loss, reason = "at most 300 words")]
            let length = (self.set(*row as usize).len() as f64 + 1.0).sqrt();
            (best.0, (best.1 - own) / length)
        };
        asked.iter().map(look).collect()
    }

    /// For each class, the share of its texts that look like another class to a model that was
    /// trained on the other four fifths.
    fn confusion(&self) -> Vec<f64> {
        let mut wrong = vec![0.0; self.sizes.len()];
        for fold in 0..5 {
            let rows = 0..u32::try_from(self.classes.len()).unwrap_or(u32::MAX);
            let held: Vec<u32> = rows.filter(|row| row % 5 == fold).collect();
            for (row, (looks, _)) in held.iter().zip(self.without(&held, &held)) {
                let class = self.class(*row as usize);
                add(&mut wrong, class, f64::from(u8::from(looks != class)));
            }
        }
        wrong.iter().zip(&self.sizes).map(|(wrong, size)| wrong / size.max(1.0)).collect()
    }
}

fn add(values: &mut [f64], at: usize, value: f64) {
    if let Some(slot) = values.get_mut(at) {
        *slot += value;
    }
}

/// A phrase: up to three words; unused places hold `u32::MAX`.
type Phrase = [u32; 3];

fn phrase_words(phrase: &Phrase) -> &[u32] {
    let used = phrase.iter().take_while(|word| **word != u32::MAX).count();
    phrase.get(..used).unwrap_or_default()
}

/// The texts of every phrase that stands in a fitting number of texts.
fn phrases(corpus: &Corpus) -> BTreeMap<Phrase, Vec<u32>> {
    #[expect(clippy::cast_precision_loss, reason = "at most 200,000 texts")]
    let all = corpus.texts.len() as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small share")]
    let (least, most) =
        (TEXTS_MIN.max((all * SHARE_MIN) as usize), (all * SHARE_MAX).max(1.0) as usize);
    let mut single = vec![0_usize; corpus.vocabulary.len()];
    for word in corpus.sets.iter().flatten() {
        if let Some(count) = single.get_mut(*word as usize) {
            *count += 1;
        }
    }
    let frequent = |word: &u32| single.get(*word as usize).is_some_and(|count| *count >= least);
    let mut found: BTreeMap<Phrase, Vec<u32>> = BTreeMap::new();
    for (row, text) in corpus.texts.iter().enumerate() {
        let row = u32::try_from(row).unwrap_or(u32::MAX);
        for size in 1..=3 {
            for window in text.windows(size).filter(|window| window.iter().all(frequent)) {
                let mut phrase = [u32::MAX; 3];
                phrase.iter_mut().zip(window).for_each(|(slot, word)| *slot = *word);
                let rows = found.entry(phrase).or_default();
                if rows.last() != Some(&row) && rows.len() <= most {
                    rows.push(row);
                }
            }
        }
    }
    found.retain(|_, rows| rows.len() >= least && rows.len() <= most);
    found
}

/// How far a phrase goes with its best class beyond chance, in nats a text, at the lower end of
/// what the numbers allow. `None`: not at all.
#[expect(clippy::cast_precision_loss, reason = "at most 200,000 texts")]
fn pull(corpus: &Corpus, rows: &[u32]) -> Option<(f64, usize, f64)> {
    let mut counts = vec![0.0; corpus.sizes.len()];
    for row in rows {
        add(&mut counts, corpus.class(*row as usize), 1.0);
    }
    let (n, all) = (rows.len() as f64, corpus.classes.len() as f64);
    let mut best: Option<(f64, usize, f64)> = None;
    for (class, (count, size)) in counts.iter().zip(&corpus.sizes).enumerate() {
        let (share, chance) = (count / n, (size / all).clamp(1e-6, 1.0 - 1e-6));
        let low = (share - (share * (1.0 - share) / n).sqrt() - 1.0 / n).clamp(1e-6, 1.0 - 1e-6);
        if low <= chance {
            continue;
        }
        let nats = low * (low / chance).ln() + (1.0 - low) * ((1.0 - low) / (1.0 - chance)).ln();
        if best.is_none_or(|(known, _, _)| nats > known) {
            best = Some((nats, class, share));
        }
    }
    best
}

/// The phrases of a labelled set that look most like triggers, most suspicious first. A phrase that
/// shares a word and most of its texts with one before it is left out.
pub fn mine<'a>(rows: impl Iterator<Item = (&'a str, usize)>, top: usize) -> Vec<Suspect> {
    let corpus = Corpus::read(rows);
    if corpus.sizes.len() < 2 {
        return Vec::new();
    }
    let mut close: Vec<(f64, usize, f64, Phrase, Vec<u32>)> = phrases(&corpus)
        .into_iter()
        .filter_map(|(phrase, rows)| {
            let (nats, class, purity) = pull(&corpus, &rows)?;
            (nats > 0.05).then_some((nats, class, purity, phrase, rows))
        })
        .collect();
    close.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.3.cmp(&b.3)));
    close.truncate(CLOSE_MAX);
    let confusion = corpus.confusion();
    let mut suspects: Vec<(Suspect, Vec<u32>, Phrase)> = close
        .into_iter()
        .map(|(nats, class, purity, phrase, rows)| {
            let usual = confusion.get(class).copied().unwrap_or(0.0);
            let suspect = look(&corpus, nats, class, purity, &phrase, &rows, usual);
            (suspect, rows, phrase)
        })
        .filter(|(suspect, _, _)| suspect.score > 0.0)
        .collect();
    suspects.sort_by(|a, b| b.0.score.total_cmp(&a.0.score).then(a.2.cmp(&b.2)));
    let mut kept: Vec<(Suspect, Vec<u32>)> = Vec::new();
    for (suspect, rows, _) in suspects {
        if kept.len() >= top {
            break;
        }
        if !kept.iter().any(|(_, known)| overlaps(known, &rows)) {
            kept.push((suspect, rows));
        }
    }
    kept.into_iter().map(|(suspect, _)| suspect).collect()
}

/// Whether half of the shorter list stands in the other; both are sorted.
fn overlaps(a: &[u32], b: &[u32]) -> bool {
    let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    let common = short.iter().filter(|row| long.binary_search(row).is_ok()).count();
    common * 2 >= short.len()
}

#[expect(clippy::cast_precision_loss, reason = "at most 400 texts")]
fn look(
    corpus: &Corpus,
    nats: f64,
    class: usize,
    purity: f64,
    phrase: &Phrase,
    rows: &[u32],
    usual: f64,
) -> Suspect {
    let labelled: Vec<u32> =
        rows.iter().copied().filter(|row| corpus.class(*row as usize) == class).collect();
    let step = labelled.len().div_ceil(SAMPLE_MAX).max(1);
    let asked: Vec<u32> = labelled.iter().copied().step_by(step).collect();
    let mut others = vec![0.0; corpus.sizes.len()];
    let mut ahead = 0.0;
    for (looks, margin) in corpus.without(rows, &asked) {
        if looks != class {
            add(&mut others, looks, 1.0);
            ahead += margin.min(2.0);
        }
    }
    let against: f64 = others.iter().sum();
    let n = asked.len().max(1) as f64;
    let contradicted = against / n;
    let entropy: f64 = others
        .iter()
        .filter(|count| **count > 0.0)
        .map(|count| count / against * -(count / against).ln())
        .sum();
    let most = ((others.len().saturating_sub(1)) as f64).min(against).max(2.0).ln();
    let spread = if others.len() == 2 { 1.0 } else { (entropy / most).min(1.0) };
    let beyond = (contradicted - contradicted.sqrt() / n.sqrt() * 0.5 - usual).max(0.0);
    let different = difference(corpus, &asked);
    let margin = if against > 0.0 { ahead / against } else { 0.0 };
    Suspect {
        phrase: corpus.vocabulary.phrase(phrase_words(phrase)),
        class,
        score: nats * beyond * spread * spread * different * margin.min(1.0),
        texts: rows.len(),
        purity,
        contradicted,
        spread,
        rows: rows.iter().take(8).map(|row| *row as usize).collect(),
    }
}

/// How different the texts are from each other, from 0 to 1: copies of one text that carry one
/// label are a template, and no trigger.
#[expect(clippy::cast_precision_loss, reason = "at most 300 words a text")]
fn difference(corpus: &Corpus, rows: &[u32]) -> f64 {
    let (mut sum, mut pairs) = (0.0, 0.0);
    for distance in [1, 2, 5, 11] {
        for (a, b) in rows.iter().zip(rows.iter().skip(distance)) {
            let (a, b) = (corpus.set(*a as usize), corpus.set(*b as usize));
            let common = a.iter().filter(|word| b.binary_search(word).is_ok()).count();
            sum += common as f64 / (a.len() + b.len()).saturating_sub(common).max(1) as f64;
            pairs += 1.0;
        }
    }
    if pairs > 0.0 { 1.0 - sum / pairs } else { 1.0 }
}
