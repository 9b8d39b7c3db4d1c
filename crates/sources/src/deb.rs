//! What is inside a `.deb` (deb(5)), read from a stream without unpacking anything to disk:
//! control fields, conffiles, maintainer scripts, paths, and the changelog.

mod ar;
mod archive;

use std::collections::BTreeMap;
use std::io::{self, Read, Seek};

pub use archive::{PathEntry, PathKind};

use crate::deb822::Stanzas;
use crate::limits::{
    CHANGELOG_BYTES_MAX, DEB_CONTROL_BYTES_MAX, DEB_CONTROL_FILE_BYTES_MAX, DEB_DATA_BYTES_MAX,
};
use crate::unpack::{self, Compression};
use archive::Entries;

/// Why a `.deb` could not be read. Each of them means "unknown".
#[derive(Debug, thiserror::Error)]
pub enum DebError {
    /// It ends before it should.
    #[error("the package file is cut short in {part}")]
    Truncated {
        /// Where.
        part: &'static str,
    },
    /// It is not a `.deb`, or holds what a `.deb` cannot hold.
    #[error("the package file is not a Debian package: {reason}")]
    Format {
        /// What is wrong.
        reason: String,
    },
    /// A member's compression is not known.
    #[error("the compression of `{member}` is not known")]
    UnknownCompression {
        /// The member's name, control characters replaced.
        member: String,
    },
    /// A written limit was hit.
    #[error("the package file is over the limit of {limit} {what}")]
    OverLimit {
        /// What the limit counts.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// The machine refused, or compressed data is damaged.
    #[error("the package file cannot be read: {0}")]
    Io(io::Error),
}

impl DebError {
    /// An error of reading `part`, whose decompressed bytes have a limit.
    fn of_read(part: &'static str, limit: u64, error: io::Error) -> Self {
        if unpack::is_over_limit(&error) {
            return Self::OverLimit { what: "decompressed bytes", limit };
        }
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Truncated { part },
            _ => Self::Io(error),
        }
    }
}

/// The control archive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Control {
    /// Fields of `control`, by their names as written.
    pub fields: BTreeMap<String, String>,
    /// Configuration files, absolute; one that the new version removes is left out.
    pub conffiles: Vec<String>,
    /// Names of the other members: `preinst`, `postinst`, `triggers`, `md5sums`.
    pub members: Vec<String>,
}

impl Control {
    /// A field by its name in any case.
    pub fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// A changelog in a `.deb`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changelog {
    /// Its text.
    Text {
        /// Its path, without a leading `/`.
        path: String,
        /// Its bytes, decompressed.
        bytes: Vec<u8>,
    },
    /// The folder of documents is a link to that of another package of the same source: the
    /// changelog is in that package.
    InPackage {
        /// The other package.
        package: String,
    },
    /// There is none.
    Missing,
}

/// A `.deb` in a stream that can be wound back.
#[derive(Debug)]
pub struct Deb<R> {
    reader: R,
    control: ar::Member,
    data: ar::Member,
}

impl<R: Read + Seek> Deb<R> {
    /// Reads the table of members.
    pub fn open(mut reader: R) -> Result<Self, DebError> {
        let members = ar::members(&mut reader)?;
        let mut control = None;
        let mut data = None;
        match members.first() {
            Some(first) if first.name == "debian-binary" => {
                let version = ar::read_small(&mut reader, first)?;
                if !version.starts_with(b"2.") {
                    let version = String::from_utf8_lossy(&version).trim().replace('\n', " ");
                    return Err(DebError::Format {
                        reason: format!("its format has version `{version}`, 2.x is known"),
                    });
                }
            }
            _ => return Err(format_error("its first member is not `debian-binary`")),
        }
        for member in members {
            if member.name.starts_with("control.tar") && control.is_none() {
                control = Some(member);
            } else if member.name.starts_with("data.tar") && data.is_none() {
                data = Some(member);
            }
        }
        match (control, data) {
            (Some(control), Some(data)) => Ok(Self { reader, control, data }),
            (None, _) => Err(format_error("it has no `control.tar`")),
            (_, None) => Err(format_error("it has no `data.tar`")),
        }
    }

    /// Reads the control archive.
    pub fn control(&mut self) -> Result<Control, DebError> {
        const PART: &str = "the control archive";
        let limit = DEB_CONTROL_BYTES_MAX;
        let stream = open_member(&mut self.reader, &self.control, limit)?;
        let mut entries = Entries::new(stream, PART, limit);
        let mut control = Control::default();
        let mut has_control = false;
        entries.each(|entry, content| {
            let bytes = read_at_most(content, DEB_CONTROL_FILE_BYTES_MAX, PART, limit)?;
            match entry.path.as_str() {
                "control" => {
                    has_control = true;
                    control.fields = control_fields(&bytes)?;
                }
                "conffiles" => control.conffiles = conffiles(&bytes),
                "" => {}
                other if entry.kind == PathKind::File => control.members.push(other.to_owned()),
                _ => {}
            }
            Ok(true)
        })?;
        if has_control { Ok(control) } else { Err(format_error("it has no `control` file")) }
    }

    /// Hands over every path of the data archive, until told to stop with `false`.
    pub fn paths(&mut self, mut each: impl FnMut(&PathEntry) -> bool) -> Result<(), DebError> {
        let limit = DEB_DATA_BYTES_MAX;
        let stream = open_member(&mut self.reader, &self.data, limit)?;
        Entries::new(stream, "the data archive", limit).each(|entry, _| Ok(each(entry)))
    }

    /// The changelog of `package`: the distribution's own, else the program's (a package that
    /// was made for the distribution has only that). The stream is left as soon as it is there.
    pub fn changelog(&mut self, package: &str) -> Result<Changelog, DebError> {
        const PART: &str = "the data archive";
        let limit = DEB_DATA_BYTES_MAX;
        let folder = format!("usr/share/doc/{package}");
        let stream = open_member(&mut self.reader, &self.data, limit)?;
        let mut found = Changelog::Missing;
        Entries::new(stream, PART, limit).each(|entry, content| {
            let Some(rest) = entry.path.strip_prefix(&folder) else { return Ok(true) };
            if rest.is_empty()
                && entry.kind == PathKind::Symlink
                && let Some(package) = linked_package(&entry.target)
            {
                found = Changelog::InPackage { package: package.to_owned() };
                return Ok(false);
            }
            let Some(name) = rest.strip_prefix('/') else { return Ok(true) };
            let Some(rank) = rank(name).filter(|_| entry.kind == PathKind::File) else {
                return Ok(true);
            };
            if matches!(found, Changelog::Missing) || rank == Rank::Distribution {
                let packed = read_at_most(content, CHANGELOG_BYTES_MAX, PART, limit)?;
                let bytes = plain_changelog(name, &packed)?;
                found = Changelog::Text { path: entry.path.clone(), bytes };
            }
            Ok(rank != Rank::Distribution)
        })?;
        Ok(found)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Rank {
    Distribution,
    Program,
}

fn rank(name: &str) -> Option<Rank> {
    match name {
        "changelog.Debian.gz" | "changelog.Debian" => Some(Rank::Distribution),
        "changelog.gz" | "changelog" => Some(Rank::Program),
        _ => None,
    }
}

fn format_error(reason: &str) -> DebError {
    DebError::Format { reason: reason.to_owned() }
}

/// The package that a link of a folder of documents leads to, if it stays beside it.
fn linked_package(target: &str) -> Option<&str> {
    let name = target.strip_prefix("/usr/share/doc/").unwrap_or(target);
    let name = name.strip_prefix("./").unwrap_or(name).trim_end_matches('/');
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    let fits = !name.is_empty() && !name.starts_with('.') && name.chars().all(is_name);
    fits.then_some(name)
}

fn open_member<'a, R: Read + Seek>(
    reader: &'a mut R,
    member: &ar::Member,
    limit: u64,
) -> Result<Box<dyn Read + 'a>, DebError> {
    let unknown = || DebError::UnknownCompression { member: member.name.clone() };
    let compression = match member.name.split_once(".tar") {
        Some((_, "")) => Compression::Plain,
        Some((_, ".gz")) => Compression::Gzip,
        Some((_, ".xz" | ".lzma")) => Compression::Xz,
        Some((_, ".zst")) => Compression::Zstd,
        _ => return Err(unknown()),
    };
    let content = ar::content(reader, member)?;
    unpack::unpack(compression, content, limit).map_err(DebError::Io)
}

fn read_at_most(
    content: &mut dyn Read,
    limit: u64,
    part: &'static str,
    archive_limit: u64,
) -> Result<Vec<u8>, DebError> {
    let mut bytes = Vec::new();
    content
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| DebError::of_read(part, archive_limit, error))?;
    if bytes.len() as u64 > limit {
        return Err(DebError::OverLimit { what: "bytes of one file", limit });
    }
    Ok(bytes)
}

fn control_fields(bytes: &[u8]) -> Result<BTreeMap<String, String>, DebError> {
    let mut stanzas = Stanzas::new(bytes);
    let stanza = stanzas
        .next_stanza()
        .map_err(|error| format_error(&error.to_string()))?
        .ok_or_else(|| format_error("its `control` file is empty"))?;
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let fields = stanza.fields().filter(|(name, _)| !name.is_empty());
    Ok(fields.map(|(name, value)| (text(name), text(value))).collect())
}

/// deb-conffiles(5): one absolute path a line; `remove-on-upgrade` may stand before it.
fn conffiles(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let lines = text.lines().map(str::trim);
    lines.filter(|line| line.starts_with('/')).map(str::to_owned).collect()
}

fn plain_changelog(name: &str, packed: &[u8]) -> Result<Vec<u8>, DebError> {
    let (compression, _) = Compression::of_name(name).unwrap_or((Compression::Plain, name));
    let mut plain =
        unpack::unpack(compression, packed, CHANGELOG_BYTES_MAX).map_err(DebError::Io)?;
    let mut bytes = Vec::new();
    plain
        .read_to_end(&mut bytes)
        .map_err(|error| DebError::of_read("the changelog", CHANGELOG_BYTES_MAX, error))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
