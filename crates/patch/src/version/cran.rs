//! Versions that are only numbers, between `.` or `-`, where more numbers are newer: CRAN
//! (`package_version` of R) and Hackage (the Haskell package versioning policy).

use std::cmp::Ordering;

use super::{VersionError, VersionScheme, compare_digits, is_digits};

/// The order of R and Haskell packages.
pub struct Cran;

impl VersionScheme for Cran {
    fn name(&self) -> &'static str {
        "CRAN"
    }

    fn compare(&self, a: &str, b: &str) -> Result<Ordering, VersionError> {
        for version in [a, b] {
            if !version.trim().split(['.', '-']).all(is_digits) {
                return Err(VersionError::malformed(self.name(), version));
            }
        }
        let (mut a, mut b) = (a.trim().split(['.', '-']), b.trim().split(['.', '-']));
        loop {
            let order = match (a.next(), b.next()) {
                (None, None) => return Ok(Ordering::Equal),
                (Some(x), Some(y)) => compare_digits(x, y),
                (x, y) => x.is_some().cmp(&y.is_some()),
            };
            if order.is_ne() {
                return Ok(order);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dash_is_a_dot_and_more_numbers_are_newer() {
        assert_eq!(Cran.compare("1.0-1", "1.0.1"), Ok(Ordering::Equal));
        assert_eq!(Cran.compare("1.0", "1.0.0"), Ok(Ordering::Less));
        assert!(Cran.compare("1.0b", "1.0").is_err());
    }
}
