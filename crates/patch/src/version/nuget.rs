//! NuGet versions (<https://learn.microsoft.com/nuget/concepts/package-versioning>): up to four
//! numbers and a semantic pre-release, in which case has no weight.

use std::cmp::Ordering;

use super::{VersionError, VersionScheme, compare_numbers, is_digits, semver::compare_pre};

/// The order of NuGet packages.
pub struct NuGet;

impl VersionScheme for NuGet {
    fn name(&self) -> &'static str {
        "NuGet"
    }

    fn compare(&self, a: &str, b: &str) -> Result<Ordering, VersionError> {
        let (core_a, pre_a) = parts(a)?;
        let (core_b, pre_b) = parts(b)?;
        Ok(compare_numbers(core_a.split('.'), core_b.split('.')).then_with(|| {
            compare_pre(pre_a, pre_b, |x, y| x.to_ascii_lowercase().cmp(&y.to_ascii_lowercase()))
        }))
    }
}

fn parts(version: &str) -> Result<(&str, &str), VersionError> {
    let text = version.trim();
    let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
    let text = text.split_once('+').map_or(text, |(before, _)| before);
    let (core, pre) = text.split_once('-').unwrap_or((text, ""));
    let good = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
    if core.split('.').all(is_digits) && core.split('.').count() <= 4 && pre.bytes().all(good) {
        Ok((core, pre))
    } else {
        Err(VersionError::malformed("NuGet", version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_numbers_and_no_case() {
        assert_eq!(NuGet.compare("1.0", "1.0.0.0"), Ok(Ordering::Equal));
        assert_eq!(NuGet.compare("1.0-BETA", "1.0-beta"), Ok(Ordering::Equal));
        assert_eq!(NuGet.compare("1.0.0.1-a", "1.0.0.1"), Ok(Ordering::Less));
        assert!(NuGet.compare("1.0.0.0.0", "1").is_err());
    }
}
