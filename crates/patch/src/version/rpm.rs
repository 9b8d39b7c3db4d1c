//! RPM versions: `[epoch:]version[-release]`, as `rpmvercmp` compares them
//! (<https://rpm-software-management.github.io/rpm/man/rpm-version.7>).

use std::cmp::Ordering;

use super::{VersionError, VersionScheme, compare_digits, take_while};

/// The order of RPM packages.
pub struct Rpm;

impl VersionScheme for Rpm {
    fn name(&self) -> &'static str {
        "RPM"
    }

    fn compare(&self, a: &str, b: &str) -> Result<Ordering, VersionError> {
        let (a, b) = (Parts::parse(a)?, Parts::parse(b)?);
        // A release that is there, even empty, is newer than none.
        let releases = || match (a.release, b.release) {
            (Some(a), Some(b)) => compare_part(a, b),
            (a, b) => a.is_some().cmp(&b.is_some()),
        };
        Ok(compare_part(a.epoch, b.epoch)
            .then_with(|| compare_part(a.version, b.version))
            .then_with(releases))
    }
}

struct Parts<'a> {
    epoch: &'a str,
    version: &'a str,
    release: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn parse(version: &'a str) -> Result<Self, VersionError> {
        let text = version.trim();
        if text.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(VersionError::malformed("RPM", version));
        }
        let (epoch, rest) = text.split_once(':').unwrap_or(("", text));
        let epoch = if epoch.is_empty() { "0" } else { epoch };
        let (version, release) = match rest.split_once('-') {
            Some((version, release)) => (version, Some(release)),
            None => (rest, None),
        };
        Ok(Self { epoch, version, release })
    }
}

fn compare_part(mut a: &str, mut b: &str) -> Ordering {
    loop {
        let weightless = |c: char| !c.is_ascii_alphanumeric() && c != '~' && c != '^';
        a = a.trim_start_matches(weightless);
        b = b.trim_start_matches(weightless);
        let (rank_a, rank_b) = (rank(a), rank(b));
        if rank_a != rank_b {
            return rank_a.cmp(&rank_b);
        }
        match rank_a {
            END => return Ordering::Equal,
            WORD | NUMBER => {
                let run = |c: char| {
                    c.is_ascii_alphanumeric() && (c.is_ascii_digit() == (rank_a == NUMBER))
                };
                let (x, after_a) = take_while(a, run);
                let (y, after_b) = take_while(b, run);
                let order = if rank_a == NUMBER { compare_digits(x, y) } else { x.cmp(y) };
                if order.is_ne() {
                    return order;
                }
                (a, b) = (after_a, after_b);
            }
            _ => (a, b) = (rest(a), rest(b)),
        }
    }
}

/// What comes next, from the oldest: a tilde sorts even before the end, a caret right after it.
const TILDE: u8 = 0;
const END: u8 = 1;
const CARET: u8 = 2;
const WORD: u8 = 3;
const NUMBER: u8 = 4;

fn rank(text: &str) -> u8 {
    match text.chars().next() {
        Some('~') => TILDE,
        None => END,
        Some('^') => CARET,
        Some(c) if c.is_ascii_digit() => NUMBER,
        Some(_) => WORD,
    }
}

fn rest(text: &str) -> &str {
    let mut chars = text.chars();
    chars.next();
    chars.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tilde_caret_words_and_numbers() {
        let sorted = ["1.0~rc1", "1.0", "1.0^git1", "1.0a", "1.0.1", "1.1", "1.1-1", "1:0.1"];
        for (index, a) in sorted.iter().enumerate() {
            for (other, b) in sorted.iter().enumerate() {
                assert_eq!(Rpm.compare(a, b), Ok(index.cmp(&other)), "{a} {b}");
            }
        }
        assert_eq!(Rpm.compare("1_0", "1.0"), Ok(Ordering::Equal));
    }
}
