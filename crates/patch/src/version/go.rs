//! Go module versions (<https://go.dev/ref/mod#versions>): semantic versions with a leading `v`,
//! pseudo-versions among them, and the versions of the toolchain and standard library such as
//! `go1.21rc2`, which is `1.21.0-rc.2`.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::semver::Parts;
use super::{VersionError, VersionScheme, take_while};

/// The order of Go modules.
pub struct Go;

impl VersionScheme for Go {
    fn name(&self) -> &'static str {
        "Go"
    }

    fn compare(&self, a: &str, b: &str) -> Result<Ordering, VersionError> {
        let (a, b) = (as_semver(a), as_semver(b));
        Ok(Parts::parse(self.name(), &a)?.compare(&Parts::parse(self.name(), &b)?))
    }
}

/// `go1.21rc2` and `1.21rc2` as `1.21.0-rc.2`; anything else as it is.
fn as_semver(version: &str) -> Cow<'_, str> {
    let text = version.trim();
    let text = text.strip_prefix("go").unwrap_or(text);
    let (core, rest) = take_while(text, |c| c.is_ascii_digit() || c == '.');
    let (word, number) = take_while(rest, |c| c.is_ascii_lowercase());
    if matches!(word, "rc" | "beta") && number.bytes().all(|b| b.is_ascii_digit()) {
        Cow::Owned(format!("{core}-{word}.{number}"))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pseudo_versions_and_toolchains_have_their_place() {
        let sorted = [
            "v0.0.0-20190101000000-abcdefabcdef",
            "v0.0.0-20200101000000-000000000000",
            "v0.1.0",
            "v1.2.3",
            "v1.2.4-0.20210101000000-abcdefabcdef",
            "v1.2.4-rc.1",
            "v1.2.4",
            "go1.21beta1",
            "go1.21rc2",
            "go1.21",
            "1.21.1",
            "v2.0.0+incompatible",
        ];
        for (index, a) in sorted.iter().enumerate() {
            for (other, b) in sorted.iter().enumerate() {
                assert_eq!(Go.compare(a, b), Ok(index.cmp(&other)), "{a} {b}");
            }
        }
        assert!(Go.compare("(devel)", "v1.0.0").is_err());
    }
}
