//! Python versions: PEP 440 (<https://peps.python.org/pep-0440/>). What is no PEP 440 version but
//! was once released all the same (`0.1-bulbasaur`) sorts before all that are, in the order that
//! setuptools gave it.

use std::cmp::Ordering;

use super::{VersionError, VersionScheme, compare_digits, compare_numbers, is_digits, take_while};

/// The order of Python versions.
pub struct Pep440;

/// A version as its sorting needs it. Numbers are runs of digits of any length.
struct Parts<'a> {
    epoch: &'a str,
    release: &'a str,
    pre: Option<(u8, &'a str)>,
    post: Option<&'a str>,
    dev: Option<&'a str>,
    local: &'a str,
}

enum Version<'a> {
    Legacy(Vec<String>),
    Standard(Parts<'a>),
}

impl VersionScheme for Pep440 {
    fn name(&self) -> &'static str {
        "Python"
    }

    fn compare(&self, a: &str, b: &str) -> Result<Ordering, VersionError> {
        let lower = |text: &str| text.trim().to_ascii_lowercase();
        let (a, b) = (lower(a), lower(b));
        Ok(match (Version::parse(&a)?, Version::parse(&b)?) {
            (Version::Standard(a), Version::Standard(b)) => a.compare(&b),
            (Version::Standard(_), Version::Legacy(_)) => Ordering::Greater,
            (Version::Legacy(_), Version::Standard(_)) => Ordering::Less,
            (Version::Legacy(a), Version::Legacy(b)) => a.cmp(&b),
        })
    }
}

impl<'a> Version<'a> {
    fn parse(lower: &'a str) -> Result<Self, VersionError> {
        if let Some(parts) = Parts::parse(lower) {
            return Ok(Self::Standard(parts));
        }
        let good = |b: u8| b.is_ascii_alphanumeric() || b".-_+!*:".contains(&b);
        if lower.bytes().any(|b| b.is_ascii_alphanumeric()) && lower.bytes().all(good) {
            Ok(Self::Legacy(legacy_key(lower)))
        } else {
            Err(VersionError::malformed("Python", lower))
        }
    }
}

impl<'a> Parts<'a> {
    /// The pattern of PEP 440, appendix B, over lower case.
    fn parse(text: &'a str) -> Option<Self> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let (text, local) = match text.split_once('+') {
            Some((text, local)) => (text, local),
            None => (text, ""),
        };
        let local_is_good = local
            .split(['.', '-', '_'])
            .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric()));
        if text.is_empty() || !(local.is_empty() || local_is_good) {
            return None;
        }
        let (epoch, text) = match text.split_once('!') {
            Some((epoch, text)) if is_digits(epoch) => (epoch, text),
            Some(_) => return None,
            None => ("", text),
        };
        let (release, mut rest) = take_release(text)?;
        let mut parts = Self { epoch, release, pre: None, post: None, dev: None, local };
        if let Some((word, number, after)) =
            take_marker(rest, &["alpha", "beta", "preview", "pre", "rc", "a", "b", "c"])
        {
            let rank = match word {
                "a" | "alpha" => 0,
                "b" | "beta" => 1,
                _ => 2,
            };
            parts.pre = Some((rank, number));
            rest = after;
        }
        let implicit = rest.strip_prefix('-').map(|r| take_while(r, |c| c.is_ascii_digit()));
        if let Some((number, after)) = implicit.filter(|(number, _)| !number.is_empty()) {
            parts.post = Some(number);
            rest = after;
        } else if let Some((_, number, after)) = take_marker(rest, &["post", "rev", "r"]) {
            parts.post = Some(number);
            rest = after;
        }
        if let Some((_, number, after)) = take_marker(rest, &["dev"]) {
            parts.dev = Some(number);
            rest = after;
        }
        rest.is_empty().then_some(parts)
    }

    fn compare(&self, other: &Self) -> Ordering {
        compare_digits(self.epoch, other.epoch)
            .then_with(|| compare_numbers(self.release.split('.'), other.release.split('.')))
            .then_with(|| self.compare_pre(other))
            .then_with(|| compare_optional(self.post, other.post))
            // No development release at all is the newest.
            .then_with(|| match (self.dev, other.dev) {
                (Some(a), Some(b)) => compare_digits(a, b),
                (a, b) => a.is_none().cmp(&b.is_none()),
            })
            .then_with(|| compare_local(self.local, other.local))
    }

    fn compare_pre(&self, other: &Self) -> Ordering {
        // A development release of the release itself sorts before its pre-releases.
        let rank = |parts: &Self| match parts.pre {
            Some((rank, _)) => i32::from(rank),
            None if parts.post.is_none() && parts.dev.is_some() => -1,
            None => 3,
        };
        let number = |parts: &Self| parts.pre.map_or("", |(_, number)| number).to_owned();
        rank(self).cmp(&rank(other)).then_with(|| compare_digits(&number(self), &number(other)))
    }
}

/// `1.2.3` from the start of `1.2.3.dev1`.
fn take_release(text: &str) -> Option<(&str, &str)> {
    let mut end = 0;
    let mut rest = text;
    loop {
        let (digits, after) = take_while(rest, |c| c.is_ascii_digit());
        if digits.is_empty() {
            break;
        }
        end = text.len() - after.len();
        match after.strip_prefix('.') {
            Some(next) => rest = next,
            None => break,
        }
    }
    (end > 0).then(|| text.split_at(end))
}

/// `[sep] word [sep] [digits]`: the word, the digits, and what follows.
fn take_marker<'a>(
    text: &'a str,
    words: &[&'static str],
) -> Option<(&'static str, &'a str, &'a str)> {
    let separated = |text: &'a str| text.strip_prefix(['.', '-', '_']).unwrap_or(text);
    let start = separated(text);
    let (word, after) = words.iter().find_map(|word| Some((*word, start.strip_prefix(word)?)))?;
    let (digits, rest) = take_while(separated(after), |c| c.is_ascii_digit());
    Some(if digits.is_empty() { (word, "", after) } else { (word, digits, rest) })
}

fn compare_optional(a: Option<&str>, b: Option<&str>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => compare_digits(a, b),
        (a, b) => a.is_some().cmp(&b.is_some()),
    }
}

/// Numbers sort after words, and more parts after fewer.
fn compare_local(a: &str, b: &str) -> Ordering {
    let parts = |text: &str| -> Vec<String> {
        if text.is_empty() {
            return Vec::new();
        }
        text.split(['.', '-', '_']).map(str::to_owned).collect()
    };
    let (a, b) = (parts(a), parts(b));
    for (x, y) in a.iter().zip(&b) {
        let order = match (is_digits(x), is_digits(y)) {
            (true, true) => compare_digits(x, y),
            (false, false) => x.cmp(y),
            (x, y) => x.cmp(&y),
        };
        if order.is_ne() {
            return order;
        }
    }
    a.len().cmp(&b.len())
}

/// The sorting key that setuptools gave to versions before PEP 440: numbers padded to one width,
/// words marked so that they sort before numbers, and pre-release words before the end.
fn legacy_key(lower: &str) -> Vec<String> {
    const END: &str = "*final";
    let mut key: Vec<String> = Vec::new();
    let mut push = |part: String| {
        if part.starts_with('*') {
            if part.as_str() < END {
                while key.last().is_some_and(|last| last == "*final-") {
                    key.pop();
                }
            }
            while key.last().is_some_and(|last| last == "00000000") {
                key.pop();
            }
        }
        key.push(part);
    };
    let mut rest = lower;
    while let Some(first) = rest.chars().next() {
        let part;
        (part, rest) = if first.is_ascii_digit() {
            take_while(rest, |c| c.is_ascii_digit())
        } else if first.is_ascii_lowercase() {
            take_while(rest, |c| c.is_ascii_lowercase())
        } else if matches!(first, '.' | '-') {
            rest.split_at(1)
        } else {
            take_while(rest, |c| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-'))
        };
        match part {
            "." => {}
            "-" => push("*final-".to_owned()),
            "pre" | "preview" | "rc" => push("*c".to_owned()),
            "dev" => push("*@".to_owned()),
            digits if first.is_ascii_digit() => push(format!("{digits:0>8}")),
            word => push(format!("*{word}")),
        }
    }
    push(END.to_owned());
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_the_pep_holds() {
        let sorted = [
            "0.1-bulbasaur",
            "1.dev0",
            "1.0.dev456",
            "1.0a1",
            "1.0a2.dev456",
            "1.0a12.dev456",
            "1.0a12",
            "1.0b1.dev456",
            "1.0b2",
            "1.0b2.post345.dev456",
            "1.0b2.post345",
            "1.0rc1.dev456",
            "1.0rc1",
            "1.0",
            "1.0+abc.5",
            "1.0+abc.7",
            "1.0+5",
            "1.0.post456.dev34",
            "1.0.post456",
            "1.0.15",
            "1.1.dev1",
            "1!0.1",
        ];
        for (index, a) in sorted.iter().enumerate() {
            for (other, b) in sorted.iter().enumerate() {
                assert_eq!(Pep440.compare(a, b), Ok(index.cmp(&other)), "{a} {b}");
            }
        }
    }

    #[test]
    fn spellings_of_one_version_are_equal() {
        for (a, b) in [
            ("1.0", "v1.0.0"),
            ("1.0a1", "1.0-ALPHA.1"),
            ("1.0c1", "1.0_preview_1"),
            ("1.0-1", "1.0.post1"),
            ("1.0.r4", "1.0post4"),
            ("1.0dev", "1.0.dev0"),
            ("1.0+ubuntu-1", "1.0+ubuntu.1"),
            ("0!1.0", "1.0"),
            ("1.0a", "1.0a0"),
        ] {
            assert_eq!(Pep440.compare(a, b), Ok(Ordering::Equal), "{a} {b}");
        }
        assert!(Pep440.compare("", "1").is_err());
        assert!(Pep440.compare("==1.0", "1").is_err());
    }
}
