//! What a number of a baseline stands for, for the page that shows what was learned. Users are
//! never written down here: of them the baselines keep pseudonyms only.

use learn::hash::HashedMap;
use learn::wire::{put_count, put_text, take_count, take_text, take_u32};

use crate::limits::LEXICON_MAX;
use crate::tokens::{Token, TokenKind};

/// Texts of tokens, by the half of their number that a host's sketch keeps.
#[derive(Clone, Debug, Default)]
pub struct Lexicon(HashedMap<u32, String>);

impl Lexicon {
    /// Remembers a token's text, unless it names a user or there is no room.
    pub fn note(&mut self, token: &Token, number: u64) {
        let half = half(number);
        if token.kind != TokenKind::User
            && self.0.len() < LEXICON_MAX
            && !self.0.contains_key(&half)
        {
            self.0.insert(half, format!("{}: {}", token.kind.noun(), token.text));
        }
    }

    /// The text behind the half of a number.
    pub fn text(&self, half: u32) -> &str {
        self.0.get(&half).map_or("a pseudonym", String::as_str)
    }

    /// Writes it.
    pub fn write(&self, out: &mut Vec<u8>) {
        put_count(out, self.0.len());
        let mut texts: Vec<_> = self.0.iter().collect();
        texts.sort_unstable();
        for (half, text) in texts {
            out.extend(half.to_le_bytes());
            put_text(out, text);
        }
    }

    /// Reads what [`Lexicon::write`] wrote.
    pub fn read(input: &mut &[u8]) -> Option<Self> {
        let mut texts = HashedMap::default();
        for _ in 0..take_count(input, 6, LEXICON_MAX)? {
            texts.insert(take_u32(input)?, take_text(input)?);
        }
        Some(Self(texts))
    }
}

fn half(number: u64) -> u32 {
    let [a, b, c, d, ..] = number.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}
