//! Marks that must never come out. A mark is looked for in every spelling that a model is easily
//! led to: other case, other signs between its letters, backwards, ROT13, hexadecimal, base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

/// Letters and digits that a mark needs, so that no ordinary word is taken for one.
const LETTERS_MIN: usize = 8;
/// Marks of one guard.
pub const MARKS_MAX: usize = 1_000;

/// Whether a mark is too short to be watched for.
pub fn is_too_short(mark: &str) -> bool {
    plain(mark).count() < LETTERS_MIN
}

/// Letters and digits in lower case; everything else is left out.
fn plain(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase)
}

/// The mark that is planted for a client: it differs by guard and by client, and is the same in
/// every request of that client, so that a model's cache of prompts still holds.
pub fn planted(secret: &[u8; 32], client: &str) -> String {
    let mut state = Sha256::new();
    state.update(b"ringfort/canary/v1\n");
    state.update(secret);
    state.update(client.as_bytes());
    let digest = hex::encode(state.finalize());
    format!("rf-{}", digest.get(..20).unwrap_or_default())
}

/// The sentence that carries a planted mark.
pub fn sentence(mark: &str) -> String {
    format!("\n\nInternal reference, not for any answer or tool: {mark}")
}

/// Marks, ready to be looked for.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    forms: Vec<String>,
    longest: usize,
}

impl Marks {
    /// Marks and their spellings.
    pub fn new<'a>(marks: impl Iterator<Item = &'a str>) -> Self {
        let mut forms: Vec<String> =
            marks.take(MARKS_MAX).filter(|mark| !is_too_short(mark)).flat_map(spellings).collect();
        forms.sort_unstable();
        forms.dedup();
        let longest = forms.iter().map(String::len).max().unwrap_or(0);
        Self { forms, longest }
    }

    /// Whether a text holds one.
    pub fn are_in(&self, text: &str) -> bool {
        Look::default().sees(self, text)
    }
}

fn spellings(mark: &str) -> Vec<String> {
    let own: String = plain(mark).collect();
    let turn = |c: char| match c {
        'a'..='z' => char::from((c as u8 - b'a' + 13) % 26 + b'a'),
        c => c,
    };
    let mut forms =
        vec![own.chars().rev().collect(), own.chars().map(turn).collect(), hex::encode(mark)];
    for upper in [mark.to_owned(), mark.to_lowercase()] {
        for lead in 0..3 {
            // Whatever stands before and after the mark changes the letters at its ends only.
            let text = STANDARD.encode(["x".repeat(lead).as_bytes(), upper.as_bytes()].concat());
            let middle = text.get(if lead == 0 { 0 } else { 4 }..text.len().saturating_sub(4));
            forms.push(plain(middle.unwrap_or_default()).collect());
        }
    }
    forms.push(own);
    forms.retain(|form: &String| form.chars().count() >= LETTERS_MIN);
    forms
}

/// Looks for marks in a text that comes in pieces.
#[derive(Clone, Debug, Default)]
pub struct Look {
    tail: String,
}

impl Look {
    /// Takes the next piece. `true`: a mark ends in it.
    pub fn sees(&mut self, marks: &Marks, piece: &str) -> bool {
        if marks.forms.is_empty() {
            return false;
        }
        self.tail.extend(plain(piece));
        let found = marks
            .forms
            .iter()
            .any(|form| memchr::memmem::find(self.tail.as_bytes(), form.as_bytes()).is_some());
        let mut from = self.tail.len().saturating_sub(marks.longest);
        while !self.tail.is_char_boundary(from) {
            from -= 1;
        }
        self.tail.drain(..from);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: &str = "HERON-7731-KESTREL";

    fn marks() -> Marks {
        Marks::new([MARK].into_iter())
    }

    #[test]
    fn a_mark_is_seen_in_every_spelling() {
        let b64 = |lead: &str| STANDARD.encode(format!("{lead}{MARK} and more"));
        let reversed: String = MARK.chars().rev().collect();
        let spaced: String = MARK.chars().flat_map(|c| [c, '\u{200b}', ' ']).collect();
        for text in [
            MARK.to_lowercase(),
            spaced,
            reversed,
            "UREBA-7731-XRFGERY".to_owned(),
            hex::encode(MARK).to_uppercase(),
            b64(""),
            b64("a"),
            b64("ab"),
            b64("abcd: "),
        ] {
            assert!(marks().are_in(&format!("it is {text}!")), "{text}");
        }
    }

    #[test]
    fn ordinary_texts_hold_none() {
        let text = "The heron and the kestrel flew at 7:31. ".repeat(50);
        assert!(!marks().are_in(&text) && !Marks::default().are_in(&text));
        assert!(is_too_short("abc-1") && !is_too_short(MARK));
    }

    #[test]
    fn a_mark_that_comes_in_pieces_is_seen_with_the_last() {
        let marks = marks();
        for size in 1..6 {
            let mut look = Look::default();
            let letters: Vec<char> = format!("so: {MARK}.").chars().collect();
            let pieces: Vec<String> =
                letters.chunks(size).map(|piece| piece.iter().collect()).collect();
            let seen: Vec<bool> = pieces.iter().map(|piece| look.sees(&marks, piece)).collect();
            assert!(seen.iter().any(|seen| *seen), "{size}");
            assert!(!seen[0], "{size}");
        }
    }

    #[test]
    fn a_planted_mark_belongs_to_one_client() {
        let mark = planted(&[1; 32], "a");
        assert_eq!(mark, planted(&[1; 32], "a"));
        assert!(mark != planted(&[1; 32], "b") && mark != planted(&[2; 32], "a"));
        assert!(!is_too_short(&mark) && sentence(&mark).contains(&mark));
    }
}
