//! Semantic versions 2.0.0 (<https://semver.org/#spec-item-11>), read leniently: a leading `v`,
//! missing parts (they are 0) and parts after the third (they are build metadata) are accepted,
//! as OSV databases write them. Build metadata has no weight.

use std::cmp::Ordering;

use super::{VersionError, VersionScheme, compare_digits, compare_numbers, is_digits};

/// The order of semantic versions.
pub struct Semver;

/// The parts of a semantic version that have weight.
pub(crate) struct Parts<'a> {
    core: &'a str,
    pre: &'a str,
}

impl<'a> Parts<'a> {
    pub(crate) fn parse(scheme: &'static str, version: &'a str) -> Result<Self, VersionError> {
        let text = version.trim();
        let text = text.strip_prefix(['v', 'V', '=']).unwrap_or(text);
        let text = text.split_once('+').map_or(text, |(before, _)| before);
        let (core, pre) = match text.split_once('-') {
            Some((core, pre)) => (core, Some(pre)),
            None => (text, None),
        };
        let pre_is_good = pre.is_none_or(|pre| {
            pre.split('.').all(|part| {
                !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            })
        });
        if core.split('.').all(is_digits) && pre_is_good {
            Ok(Self { core, pre: pre.unwrap_or("") })
        } else {
            Err(VersionError::malformed(scheme, version))
        }
    }

    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        compare_numbers(self.core.split('.').take(3), other.core.split('.').take(3))
            .then_with(|| compare_pre(self.pre, other.pre, str::cmp))
    }
}

impl VersionScheme for Semver {
    fn name(&self) -> &'static str {
        "semantic"
    }

    fn compare(&self, a: &str, b: &str) -> Result<Ordering, VersionError> {
        Ok(Parts::parse(self.name(), a)?.compare(&Parts::parse(self.name(), b)?))
    }
}

/// The order of two pre-releases, where the empty one is the release itself and the newest.
pub(super) fn compare_pre(a: &str, b: &str, words: fn(&str, &str) -> Ordering) -> Ordering {
    if a.is_empty() || b.is_empty() {
        return a.is_empty().cmp(&b.is_empty());
    }
    let (mut a, mut b) = (a.split('.'), b.split('.'));
    loop {
        let order = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(x), Some(y)) => match (is_digits(x), is_digits(y)) {
                (true, true) => compare_digits(x, y),
                (true, false) => Ordering::Less,
                (false, true) => Ordering::Greater,
                (false, false) => words(x, y),
            },
        };
        if order.is_ne() {
            return order;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_the_specification_holds() {
        let sorted = [
            "0.9.9",
            "1.0.0-0",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
            "v1.0.1",
            "1.10",
        ];
        for (index, a) in sorted.iter().enumerate() {
            for (other, b) in sorted.iter().enumerate() {
                assert_eq!(Semver.compare(a, b), Ok(index.cmp(&other)), "{a} {b}");
            }
        }
        assert_eq!(Semver.compare("1.0.0+a", "1.0.0+b"), Ok(Ordering::Equal));
    }

    #[test]
    fn what_is_no_version_is_an_error() {
        for bad in ["", "latest", "1..2", "1.2.3-", "1.x", "1.2.3-a..b", "git+ssh"] {
            assert!(Semver.compare(bad, "1.0.0").is_err(), "{bad}");
        }
    }
}
