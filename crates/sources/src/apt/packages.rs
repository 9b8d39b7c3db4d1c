//! `Packages`: one stanza for each version that a suite offers. Only the fields that ringfort
//! needs are looked at.

use std::io::Read;

use spine::SourcePackage;

use crate::deb822::{Stanza, StanzaError, Stanzas};
use crate::limits::STANZAS_MAX;

/// One stanza, borrowed from the stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PackageRow<'a> {
    /// `Package`.
    pub package: &'a str,
    /// `Version`.
    pub version: &'a str,
    /// `Architecture`.
    pub architecture: &'a str,
    /// `Source` as it stands: `name` or `name (version)`; empty if it is the package itself.
    pub source: &'a str,
    /// `Filename`, below the address of the archive.
    pub filename: &'a str,
    /// `Size`, bytes.
    pub size: u64,
    /// `SHA256`.
    pub sha256: Option<[u8; 32]>,
    /// `Essential: yes`.
    pub essential: bool,
    /// `Multi-Arch`.
    pub multi_arch: &'a str,
    /// `Phased-Update-Percentage`: the share of machines that are offered it already, of 100.
    pub phased_percent: Option<u8>,
}

/// One version that a suite offers, with all that a plan needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionRow {
    /// The package.
    pub package: String,
    /// Its version.
    pub version: String,
    /// Its architecture, `all` if any.
    pub architecture: String,
    /// What it was built from.
    pub source: SourcePackage,
    /// Its `.deb`, below the address of the archive.
    pub filename: String,
    /// Bytes of the `.deb`.
    pub size: u64,
    /// SHA-256 of the `.deb`.
    pub sha256: Option<[u8; 32]>,
    /// Whether the system does not work without it.
    pub essential: bool,
    /// `Multi-Arch`; empty if not said.
    pub multi_arch: String,
    /// The share of machines that are offered it already, of 100; `None`: all.
    pub phased_percent: Option<u8>,
    /// Index into the suites.
    pub suite: usize,
}

impl PackageRow<'_> {
    /// The source package's name and version.
    pub fn source_name_version(&self) -> (&str, &str) {
        let (name, rest) = self.source.split_once('(').unwrap_or((self.source, ""));
        let (name, version) = (name.trim(), rest.trim().trim_end_matches(')').trim());
        (
            if name.is_empty() { self.package } else { name },
            if version.is_empty() { self.version } else { version },
        )
    }
}

/// A row as it is kept: one string for all of its texts, since there are tens of thousands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PackedRow {
    /// Package, version, architecture, source's name and version, file name, `Multi-Arch`.
    text: Box<str>,
    /// Where each of them ends.
    ends: [u32; 7],
    size: u64,
    sha256: Option<[u8; 32]>,
    essential: bool,
    phased_percent: Option<u8>,
    suite: u32,
}

impl PackedRow {
    pub(super) fn new(row: &PackageRow<'_>, suite: usize) -> Self {
        let (source, source_version) = row.source_name_version();
        let parts = [
            row.package,
            row.version,
            row.architecture,
            source,
            source_version,
            row.filename,
            row.multi_arch,
        ];
        let mut text = String::with_capacity(parts.iter().map(|part| part.len()).sum());
        let ends = parts.map(|part| {
            text.push_str(part);
            // A stanza has 4 MiB at most.
            u32::try_from(text.len()).unwrap_or(u32::MAX)
        });
        Self {
            text: text.into_boxed_str(),
            ends,
            size: row.size,
            sha256: row.sha256,
            essential: row.essential,
            phased_percent: row.phased_percent,
            suite: u32::try_from(suite).unwrap_or(u32::MAX),
        }
    }

    pub(super) fn package(&self) -> &str {
        let [end, ..] = self.ends;
        self.text.get(..end as usize).unwrap_or_default()
    }

    pub(super) fn unpack(&self) -> VersionRow {
        let mut start = 0;
        let [package, version, architecture, source, source_version, filename, multi_arch] =
            self.ends.map(|end| {
                let part = self.text.get(start..end as usize).unwrap_or_default();
                start = end as usize;
                part.to_owned()
            });
        VersionRow {
            package,
            version,
            architecture,
            source: SourcePackage { name: source, version: source_version },
            filename,
            size: self.size,
            sha256: self.sha256,
            essential: self.essential,
            multi_arch,
            phased_percent: self.phased_percent,
            suite: self.suite as usize,
        }
    }
}

/// What a pass over a `Packages` file met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PackagesCount {
    /// Stanzas with a package, a version and an architecture.
    pub rows: usize,
    /// Stanzas without one of them, which were passed over.
    pub malformed: usize,
}

/// Why a `Packages` file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum PackagesError {
    /// The stream or a stanza.
    #[error(transparent)]
    Stanza(#[from] StanzaError),
    /// It holds more stanzas than the limit.
    #[error("over the limit of {limit} packages")]
    OverLimit {
        /// The limit.
        limit: usize,
    },
}

/// Reads a `Packages` file and hands over each row.
pub fn read_packages(
    reader: impl Read,
    mut each: impl FnMut(&PackageRow<'_>) -> Result<(), PackagesError>,
) -> Result<PackagesCount, PackagesError> {
    let mut stanzas = Stanzas::new(reader);
    let mut count = PackagesCount::default();
    while let Some(stanza) = stanzas.next_stanza()? {
        match row(&stanza) {
            Some(row) => {
                each(&row)?;
                count.rows += 1;
            }
            None => count.malformed += 1,
        }
        if count.rows + count.malformed > STANZAS_MAX {
            return Err(PackagesError::OverLimit { limit: STANZAS_MAX });
        }
    }
    Ok(count)
}

fn row<'a>(stanza: &Stanza<'a>) -> Option<PackageRow<'a>> {
    let mut row = PackageRow::default();
    for (name, value) in stanza.fields() {
        let slot = match name {
            b"Package" => &mut row.package,
            b"Version" => &mut row.version,
            b"Architecture" => &mut row.architecture,
            b"Source" => &mut row.source,
            b"Filename" => &mut row.filename,
            b"Multi-Arch" => &mut row.multi_arch,
            b"Size" => {
                row.size = std::str::from_utf8(value).ok()?.parse().ok()?;
                continue;
            }
            b"SHA256" => {
                let mut sha256 = [0; 32];
                hex::decode_to_slice(value, &mut sha256).ok()?;
                row.sha256 = Some(sha256);
                continue;
            }
            b"Essential" => {
                row.essential = value.eq_ignore_ascii_case(b"yes");
                continue;
            }
            b"Phased-Update-Percentage" => {
                row.phased_percent = std::str::from_utf8(value).ok()?.parse().ok();
                continue;
            }
            _ => continue,
        };
        *slot = std::str::from_utf8(value).ok()?;
    }
    let is_whole =
        !row.package.is_empty() && !row.version.is_empty() && !row.architecture.is_empty();
    is_whole.then_some(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_and_broken_ones_counted() {
        let text = "Package: a\nVersion: 1+b1\nArchitecture: amd64\nSource: s (1)\nSize: 7\n\
            Description: x\n y\nFilename: pool/a.deb\nEssential: yes\n\
            SHA256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n\n\
            Package: b\nVersion: 1\n\nPackage: c\nVersion: 2\nArchitecture: all\n";
        let mut rows = Vec::new();
        let count = read_packages(text.as_bytes(), |row| {
            rows.push(PackedRow::new(row, 3).unpack());
            Ok(())
        })
        .unwrap();
        assert_eq!(count, PackagesCount { rows: 2, malformed: 1 });
        assert_eq!(rows[0].source, SourcePackage { name: "s".into(), version: "1".into() });
        assert_eq!((rows[0].size, rows[0].essential, rows[0].suite), (7, true, 3));
        assert!(rows[0].sha256.is_some());
        assert_eq!(rows[0].filename, "pool/a.deb");
        assert_eq!(rows[1].source, SourcePackage { name: "c".into(), version: "2".into() });
    }
}
