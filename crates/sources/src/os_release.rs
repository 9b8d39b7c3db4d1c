//! Which distribution a root is, from `os-release(5)`, and its name among OSV's ecosystems.

use std::collections::BTreeMap;

use crate::limits::SIBLING_BYTES_MAX;
use crate::tree::Tree;

/// Where `os-release` stands; the first that is there holds.
pub const PLACES: [&str; 2] = ["/etc/os-release", "/usr/lib/os-release"];

/// The fields of `os-release` that ringfort reads. Empty where the file does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OsRelease {
    /// `ID`: `debian`, `ubuntu`.
    pub id: String,
    /// `VERSION_ID`: `12`, `22.04`.
    pub version_id: String,
    /// `VERSION_CODENAME`: `bookworm`, `jammy`.
    pub codename: String,
    /// `VERSION`: `22.04.3 LTS (Jammy Jellyfish)`.
    pub version: String,
    /// `PRETTY_NAME`, for people.
    pub pretty_name: String,
}

impl OsRelease {
    /// Reads the lines of `os-release`; what is not an assignment is passed over, as the
    /// specification asks.
    pub fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let fields: BTreeMap<&str, String> = text
            .lines()
            .filter_map(|line| line.trim().split_once('='))
            .filter(|(key, _)| !key.starts_with('#'))
            .map(|(key, value)| (key, unquote(value)))
            .collect();
        let get = |key: &str| fields.get(key).cloned().unwrap_or_default();
        Self {
            id: get("ID"),
            version_id: get("VERSION_ID"),
            codename: get("VERSION_CODENAME"),
            version: get("VERSION"),
            pretty_name: get("PRETTY_NAME"),
        }
    }

    /// Reads it from a root. `None` if the root has none.
    pub fn of_tree(tree: &dyn Tree) -> Option<Self> {
        let bytes = PLACES.iter().find_map(|place| tree.read(place, SIBLING_BYTES_MAX).ok())?;
        Some(Self::parse(&bytes))
    }

    /// The OSV ecosystem: `Debian:12`, `Ubuntu:22.04:LTS`. `None` if OSV has none for it, or if
    /// the release cannot be told.
    pub fn osv_ecosystem(&self) -> Option<String> {
        match self.id.as_str() {
            "debian" => {
                let major = self.version_id.split('.').next().unwrap_or_default();
                let major = if major.is_empty() { debian_release(&self.codename)? } else { major };
                Some(format!("Debian:{major}"))
            }
            "ubuntu" if self.version_id.is_empty() => None,
            "ubuntu" if self.version.contains("LTS") => {
                Some(format!("Ubuntu:{}:LTS", self.version_id))
            }
            "ubuntu" => Some(format!("Ubuntu:{}", self.version_id)),
            _ => None,
        }
    }
}

/// The number of a Debian release; testing carries only a code name.
fn debian_release(codename: &str) -> Option<&'static str> {
    Some(match codename {
        "buster" => "10",
        "bullseye" => "11",
        "bookworm" => "12",
        "trixie" => "13",
        "forky" => "14",
        "duke" => "15",
        _ => return None,
    })
}

/// A value as a shell would read it: quotes taken off, backslashes resolved.
fn unquote(value: &str) -> String {
    let value = value.trim();
    let inner = ['"', '\'']
        .iter()
        .find_map(|quote| value.strip_prefix(*quote).and_then(|rest| rest.strip_suffix(*quote)));
    let mut out = String::new();
    let mut chars = inner.unwrap_or(value).chars();
    while let Some(c) = chars.next() {
        out.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ecosystem(text: &str) -> Option<String> {
        OsRelease::parse(text.as_bytes()).osv_ecosystem()
    }

    #[test]
    fn a_release_has_the_name_that_osv_gives_it() {
        assert_eq!(ecosystem("ID=debian\nVERSION_ID=\"12\"\n").as_deref(), Some("Debian:12"));
        assert_eq!(ecosystem("ID=debian\nVERSION_CODENAME=forky\n").as_deref(), Some("Debian:14"));
        assert_eq!(
            ecosystem("VERSION_ID='22.04'\nID=ubuntu\nVERSION=\"22.04.3 LTS (Jammy)\"").as_deref(),
            Some("Ubuntu:22.04:LTS")
        );
        assert_eq!(
            ecosystem("ID=ubuntu\nVERSION_ID=23.10\nVERSION=23.10").as_deref(),
            Some("Ubuntu:23.10")
        );
        assert_eq!(ecosystem("ID=madeup\nVERSION_ID=1\nID_LIKE=debian"), None);
        assert_eq!(ecosystem("ID=debian\n"), None);
        assert_eq!(ecosystem("#ID=debian\nnonsense\n"), None);
    }

    #[test]
    fn quotes_and_backslashes_are_resolved() {
        let read = OsRelease::parse(b"PRETTY_NAME=\"A \\\"quoted\\\" name\"\n");
        assert_eq!(read.pretty_name, "A \"quoted\" name");
    }
}
