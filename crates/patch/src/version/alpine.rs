//! Alpine versions, as `apk version -t` compares them:
//! `digits(.digits)*[letter](_suffix[digits])*[~hash][-rdigits]`.

use std::cmp::Ordering;

use super::{VersionError, VersionScheme, compare_digits, is_digits, take_while};

/// The order of Alpine packages.
pub struct Alpine;

/// Suffixes from the oldest; the release itself stands between the two lists.
const BEFORE: [&str; 4] = ["alpha", "beta", "pre", "rc"];
const AFTER: [&str; 5] = ["cvs", "svn", "git", "hg", "p"];

struct Parts<'a> {
    numbers: Vec<&'a str>,
    letter: &'a str,
    suffixes: Vec<(i32, &'a str)>,
    revision: &'a str,
}

impl<'a> Parts<'a> {
    fn parse(version: &'a str) -> Option<Self> {
        let text = version.trim();
        let (text, revision) = match text.rsplit_once("-r") {
            Some((text, revision)) if is_digits(revision) => (text, revision),
            _ => (text, ""),
        };
        let text = match text.split_once('~') {
            Some((text, hash)) if hash.bytes().all(|b| b.is_ascii_hexdigit()) => text,
            Some(_) => return None,
            None => text,
        };
        let mut pieces = text.split('_');
        let core = pieces.next()?;
        let letter_at = core.find(|c: char| c.is_ascii_lowercase()).unwrap_or(core.len());
        let (core, letter) = core.split_at(letter_at);
        let numbers: Vec<&str> = core.split('.').collect();
        let suffixes: Option<Vec<_>> = pieces.map(suffix).collect();
        (letter.len() <= 1 && numbers.iter().all(|number| is_digits(number))).then_some(Self {
            numbers,
            letter,
            suffixes: suffixes?,
            revision,
        })
    }

    fn compare(&self, other: &Self) -> Ordering {
        self.compare_numbers(other)
            .then_with(|| self.letter.cmp(other.letter))
            .then_with(|| compare_suffixes(&self.suffixes, &other.suffixes))
            .then_with(|| compare_digits(self.revision, other.revision))
    }

    /// After the first number a leading zero makes a fraction: `1.05` is older than `1.1`.
    fn compare_numbers(&self, other: &Self) -> Ordering {
        for (index, (a, b)) in self.numbers.iter().zip(&other.numbers).enumerate() {
            let fraction = index > 0 && (a.starts_with('0') || b.starts_with('0'));
            let order = if fraction {
                a.trim_end_matches('0').cmp(b.trim_end_matches('0')).then(a.len().cmp(&b.len()))
            } else {
                compare_digits(a, b)
            };
            if order.is_ne() {
                return order;
            }
        }
        self.numbers.len().cmp(&other.numbers.len())
    }
}

fn suffix(piece: &str) -> Option<(i32, &str)> {
    let (word, digits) = take_while(piece, |c| c.is_ascii_lowercase());
    let place = |list: &[&str]| {
        list.iter().position(|known| *known == word).and_then(|at| i32::try_from(at).ok())
    };
    let rank = place(&BEFORE).map(|at| at - 10).or_else(|| place(&AFTER).map(|at| at + 1))?;
    (digits.is_empty() || is_digits(digits)).then_some((rank, digits))
}

fn compare_suffixes(a: &[(i32, &str)], b: &[(i32, &str)]) -> Ordering {
    let mut index = 0;
    loop {
        let (x, y) = (a.get(index), b.get(index));
        if x.is_none() && y.is_none() {
            return Ordering::Equal;
        }
        let ((rank_x, number_x), (rank_y, number_y)) =
            (x.copied().unwrap_or((0, "")), y.copied().unwrap_or((0, "")));
        let order = rank_x.cmp(&rank_y).then_with(|| compare_digits(number_x, number_y));
        if order.is_ne() {
            return order;
        }
        index += 1;
    }
}

impl VersionScheme for Alpine {
    fn name(&self) -> &'static str {
        "Alpine"
    }

    fn compare(&self, a: &str, b: &str) -> Result<Ordering, VersionError> {
        let parse =
            |text| Parts::parse(text).ok_or_else(|| VersionError::malformed(self.name(), text));
        Ok(parse(a)?.compare(&parse(b)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_letters_fractions_and_revisions() {
        let sorted = [
            "1.0_alpha",
            "1.0_alpha2",
            "1.0_rc1",
            "1.0",
            "1.0-r1",
            "1.0_p1",
            "1.0a",
            "1.0.1",
            "1.05",
            "1.1",
            "1.10",
            "2",
        ];
        for (index, a) in sorted.iter().enumerate() {
            for (other, b) in sorted.iter().enumerate() {
                assert_eq!(Alpine.compare(a, b), Ok(index.cmp(&other)), "{a} {b}");
            }
        }
        for bad in ["", "a", "1.0-x", "1.0_foo", "1..2"] {
            assert!(Alpine.compare(bad, "1").is_err(), "{bad}");
        }
    }
}
