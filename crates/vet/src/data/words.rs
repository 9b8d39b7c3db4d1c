//! Texts as small numbers: every word of a corpus gets one, in the order in which they come.

use std::collections::HashMap;

/// Words of one text that are read.
pub const WORDS_MAX: usize = 300;

/// The words of a corpus.
#[derive(Default)]
pub struct Vocabulary {
    numbers: HashMap<String, u32>,
    words: Vec<String>,
}

impl Vocabulary {
    /// The numbers of the words of a text, in their order.
    pub fn read(&mut self, text: &str) -> Vec<u32> {
        let mut numbers = Vec::new();
        for word in split(text).into_iter().take(WORDS_MAX) {
            let next = u32::try_from(self.words.len()).unwrap_or(u32::MAX);
            let number = *self.numbers.entry(word.clone()).or_insert_with(|| {
                self.words.push(word);
                next
            });
            numbers.push(number);
        }
        numbers
    }

    /// How many words there are.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Words by their numbers, with spaces between them.
    pub fn phrase(&self, numbers: &[u32]) -> String {
        let word = |number: &u32| self.words.get(*number as usize).map_or("?", String::as_str);
        numbers.iter().map(word).collect::<Vec<_>>().join(" ")
    }
}

/// Words in lower case, and each other visible character by itself.
pub fn split(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    for c in text.chars() {
        if c.is_alphanumeric() || c == '_' {
            word.extend(c.to_lowercase());
            continue;
        }
        if !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if !c.is_whitespace() {
            words.push(c.to_string());
        }
        if words.len() >= WORDS_MAX {
            return words;
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}
