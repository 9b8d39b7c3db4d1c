//! Version requirements of Cargo, read as intervals on the line of all semantic versions.
//!
//! RustSec does not use Cargo's own matching, in which a requirement without a pre-release never
//! meets a pre-release: an advisory speaks of every version that was ever published. So `>= 1.2.3`
//! is the interval from 1.2.3 on, `1.3.0-alpha.1` included, and `^1.2` ends before `2.0.0-0`.

use crate::version::{Semver, VersionError, VersionScheme};

/// One end of an interval.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Bound {
    Open,
    Exclusive(String),
    Inclusive(String),
}

/// An interval of semantic versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    start: Bound,
    end: Bound,
}

/// A comparator's version; what is missing is `None`.
struct Partial<'a> {
    major: u64,
    minor: Option<u64>,
    patch: Option<u64>,
    pre: &'a str,
}

impl Requirement {
    /// Reads a requirement such as `>= 1.2.3, < 1.3.0`, `^1.2` or `*`: at most one lower and one
    /// upper bound, and operators that mean both stand alone.
    pub fn parse(text: &str) -> Result<Self, VersionError> {
        Self::read(text).ok_or_else(|| VersionError::Malformed {
            scheme: "requirement of a Cargo",
            version: text.chars().take(80).collect(),
        })
    }

    fn read(text: &str) -> Option<Self> {
        let mut all = Self { start: Bound::Open, end: Bound::Open };
        if text.trim() == "*" {
            return Some(all);
        }
        let comparators: Vec<&str> = text.split(',').map(str::trim).collect();
        let alone = comparators.len() == 1;
        for comparator in comparators {
            let one = Self::read_comparator(comparator, alone)?;
            for (mine, its) in [(&mut all.start, one.start), (&mut all.end, one.end)] {
                match (&*mine, &its) {
                    (_, Bound::Open) => {}
                    (Bound::Open, _) => *mine = its,
                    _ => return None,
                }
            }
        }
        all.is_in_order().then_some(all)
    }

    fn read_comparator(text: &str, alone: bool) -> Option<Self> {
        let (operator, version) =
            text.split_at(text.find(|c: char| !"<>=~^".contains(c)).unwrap_or(text.len()));
        let version = Partial::read(version.trim_start())?;
        let at = version.text();
        let interval = |start, end| Some(Self { start, end });
        match operator {
            ">" => interval(Bound::Exclusive(at), Bound::Open),
            ">=" => interval(Bound::Inclusive(at), Bound::Open),
            "<" => interval(Bound::Open, Bound::Exclusive(at)),
            "<=" => interval(Bound::Open, Bound::Inclusive(at)),
            "=" if alone => interval(Bound::Inclusive(at.clone()), Bound::Inclusive(at)),
            "^" | "" if alone => interval(Bound::Inclusive(at), version.caret_end()?),
            "~" if alone => interval(Bound::Inclusive(at), version.tilde_end()?),
            _ => None,
        }
    }

    fn is_in_order(&self) -> bool {
        let (start, end) = match (&self.start, &self.end) {
            (Bound::Open, _) | (_, Bound::Open) => return true,
            (
                Bound::Inclusive(a) | Bound::Exclusive(a),
                Bound::Inclusive(b) | Bound::Exclusive(b),
            ) => (a, b),
        };
        let both_in =
            matches!((&self.start, &self.end), (Bound::Inclusive(_), Bound::Inclusive(_)));
        Semver.compare(start, end).is_ok_and(|o| o.is_lt() || (o.is_eq() && both_in))
    }

    /// Whether a version lies in the interval.
    pub fn contains(&self, version: &str) -> Result<bool, VersionError> {
        let after_start = match &self.start {
            Bound::Open => true,
            Bound::Inclusive(start) => Semver.compare(version, start)?.is_ge(),
            Bound::Exclusive(start) => Semver.compare(version, start)?.is_gt(),
        };
        let before_end = match &self.end {
            Bound::Open => true,
            Bound::Inclusive(end) => Semver.compare(version, end)?.is_le(),
            Bound::Exclusive(end) => Semver.compare(version, end)?.is_lt(),
        };
        Ok(after_start && before_end)
    }

    /// The first version of the interval, where it has one.
    pub fn first(&self) -> Option<&str> {
        match &self.start {
            Bound::Inclusive(start) => Some(start),
            Bound::Open | Bound::Exclusive(_) => None,
        }
    }
}

impl<'a> Partial<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let text = text.split_once('+').map_or(text, |(before, _)| before);
        let (core, pre) = text.split_once('-').unwrap_or((text, ""));
        let numbers: Option<Vec<u64>> = core
            .split('.')
            .map(|n| n.bytes().all(|b| b.is_ascii_digit()).then(|| n.parse().ok())?)
            .collect();
        let numbers = numbers.filter(|numbers| numbers.len() <= 3)?;
        let mut numbers = numbers.into_iter();
        let partial =
            Self { major: numbers.next()?, minor: numbers.next(), patch: numbers.next(), pre };
        let whole = partial.pre.is_empty() || partial.patch.is_some();
        (whole && Semver.compare(&partial.text(), "0").is_ok()).then_some(partial)
    }

    fn text(&self) -> String {
        let (minor, patch) = (self.minor.unwrap_or(0), self.patch.unwrap_or(0));
        let dash = if self.pre.is_empty() { "" } else { "-" };
        format!("{}.{minor}.{patch}{dash}{}", self.major, self.pre)
    }

    /// The ends below are before the lowest pre-release, so that `^1` leaves `2.0.0-alpha` out.
    fn caret_end(&self) -> Option<Bound> {
        let (major, minor, patch) = match (self.major, self.minor, self.patch) {
            (0, Some(0), Some(patch)) => (0, 0, patch.checked_add(1)?),
            (0, Some(minor), _) => (0, minor.checked_add(1)?, 0),
            (major, _, _) => (major.checked_add(1)?, 0, 0),
        };
        Some(Bound::Exclusive(format!("{major}.{minor}.{patch}-0")))
    }

    fn tilde_end(&self) -> Option<Bound> {
        let (major, minor) = match self.minor {
            Some(minor) => (self.major, minor.checked_add(1)?),
            None => (self.major.checked_add(1)?, 0),
        };
        Some(Bound::Exclusive(format!("{major}.{minor}.0-0")))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn intervals_hold_pre_releases_too() {
        for (requirement, inside, outside) in [
            (">= 1.2.3", "1.3.0-alpha", "1.2.3-rc.1"),
            ("> 1.2.3", "1.2.4-0", "1.2.3+build"),
            ("<= 1.2", "1.2.0", "1.2.1"),
            (">= 1.2.3, < 1.3.0", "1.3.0-rc.1", "1.3.0"),
            ("^0.2.3", "0.2.9", "0.3.0-0"),
            ("^0.0.3", "0.0.3", "0.0.4-0"),
            ("^0", "0.9.0", "1.0.0-0"),
            ("1.2", "1.9.0", "2.0.0-alpha"),
            ("~1.2.3", "1.2.9", "1.3.0-alpha"),
            ("~1", "1.9.0", "2.0.0-0"),
            ("= 1.2.3", "1.2.3+x", "1.2.4"),
        ] {
            let read = Requirement::parse(requirement).unwrap();
            assert!(read.contains(inside).unwrap(), "{inside} in {requirement}");
            assert!(!read.contains(outside).unwrap(), "{outside} not in {requirement}");
        }
        assert!(Requirement::parse("*").unwrap().contains("0.0.0-0").unwrap());
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in [
            "",
            "1.*",
            ">= 1, >= 2",
            "^1, < 2",
            "> 2, < 1",
            "= 1, < 2",
            "> 1.0.0, < 1.0.0",
            "=> 1",
            "1.2-a",
            ">= 99999999999999999999",
            "^18446744073709551615",
            "1.2.3.4",
            "< a",
        ] {
            assert!(Requirement::parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC*", comparator in "[<>=~^]{0,2} ?[0-9.]{0,8}(-[a-z0]+)?") {
            let _ = Requirement::parse(&text);
            if let Ok(read) = Requirement::parse(&comparator) {
                let _ = read.contains(&text);
            }
        }
    }
}
