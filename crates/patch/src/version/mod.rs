//! The order of versions, one scheme a file. These comparators are ringfort's own; each file names
//! the document or the program whose order it keeps.
//!
//! [`scheme_for`] finds the scheme of an OSV ecosystem. A version that a scheme cannot read is an
//! error, never "equal" and never "older": whoever asks must say "unknown".

use std::cmp::Ordering;

mod alpine;
mod cran;
mod debian;
mod go;
mod maven;
mod nuget;
mod pep440;
mod rpm;
mod rubygems;
mod semver;

pub use debian::Debian;
pub use semver::Semver;

use crate::limits;

/// A version that its scheme cannot read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// The text is not a version of the scheme.
    #[error("`{version}` is not a {scheme} version")]
    Malformed {
        /// The scheme's name.
        scheme: &'static str,
        /// The text, cut to 80 characters.
        version: String,
    },
    /// No scheme is known for the ecosystem.
    #[error("the order of versions in the ecosystem `{0}` is not known")]
    UnknownEcosystem(String),
}

impl VersionError {
    fn malformed(scheme: &'static str, version: &str) -> Self {
        Self::Malformed { scheme, version: version.chars().take(80).collect() }
    }
}

/// A total order of versions.
pub trait VersionScheme: Sync {
    /// The scheme's name, such as `Debian`.
    fn name(&self) -> &'static str;

    /// Compares two versions that are no longer than [`limits::VERSION_BYTES_MAX`].
    fn compare(&self, a: &str, b: &str) -> Result<Ordering, VersionError>;
}

/// The schemes and the OSV ecosystems (without a release) that use them.
const SCHEMES: &[(&dyn VersionScheme, &[&str])] = &[
    (&debian::Debian, &["Debian", "Ubuntu", "Echo"]),
    (
        &semver::Semver,
        &["crates.io", "npm", "Hex", "SwiftURL", "GitHub Actions", "Bitnami", "Julia"],
    ),
    (&pep440::Pep440, &["PyPI"]),
    (&go::Go, &["Go"]),
    (&rubygems::RubyGems, &["RubyGems"]),
    (&maven::Maven, &["Maven"]),
    (&nuget::NuGet, &["NuGet"]),
    (&cran::Cran, &["CRAN", "Bioconductor", "Hackage", "GHC"]),
    (
        &alpine::Alpine,
        &["Alpine", "Alpaquita", "BellSoft Hardened Containers", "Chainguard", "Wolfi"],
    ),
    (
        &rpm::Rpm,
        &[
            "Red Hat",
            "Rocky Linux",
            "AlmaLinux",
            "SUSE",
            "openSUSE",
            "openEuler",
            "Mageia",
            "Photon OS",
            "Azure Linux",
        ],
    ),
];

/// The scheme of an OSV ecosystem, such as `Debian:12` or `PyPI`.
pub fn scheme_for(ecosystem: &str) -> Result<&'static dyn VersionScheme, VersionError> {
    let base = ecosystem.split(':').next().unwrap_or(ecosystem);
    SCHEMES
        .iter()
        .find(|(_, names)| names.contains(&base))
        .map(|(scheme, _)| *scheme)
        .ok_or_else(|| VersionError::UnknownEcosystem(ecosystem.chars().take(80).collect()))
}

/// Compares two versions of an OSV ecosystem.
pub fn compare(ecosystem: &str, a: &str, b: &str) -> Result<Ordering, VersionError> {
    let scheme = scheme_for(ecosystem)?;
    for version in [a, b] {
        if version.len() > limits::VERSION_BYTES_MAX {
            return Err(VersionError::malformed(scheme.name(), version));
        }
    }
    scheme.compare(a, b)
}

/// The numeric order of two runs of digits of any length; an empty run is 0.
fn compare_digits(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// The longest start whose characters all meet a condition, and the rest.
fn take_while(text: &str, keep: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !keep(c)).unwrap_or(text.len()))
}

/// The order of two lists of dot-separated numbers; the shorter one is padded with zeros.
fn compare_numbers<'a>(
    a: impl IntoIterator<Item = &'a str>,
    b: impl IntoIterator<Item = &'a str>,
) -> Ordering {
    let (mut a, mut b) = (a.into_iter(), b.into_iter());
    loop {
        let (x, y) = (a.next(), b.next());
        if x.is_none() && y.is_none() {
            return Ordering::Equal;
        }
        let order = compare_digits(x.unwrap_or(""), y.unwrap_or(""));
        if order.is_ne() {
            return order;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_ecosystem_may_carry_a_release_and_an_unknown_one_is_an_error() {
        assert_eq!(scheme_for("Debian:12").unwrap().name(), "Debian");
        assert_eq!(scheme_for("Alpine:v3.20").unwrap().name(), "Alpine");
        assert!(scheme_for("Nowhere").is_err());
        assert!(compare("Debian", &"1".repeat(5_000), "1").is_err());
    }

    #[test]
    fn no_ecosystem_has_two_schemes() {
        let mut names: Vec<_> = SCHEMES.iter().flat_map(|(_, names)| *names).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    fn version() -> impl Strategy<Value = String> {
        prop_oneof![
            "[0-9a-z.+:~_-]{1,10}",
            "[0-9]{1,2}(\\.[0-9]{1,2}){0,3}(-?(a|b|rc|alpha|beta|dev|post|r|p|sp|pre)[0-9]?)?",
            "[0-2]:?[0-9](\\.[0-9]){0,2}(_(alpha|rc|p)[0-9]?)?(-r?[0-9])?",
            "(v|go)?1\\.[0-2](\\.[0-2])?(-[a-z0-9.]{1,4})?(\\+[a-z0-9.]{1,3})?",
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn every_scheme_is_a_total_order(a in version(), b in version(), c in version()) {
            for (scheme, _) in SCHEMES {
                let (Ok(ab), Ok(ba), Ok(bc), Ok(ac)) = (
                    scheme.compare(&a, &b),
                    scheme.compare(&b, &a),
                    scheme.compare(&b, &c),
                    scheme.compare(&a, &c),
                ) else { continue };
                let name = scheme.name();
                prop_assert_eq!(scheme.compare(&a, &a), Ok(Ordering::Equal), "{}", name);
                prop_assert_eq!(ab, ba.reverse(), "{}: {} {}", name, a, b);
                if ab == bc {
                    prop_assert_eq!(ac, ab, "{}: {} {} {}", name, a, b, c);
                } else if ab.is_eq() {
                    prop_assert_eq!(ac, bc, "{}: {} {} {}", name, a, b, c);
                } else if bc.is_eq() {
                    prop_assert_eq!(ac, ab, "{}: {} {} {}", name, a, b, c);
                }
            }
        }

        #[test]
        fn no_text_makes_a_scheme_panic(a in "\\PC{0,20}", b in "\\PC{0,20}") {
            for (scheme, _) in SCHEMES {
                let _ = scheme.compare(&a, &b);
            }
        }
    }
}
