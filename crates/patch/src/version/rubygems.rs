//! Ruby gems, as `Gem::Version` compares them: segments of digits or letters, words before
//! numbers, trailing zeros without weight, and `-` meaning `.pre.`.

use std::cmp::Ordering;

use super::{VersionError, VersionScheme, compare_digits, take_while};

/// The order of Ruby gems.
pub struct RubyGems;

impl VersionScheme for RubyGems {
    fn name(&self) -> &'static str {
        "RubyGems"
    }

    fn compare(&self, a: &str, b: &str) -> Result<Ordering, VersionError> {
        let (long_a, long_b) = (a.trim().replace('-', ".pre."), b.trim().replace('-', ".pre."));
        let (parts_a, parts_b) = (segments(a, &long_a)?, segments(b, &long_b)?);
        let (mut parts_a, mut parts_b) = (parts_a.into_iter(), parts_b.into_iter());
        loop {
            let (x, y) = (parts_a.next(), parts_b.next());
            if x.is_none() && y.is_none() {
                return Ok(Ordering::Equal);
            }
            let (x, y) = (x.unwrap_or("0"), y.unwrap_or("0"));
            let digits = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
            let order = match (digits(x), digits(y)) {
                (true, true) => compare_digits(x, y),
                (false, false) => x.cmp(y),
                (x, y) => x.cmp(&y),
            };
            if order.is_ne() {
                return Ok(order);
            }
        }
    }
}

/// The segments without the zeros at the end of the numbers and at the end of the whole.
fn segments<'a>(version: &str, long: &'a str) -> Result<Vec<&'a str>, VersionError> {
    let wrong = || VersionError::malformed("RubyGems", version);
    if !long.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(wrong());
    }
    let mut all: Vec<&str> = Vec::new();
    for mut part in long.split('.') {
        if part.is_empty() || !part.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(wrong());
        }
        while let Some(first) = part.chars().next() {
            let digit = first.is_ascii_digit();
            let (segment, rest) = take_while(part, |c| c.is_ascii_digit() == digit);
            if !digit && all.iter().all(|s| s.starts_with(|c: char| c.is_ascii_digit())) {
                drop_zeros(&mut all);
            }
            all.push(segment);
            part = rest;
        }
    }
    drop_zeros(&mut all);
    Ok(all)
}

fn drop_zeros(segments: &mut Vec<&str>) {
    while segments.last().is_some_and(|last| last.bytes().all(|b| b == b'0')) {
        segments.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_gems_holds() {
        let sorted = [
            "0.0.0.a",
            "0",
            "0.9",
            "1.0.a.2",
            "1.0.a10",
            "1.0.b1",
            "1.0.0-1",
            "1.0.rc1",
            "1",
            "1.0.1",
            "1.2.b1",
            "1.2",
            "1.10",
            "2.0.0.rc1",
            "2",
        ];
        for (index, a) in sorted.iter().enumerate() {
            for (other, b) in sorted.iter().enumerate() {
                assert_eq!(RubyGems.compare(a, b), Ok(index.cmp(&other)), "{a} {b}");
            }
        }
        assert_eq!(RubyGems.compare("1.0.0", "1"), Ok(Ordering::Equal));
        assert_eq!(RubyGems.compare("1.b1", "1.0.b.1"), Ok(Ordering::Equal));
    }

    #[test]
    fn what_is_no_version_is_an_error() {
        for bad in ["", "a", "1..2", "1.2_3", "1.2 3"] {
            assert!(RubyGems.compare(bad, "1").is_err(), "{bad}");
        }
    }
}
