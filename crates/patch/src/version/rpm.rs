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
        let order = match (a.chars().next(), b.chars().next()) {
            (Some('~'), Some('~')) | (Some('^'), Some('^')) => {
                (a, b) = (rest(a), rest(b));
                continue;
            }
            (None, None) => return Ordering::Equal,
            // A tilde sorts before everything, even the end; a caret only after the end.
            (Some('~'), _) => Ordering::Less,
            (_, Some('~')) => Ordering::Greater,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some('^'), _) => Ordering::Less,
            (_, Some('^')) => Ordering::Greater,
            (Some(x), Some(y)) => match (x.is_ascii_digit(), y.is_ascii_digit()) {
                (true, false) => Ordering::Greater,
                (false, true) => Ordering::Less,
                (digits, _) => {
                    let run = |c: char| {
                        if digits { c.is_ascii_digit() } else { c.is_ascii_alphabetic() }
                    };
                    let (x, after_a) = take_while(a, run);
                    let (y, after_b) = take_while(b, run);
                    (a, b) = (after_a, after_b);
                    if digits { compare_digits(x, y) } else { x.cmp(y) }
                }
            },
        };
        if order.is_ne() {
            return order;
        }
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
