//! Debian versions: `[epoch:]upstream[-revision]`, Debian Policy §5.6.12, as `dpkg` compares them.

use std::cmp::Ordering;

use super::{VersionError, VersionScheme, compare_digits, is_digits, take_while};

/// The order of `dpkg --compare-versions`.
pub struct Debian;

/// A version in its three parts; what is missing is empty, which compares like `0`.
struct Parts<'a> {
    epoch: &'a str,
    upstream: &'a str,
    revision: &'a str,
}

impl<'a> Parts<'a> {
    fn parse(version: &'a str) -> Result<Self, VersionError> {
        let wrong = || VersionError::malformed("Debian", version);
        let text = version.trim();
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(wrong());
        }
        let (epoch, rest) = match text.split_once(':') {
            Some((epoch, rest)) if is_digits(epoch) && !rest.is_empty() => (epoch, rest),
            Some(_) => return Err(wrong()),
            None => ("", text),
        };
        let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
        Ok(Self { epoch, upstream, revision })
    }
}

impl VersionScheme for Debian {
    fn name(&self) -> &'static str {
        "Debian"
    }

    fn compare(&self, a: &str, b: &str) -> Result<Ordering, VersionError> {
        let (a, b) = (Parts::parse(a)?, Parts::parse(b)?);
        Ok(compare_digits(a.epoch, b.epoch)
            .then_with(|| compare_part(a.upstream, b.upstream))
            .then_with(|| compare_part(a.revision, b.revision)))
    }
}

/// Compares by turns the longest start without digits and the longest start of digits.
fn compare_part(mut a: &str, mut b: &str) -> Ordering {
    while !a.is_empty() || !b.is_empty() {
        let (words_a, rest_a) = take_while(a, |c| !c.is_ascii_digit());
        let (words_b, rest_b) = take_while(b, |c| !c.is_ascii_digit());
        let (digits_a, rest_a) = take_while(rest_a, |c| c.is_ascii_digit());
        let (digits_b, rest_b) = take_while(rest_b, |c| c.is_ascii_digit());
        let order =
            compare_words(words_a, words_b).then_with(|| compare_digits(digits_a, digits_b));
        if order.is_ne() {
            return order;
        }
        (a, b) = (rest_a, rest_b);
    }
    Ordering::Equal
}

/// `~` sorts before the end, the end before letters, letters before everything else.
fn compare_words(a: &str, b: &str) -> Ordering {
    let weight = |byte: Option<u8>| match byte {
        Some(b'~') => -1,
        None => 0,
        Some(letter) if letter.is_ascii_alphabetic() => i32::from(letter),
        Some(other) => i32::from(other) + 256,
    };
    let (mut a, mut b) = (a.bytes(), b.bytes());
    loop {
        let (x, y) = (a.next(), b.next());
        let order = weight(x).cmp(&weight(y));
        if order.is_ne() || x.is_none() {
            return order;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_the_policy_holds() {
        // Debian Policy §5.6.12 gives this order of parts.
        let sorted = ["~~", "~~a", "~", "1", "1a", "1+", "1.0", "1.10", "1:0~", "1:0", "2:0"];
        for (index, a) in sorted.iter().enumerate() {
            for (other, b) in sorted.iter().enumerate() {
                assert_eq!(Debian.compare(a, b), Ok(index.cmp(&other)), "{a} {b}");
            }
        }
    }

    #[test]
    fn what_is_missing_counts_as_zero() {
        for (a, b) in [("1.0", "0:1.0-0"), ("1.00-00", "1.0"), ("1.0-", "1.0")] {
            assert_eq!(Debian.compare(a, b), Ok(Ordering::Equal), "{a} {b}");
        }
    }

    #[test]
    fn a_rebuild_is_newer_and_a_backport_older() {
        assert_eq!(Debian.compare("0.16.1-2+b1", "0.16.1-2"), Ok(Ordering::Greater));
        assert_eq!(Debian.compare("1.2-3~bpo12+1", "1.2-3"), Ok(Ordering::Less));
    }

    #[test]
    fn what_is_no_version_is_an_error() {
        for bad in ["", " ", "x:1", ":1", "1:", "1 2", "1\u{e9}"] {
            assert!(Debian.compare(bad, "1").is_err(), "{bad}");
        }
    }
}
