//! `InRelease` and `Release` (Debian repository format): what an archive says of itself, and the
//! checksums of its lists.

use std::collections::BTreeMap;

use crate::deb822::Stanzas;
use crate::limits::RELEASE_FILES_MAX;

/// Size and SHA-256 of a file that a release names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReleaseFile {
    /// Bytes.
    pub size: u64,
    /// SHA-256.
    pub sha256: [u8; 32],
}

/// What a release says. Empty where it does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Release {
    /// `Origin`: `Debian`.
    pub origin: String,
    /// `Label`: `Debian-Security`.
    pub label: String,
    /// `Suite`: `stable-security`.
    pub suite: String,
    /// `Codename`: `bookworm-security`.
    pub codename: String,
    /// `Version`: `12.11`.
    pub version: String,
    /// `Date`, milliseconds after 1970-01-01.
    pub date_ms: Option<i64>,
    /// `Valid-Until`, milliseconds after 1970-01-01.
    pub valid_until_ms: Option<i64>,
    /// `NotAutomatic`: nothing is installed from here unless asked for.
    pub not_automatic: bool,
    /// `ButAutomaticUpgrades`: but what was, is upgraded.
    pub but_automatic_upgrades: bool,
    /// The `SHA256` table, by path below the release.
    pub files: BTreeMap<String, ReleaseFile>,
}

/// Why a release could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseError {
    /// The signed text has no end, or none is there.
    #[error("the release is cut short or empty")]
    Truncated,
    /// It names more files than the limit.
    #[error("the release is over the limit of {limit} files")]
    OverLimit {
        /// The limit.
        limit: usize,
    },
}

impl Release {
    /// Reads a `Release`, or the signed text of an `InRelease`.
    pub fn parse(bytes: &[u8]) -> Result<Self, ReleaseError> {
        let text = signed_text(bytes)?;
        let mut stanzas = Stanzas::new(text.as_slice());
        let Ok(Some(stanza)) = stanzas.next_stanza() else { return Err(ReleaseError::Truncated) };
        let mut release = Self::default();
        for (name, value) in stanza.fields() {
            let text = || String::from_utf8_lossy(value).into_owned();
            match name.to_ascii_lowercase().as_slice() {
                b"origin" => release.origin = text(),
                b"label" => release.label = text(),
                b"suite" => release.suite = text(),
                b"codename" => release.codename = text(),
                b"version" => release.version = text(),
                b"date" => release.date_ms = date_ms(&text()),
                b"valid-until" => release.valid_until_ms = date_ms(&text()),
                b"notautomatic" => release.not_automatic = value.eq_ignore_ascii_case(b"yes"),
                b"butautomaticupgrades" => {
                    release.but_automatic_upgrades = value.eq_ignore_ascii_case(b"yes");
                }
                b"sha256" => release.files = table(&text())?,
                _ => {}
            }
        }
        Ok(release)
    }

    /// The priority that apt gives it without pins (apt_preferences(5)).
    pub fn priority(&self) -> u16 {
        match (self.not_automatic, self.but_automatic_upgrades) {
            (false, _) => 500,
            (true, true) => 100,
            (true, false) => 1,
        }
    }
}

/// The text inside a clear-text signature (RFC 9580 §7), or all of it where there is none.
fn signed_text(bytes: &[u8]) -> Result<Vec<u8>, ReleaseError> {
    const BEGIN: &[u8] = b"-----BEGIN PGP SIGNED MESSAGE-----";
    const END: &[u8] = b"-----BEGIN PGP SIGNATURE-----";
    if !bytes.starts_with(BEGIN) {
        return Ok(bytes.to_vec());
    }
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
    lines.by_ref().find(|line| line.trim_ascii().is_empty());
    let mut text = Vec::with_capacity(bytes.len());
    for line in lines {
        if line.trim_ascii_end() == END {
            return Ok(text);
        }
        text.extend_from_slice(line.strip_prefix(b"- ").unwrap_or(line));
    }
    Err(ReleaseError::Truncated)
}

fn table(text: &str) -> Result<BTreeMap<String, ReleaseFile>, ReleaseError> {
    let mut files = BTreeMap::new();
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        let (Some(hex), Some(size), Some(path)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        let mut sha256 = [0; 32];
        if let (Ok(size), Ok(())) = (size.parse(), hex::decode_to_slice(hex, &mut sha256)) {
            files.insert(path.to_owned(), ReleaseFile { size, sha256 });
        }
        if files.len() > RELEASE_FILES_MAX {
            return Err(ReleaseError::OverLimit { limit: RELEASE_FILES_MAX });
        }
    }
    Ok(files)
}

/// `Sat, 11 Oct 2025 09:43:12 UTC`
fn date_ms(text: &str) -> Option<i64> {
    let text = text.trim().replace("UTC", "+0000");
    let parser = jiff::fmt::rfc2822::DateTimeParser::new().relaxed_weekday(true);
    parser.parse_timestamp(&text).ok().map(jiff::Timestamp::as_millisecond)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "Origin: Example\nLabel: Example-Security\nSuite: stable-security\n\
        Codename: wood-security\nDate: Sat, 11 Oct 2025 09:43:12 UTC\n\
        Valid-Until: Sat, 18 Oct 2025 09:43:12 UTC\nNotAutomatic: yes\n\
        ButAutomaticUpgrades: yes\nMD5Sum:\n 00 1 main/x\nSHA256:\n \
        e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855        0 \
        main/binary-amd64/Packages\n";

    #[test]
    fn a_signed_release_reads_as_the_plain_one_and_a_cut_one_is_an_error() {
        let plain = Release::parse(PLAIN.as_bytes()).unwrap();
        let signed = format!(
            "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{PLAIN}\
             -----BEGIN PGP SIGNATURE-----\n\nxx\n-----END PGP SIGNATURE-----\n"
        );
        assert_eq!(Release::parse(signed.as_bytes()).unwrap(), plain);
        assert_eq!(plain.codename, "wood-security");
        assert_eq!(plain.date_ms, Some(1_760_175_792_000));
        assert_eq!(plain.valid_until_ms, Some(1_760_780_592_000));
        assert_eq!(plain.priority(), 100);
        assert_eq!(plain.files["main/binary-amd64/Packages"].size, 0);
        let cut = &signed.as_bytes()[..signed.len() / 2];
        assert_eq!(Release::parse(cut), Err(ReleaseError::Truncated));
        assert_eq!(Release::parse(b""), Err(ReleaseError::Truncated));
    }
}
