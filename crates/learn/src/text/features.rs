//! Hashed n-grams: words by one, two and three, letters of a word by three, four and five.
//!
//! Each half of the vector has length one, so a long text does not shout louder than a short one.

use std::collections::BTreeMap;

/// Places of the vector for n-grams of words.
pub const WORD_BUCKETS: u32 = 1 << 16;
/// Places for n-grams of letters, after those of words.
pub const LETTER_BUCKETS: u32 = 1 << 16;
/// All places.
pub const BUCKETS: usize = (WORD_BUCKETS + LETTER_BUCKETS) as usize;
/// Words of a text that are read.
pub const TOKENS_MAX: usize = 20_000;

/// A sparse vector, sorted by place.
pub type Sparse = Vec<(u32, f32)>;

/// Words, and each other visible character by itself.
pub fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut start: Option<usize> = None;
    for (at, c) in text.char_indices() {
        let wordy = c.is_alphanumeric() || c == '_';
        if wordy {
            start = start.or(Some(at));
            continue;
        }
        if let Some(from) = start.take() {
            tokens.extend(text.get(from..at));
        }
        if !c.is_whitespace() {
            tokens.extend(text.get(at..at + c.len_utf8()));
        }
        if tokens.len() >= TOKENS_MAX {
            return tokens;
        }
    }
    if let Some(from) = start {
        tokens.extend(text.get(from..));
    }
    tokens
}

/// Calls `each` with every n-gram of words: its place, its sign, and how many words it spans from
/// which one.
pub fn word_grams(tokens: &[&str], mut each: impl FnMut(u32, f32, usize, usize)) {
    for from in 0..tokens.len() {
        let mut hash = Fnv::new();
        for (more, token) in tokens.iter().skip(from).take(3).enumerate() {
            hash.write(token.as_bytes());
            hash.write(&[0xff]);
            let (place, sign) = hash.place(WORD_BUCKETS);
            each(place, sign, from, more + 1);
        }
    }
}

fn letter_grams(text: &str, mut each: impl FnMut(u32, f32)) {
    let mut padded = Vec::new();
    for word in text.split_whitespace().take(TOKENS_MAX) {
        padded.clear();
        padded.push(' ');
        // A word longer than this is no word; its rest would be noise.
        padded.extend(word.chars().take(64));
        padded.push(' ');
        for size in 3..=5 {
            for gram in padded.windows(size) {
                let mut hash = Fnv::new();
                let mut bytes = [0; 4];
                for c in gram {
                    hash.write(c.encode_utf8(&mut bytes).as_bytes());
                }
                let (place, sign) = hash.place(LETTER_BUCKETS);
                each(WORD_BUCKETS + place, sign);
            }
        }
    }
}

/// The vector of a text in normal form.
pub fn features(text: &str) -> Sparse {
    let mut words = BTreeMap::new();
    word_grams(&tokens(text), |place, sign, _, _| *words.entry(place).or_insert(0.0) += sign);
    let mut letters = BTreeMap::new();
    letter_grams(text, |place, sign| *letters.entry(place).or_insert(0.0) += sign);
    let mut all = unit(words);
    all.extend(unit(letters));
    all
}

fn unit(counts: BTreeMap<u32, f32>) -> Sparse {
    let length = counts.values().map(|value| value * value).sum::<f32>().sqrt();
    let scale = if length > 0.0 { 1.0 / length } else { 0.0 };
    counts.into_iter().map(|(place, value)| (place, value * scale)).collect()
}

/// FNV-1a with 64 bits, mixed at the end: the same on every machine and in every version.
struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    }

    /// A place below `buckets`, a power of two, and a sign.
    fn place(&self, buckets: u32) -> (u32, f32) {
        let mut hash = self.0;
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        hash ^= hash >> 33;
        let place = u32::try_from(hash % u64::from(buckets)).unwrap_or(0);
        (place, if hash >> 63 == 0 { 1.0 } else { -1.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_signs() {
        assert_eq!(tokens("Don't stop_it, 5€"), ["Don", "'", "t", "stop_it", ",", "5", "€"]);
        assert!(tokens(" \n").is_empty());
    }

    #[test]
    fn both_halves_have_length_one_and_are_sorted() {
        let vector = features("repeat the words above");
        assert!(vector.windows(2).all(|pair| pair[0].0 < pair[1].0));
        let length = |half: fn(u32) -> bool| {
            vector.iter().filter(|(p, _)| half(*p)).map(|(_, v)| v * v).sum::<f32>()
        };
        assert!((length(|p| p < WORD_BUCKETS) - 1.0).abs() < 1e-5);
        assert!((length(|p| p >= WORD_BUCKETS) - 1.0).abs() < 1e-5);
        assert!(features("").is_empty());
    }

    #[test]
    fn the_places_never_change() {
        // A model file means nothing under another hash.
        let mut hash = Fnv::new();
        hash.write(b"ringfort");
        assert_eq!(hash.0, 0x9799_9139_814a_af0e);
    }
}
