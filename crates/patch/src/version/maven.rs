//! Maven versions (<https://maven.apache.org/pom.html#version-order-specification>): tokens
//! between dots, hyphens and changes from digits to letters; null tokens at ends are dropped.

use std::cmp::Ordering;

use super::{VersionError, VersionScheme, compare_digits, take_while};

/// The order of Maven artifacts.
pub struct Maven;

#[derive(Clone)]
struct Token {
    hyphen: bool,
    text: String,
}

impl Token {
    fn is_number(&self) -> bool {
        self.text.starts_with(|c: char| c.is_ascii_digit())
    }

    fn is_null(&self) -> bool {
        match self.text.as_str() {
            "" | "final" | "ga" | "release" => true,
            text => text.bytes().all(|b| b == b'0'),
        }
    }

    /// `.word` = `-word` < `-number` < `.number`. (Maven before 3.9 put `.word` before `-word`, but
    /// then `1 < 1.x < 1-alpha < 1`: no order at all.)
    fn class(&self) -> u8 {
        match (self.is_number(), self.hyphen) {
            (false, _) => 0,
            (true, true) => 1,
            (true, false) => 2,
        }
    }

    fn compare(&self, other: &Self) -> Ordering {
        self.class().cmp(&other.class()).then_with(|| {
            if self.is_number() {
                compare_digits(&self.text, &other.text)
            } else {
                let (a, b) = (word_rank(&self.text), word_rank(&other.text));
                a.cmp(&b)
                    .then_with(|| if a == 7 { self.text.cmp(&other.text) } else { Ordering::Equal })
            }
        })
    }
}

fn word_rank(word: &str) -> u8 {
    match word {
        "alpha" => 0,
        "beta" => 1,
        "milestone" => 2,
        "rc" | "cr" => 3,
        "snapshot" => 4,
        "" | "final" | "ga" | "release" => 5,
        "sp" => 6,
        _ => 7,
    }
}

fn tokens(version: &str) -> Result<Vec<Token>, VersionError> {
    let lower = version.trim().to_lowercase();
    if lower.is_empty() || lower.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(VersionError::malformed("Maven", version));
    }
    let mut all = Vec::new();
    let mut hyphen = false;
    let mut rest = lower.as_str();
    loop {
        let (piece, after) = take_while(rest, |c| !matches!(c, '.' | '-' | '_'));
        push_piece(&mut all, hyphen, piece);
        let mut chars = after.chars();
        match chars.next() {
            Some(separator) => hyphen = separator != '.',
            None => break,
        }
        rest = chars.as_str();
    }
    Ok(trimmed(all))
}

/// Splits a piece where digits and letters meet; that place is like a hyphen.
fn push_piece(all: &mut Vec<Token>, mut hyphen: bool, mut piece: &str) {
    if piece.is_empty() {
        all.push(Token { hyphen, text: "0".to_owned() });
    }
    while let Some(first) = piece.chars().next() {
        let digit = first.is_ascii_digit();
        let (text, rest) = take_while(piece, |c| c.is_ascii_digit() == digit);
        let number_follows = rest.starts_with(|c: char| c.is_ascii_digit());
        let text = match text {
            "a" if number_follows => "alpha",
            "b" if number_follows => "beta",
            "m" if number_follows => "milestone",
            other => other,
        };
        all.push(Token { hyphen, text: text.to_owned() });
        hyphen = true;
        piece = rest;
    }
}

/// Drops null tokens at the end, and at each hyphen before it.
fn trimmed(all: Vec<Token>) -> Vec<Token> {
    let mut kept: Vec<Token> = Vec::new();
    for token in all {
        if token.hyphen {
            drop_nulls(&mut kept);
        }
        kept.push(token);
    }
    drop_nulls(&mut kept);
    kept
}

fn drop_nulls(tokens: &mut Vec<Token>) {
    while tokens.last().is_some_and(Token::is_null) {
        tokens.pop();
    }
}

impl VersionScheme for Maven {
    fn name(&self) -> &'static str {
        "Maven"
    }

    fn compare(&self, a: &str, b: &str) -> Result<Ordering, VersionError> {
        let (a, b) = (tokens(a)?, tokens(b)?);
        // A missing token is null, of the kind of the one it meets.
        let pad = |other: &Token| Token {
            hyphen: other.hyphen,
            text: if other.is_number() && !other.hyphen { "0" } else { "" }.to_owned(),
        };
        for index in 0..a.len().max(b.len()) {
            let order = match (a.get(index), b.get(index)) {
                (Some(x), Some(y)) => x.compare(y),
                (Some(x), None) => x.compare(&pad(x)),
                (None, Some(y)) => pad(y).compare(y),
                (None, None) => Ordering::Equal,
            };
            if order.is_ne() {
                return Ok(order);
            }
        }
        Ok(Ordering::Equal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_the_specification_holds() {
        let sorted = [
            "1-alpha-1",
            "1-beta",
            "1-milestone",
            "1-rc",
            "1-snapshot",
            "1",
            "1-sp",
            "1-foo",
            "1-1",
            "1.1",
            "1.10",
            "2",
        ];
        for (index, a) in sorted.iter().enumerate() {
            for (other, b) in sorted.iter().enumerate() {
                assert_eq!(Maven.compare(a, b), Ok(index.cmp(&other)), "{a} {b}");
            }
        }
        for (a, b) in [("1", "1.0-ga"), ("1.0.0", "1"), ("1-a1", "1-alpha-1")] {
            assert_eq!(Maven.compare(a, b), Ok(Ordering::Equal), "{a} {b}");
        }
    }
}
