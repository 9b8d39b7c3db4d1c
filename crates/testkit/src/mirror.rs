//! Where this machine gets Debian packages from, read from its own apt sources, so that no host
//! name stands in this repository.

use std::fs;
use std::path::Path;

/// The Debian release that test roots are made of.
pub const SUITE: &str = "bookworm";

/// Bytes of one sources file.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// One place to get packages from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    /// The address, as apt writes it.
    pub uri: String,
    /// The suite, such as `bookworm` or `bookworm-security`.
    pub suite: String,
    /// The keyring that its signatures are checked with, if the entry names one.
    pub signed_by: Option<String>,
}

/// Debian's main archive and its security archive, as far as this machine's sources name them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mirrors {
    /// The main suite of [`SUITE`].
    pub main: Option<Mirror>,
    /// The security suite of [`SUITE`].
    pub security: Option<Mirror>,
}

impl Mirrors {
    /// Reads `etc/apt/sources.list` and `etc/apt/sources.list.d` below `root`.
    pub fn of_machine(root: &Path) -> Self {
        let folder = root.join("etc/apt");
        let mut files = vec![folder.join("sources.list")];
        if let Ok(entries) = fs::read_dir(folder.join("sources.list.d")) {
            files.extend(entries.flatten().map(|entry| entry.path()));
        }
        files.sort();
        let mut mirrors = Self::default();
        for path in files {
            let small = path.metadata().is_ok_and(|data| data.len() <= FILE_BYTES_MAX);
            let text = if small { fs::read_to_string(&path).unwrap_or_default() } else { continue };
            let entries = match path.extension().and_then(|extension| extension.to_str()) {
                Some("list") => one_line_entries(&text),
                Some("sources") => stanzas(&text),
                _ => continue,
            };
            for mirror in entries {
                mirrors.take(mirror);
            }
        }
        mirrors
    }

    /// Keeps the first entry of each suite. The same archive serves all releases, so an entry of
    /// another release serves as well, with the suite's name changed.
    fn take(&mut self, mirror: Mirror) {
        let security = format!("{SUITE}-security");
        let releases = ["bullseye", "bookworm", "trixie", "forky", "stable", "testing", "sid"];
        let (release, part) = mirror.suite.split_once('-').unwrap_or((mirror.suite.as_str(), ""));
        if !releases.contains(&release) {
            return;
        }
        match part {
            "" => self.main.get_or_insert(Mirror { suite: SUITE.into(), ..mirror }),
            "security" => self.security.get_or_insert(Mirror { suite: security, ..mirror }),
            _ => return,
        };
    }
}

/// `deb [options] uri suite component...` (sources.list(5), one-line style).
fn one_line_entries(text: &str) -> Vec<Mirror> {
    let entry = |line: &str| {
        let rest = line.trim().strip_prefix("deb")?;
        let rest = rest.strip_prefix([' ', '\t'])?.trim_start();
        let (options, rest) = match rest.strip_prefix('[') {
            Some(inner) => inner.split_once(']')?,
            None => ("", rest),
        };
        let mut words = rest.split_whitespace();
        let (uri, suite) = (words.next()?, words.next()?);
        let signed_by = options.split_whitespace().find_map(|o| o.strip_prefix("signed-by="));
        words.any(|component| component == "main").then(|| Mirror {
            uri: uri.to_owned(),
            suite: suite.to_owned(),
            signed_by: signed_by.map(str::to_owned),
        })
    };
    text.lines().filter_map(entry).collect()
}

/// Stanzas of `Field: value` (sources.list(5), deb822 style).
fn stanzas(text: &str) -> Vec<Mirror> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let mut mirrors = Vec::new();
    for stanza in lines.split(|line| line.trim().is_empty()) {
        let field = |name: &str| {
            stanza.iter().find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name).then(|| value.trim())
            })
        };
        let words = |name: &str| field(name).unwrap_or_default().split_whitespace();
        let off = field("Enabled").is_some_and(|value| value.eq_ignore_ascii_case("no"));
        if off || !words("Types").any(|t| t == "deb") || !words("Components").any(|c| c == "main") {
            continue;
        }
        for uri in words("URIs") {
            for suite in words("Suites") {
                let signed_by = field("Signed-By").filter(|value| value.starts_with('/'));
                mirrors.push(Mirror {
                    uri: uri.to_owned(),
                    suite: suite.to_owned(),
                    signed_by: signed_by.map(str::to_owned),
                });
            }
        }
    }
    mirrors
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(files: &[(&str, &str)]) -> Mirrors {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("etc/apt/sources.list.d");
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in files {
            fs::write(folder.join(name), text).unwrap();
        }
        Mirrors::of_machine(root.path())
    }

    #[test]
    fn both_styles_are_read() {
        let modern = "# first\nTypes: deb deb-src\n# second\nURIs: http://mirror.example/debian\n\
                      Suites: bookworm bookworm-updates\nComponents: main contrib\n\
                      Signed-By: /usr/share/keyrings/a.gpg\n\n\
                      Types: deb\nURIs: http://mirror.example/security\n\
                      Suites: bookworm-security\nComponents: main\n";
        let old = "deb-src http://mirror.example/debian bookworm main\n\
                   deb [arch=amd64 signed-by=/usr/share/keyrings/a.gpg] \
                   http://mirror.example/debian bookworm main\n\
                   deb http://mirror.example/security bookworm-security main\n";
        let expected = Mirrors {
            main: Some(Mirror {
                uri: "http://mirror.example/debian".into(),
                suite: "bookworm".into(),
                signed_by: Some("/usr/share/keyrings/a.gpg".into()),
            }),
            security: Some(Mirror {
                uri: "http://mirror.example/security".into(),
                suite: "bookworm-security".into(),
                signed_by: None,
            }),
        };
        assert_eq!(machine(&[("a.sources", modern)]), expected);
        assert_eq!(machine(&[("a.list", old)]), expected);
    }

    #[test]
    fn another_release_of_debian_serves_and_other_archives_do_not() {
        let mirrors = machine(&[
            ("a.list", "deb https://other.example/apt vendor-bookworm main\n"),
            ("b.list", "deb http://mirror.example/debian trixie main\n"),
            ("c.sources", "Types: deb\nEnabled: no\nURIs: http://x.example\nSuites: bookworm\n"),
            ("d.txt", "deb http://x.example/debian bookworm main\n"),
        ]);
        let main = mirrors.main.unwrap();
        assert_eq!(
            (main.uri.as_str(), main.suite.as_str()),
            ("http://mirror.example/debian", SUITE)
        );
        assert_eq!(mirrors.security, None);
        assert_eq!(machine(&[]), Mirrors::default());
    }
}
