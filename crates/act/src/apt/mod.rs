//! What dpkg and apt keep, read without them, as far as acting needs it: what is installed, and
//! what the signed metadata in ringfort's own state says of a package's file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use formats::unpack::{Compression, unpack};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use spine::Digest;

use crate::engine::Shared;
use crate::error::{ActError, During as _};
use crate::limits::{LIST_FILES_MAX, PACKAGE_TEXT_CHARS_MAX, PACKAGES_MAX, PARSED_FILE_BYTES_MAX};

pub(crate) mod at_work;
pub mod change;

/// One package that changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackageChange {
    /// Its name.
    pub name: String,
    /// Its architecture.
    pub arch: String,
    /// The version before; empty where it is new.
    pub from: String,
    /// The version after; empty where it is removed.
    pub to: String,
}

/// A package at a version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackageVersion {
    /// Its name.
    pub name: String,
    /// Its architecture.
    pub arch: String,
    /// The version.
    pub version: String,
}

impl PackageVersion {
    /// The name of its file as apt writes it into its archive folder.
    pub fn file_name(&self) -> String {
        let version = self.version.replace(':', "%3a");
        format!("{}_{version}_{}.deb", self.name, self.arch)
    }

    /// How it is named to `apt-get`.
    pub fn argument(&self) -> String {
        if self.arch == "all" {
            format!("{}={}", self.name, self.version)
        } else {
            format!("{}:{}={}", self.name, self.arch, self.version)
        }
    }
}

/// Reads the list `packages` of a step's parameters into its closed type.
pub(crate) fn parse_list<T: serde::de::DeserializeOwned>(
    params: &Map<String, Value>,
) -> Result<Vec<T>, String> {
    let list = params.get("packages").filter(|_| params.len() == 1);
    let list = list.ok_or("exactly the field `packages` is expected")?.clone();
    let list: Vec<T> = serde_json::from_value(list).map_err(|error| error.to_string())?;
    if list.is_empty() || list.len() > PACKAGES_MAX {
        return Err(format!("1 to {PACKAGES_MAX} packages are expected"));
    }
    Ok(list)
}

/// Debian Policy 5.6.1, 5.6.8 and 5.6.12: what names, architectures and versions are made of.
pub(crate) fn check_words(name: &str, arch: &str, version: &str) -> Result<(), String> {
    let all = |text: &str, extra: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || extra.contains(c);
        text.len() <= PACKAGE_TEXT_CHARS_MAX && text.chars().all(fits)
    };
    let starts = |text: &str| text.starts_with(|c: char| c.is_ascii_alphanumeric());
    if name.len() < 2 || !starts(name) || !all(name, "+-.") {
        return Err(format!("`{}` is not a package name", name.escape_debug()));
    }
    if !starts(arch) || !all(arch, "-") {
        return Err(format!("`{}` is not an architecture", arch.escape_debug()));
    }
    if !starts(version) || !all(version, ".+-~:") {
        return Err(format!("`{}` is not a version", version.escape_debug()));
    }
    Ok(())
}

/// Where the private package metadata of a root is kept.
pub(crate) fn private_dir(shared: &Shared, root: &Path) -> PathBuf {
    let id = spine::sha256_hex(root.as_os_str().as_encoded_bytes());
    shared.dir("apt").join(id.get(..16).unwrap_or("root"))
}

/// Makes the private folders of a root; everybody may read what is in them, as in apt's own.
pub(crate) fn make_private(shared: &Shared, root: &Path) -> Result<PathBuf, ActError> {
    let dir = private_dir(shared, root);
    let doing = || format!("making `{}`", dir.display());
    for path in [dir.join("lists"), dir.join("debs/partial")] {
        shared.files().create_dir_all(&path).during(doing)?;
    }
    let open = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode));
    open(&shared.config.dir, 0o711).during(doing)?;
    open(&shared.dir("apt"), 0o755).during(doing)?;
    for path in [dir.clone(), dir.join("lists"), dir.join("debs"), dir.join("debs/partial")] {
        open(&path, 0o755).during(doing)?;
    }
    Ok(dir)
}

/// Calls `each` for every stanza of a file of Debian control data.
fn stanzas(path: &Path, each: &mut dyn FnMut(&BTreeMap<String, String>)) -> io::Result<()> {
    let name = path.to_string_lossy();
    let compression = Compression::of_name(&name).map_or(Compression::Plain, |(of, _)| of);
    let packed = BufReader::new(fs::File::open(path)?);
    let mut reader = BufReader::new(unpack(compression, packed, PARSED_FILE_BYTES_MAX)?);
    let mut stanza = BTreeMap::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = reader.read_until(b'\n', &mut line)?;
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end();
        if text.is_empty() {
            if !stanza.is_empty() {
                each(&stanza);
                stanza.clear();
            }
            if read == 0 {
                return Ok(());
            }
        } else if !text.starts_with([' ', '\t'])
            && let Some((key, value)) = text.split_once(':')
        {
            stanza.insert(key.to_owned(), value.trim().to_owned());
        }
    }
}

fn field<'a>(stanza: &'a BTreeMap<String, String>, name: &str) -> &'a str {
    stanza.get(name).map_or("", String::as_str)
}

/// What dpkg's database says of every package that is wholly installed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Installed {
    /// Versions by name and architecture.
    pub versions: BTreeMap<(String, String), String>,
    /// Packages that the administrator holds back, by name.
    pub held: BTreeSet<String>,
    /// Packages in any other state, by name.
    pub unfinished: BTreeSet<String>,
}

/// Reads dpkg's database of a root.
pub(crate) fn installed(root: &Path) -> Result<Installed, ActError> {
    let path = root.join("var/lib/dpkg/status");
    let mut installed = Installed::default();
    stanzas(&path, &mut |stanza| {
        let name = field(stanza, "Package").to_owned();
        let mut status = field(stanza, "Status").split_whitespace();
        let (want, _, state) = (status.next(), status.next(), status.next());
        if want == Some("hold") {
            installed.held.insert(name.clone());
        }
        match state {
            Some("installed") => {
                let key = (name, field(stanza, "Architecture").to_owned());
                installed.versions.insert(key, field(stanza, "Version").to_owned());
            }
            Some("config-files" | "not-installed") => {}
            _ => drop(installed.unfinished.insert(name)),
        }
    })
    .during(|| format!("reading `{}`", path.display()))?;
    Ok(installed)
}

/// What the private metadata says of a package's file.
#[derive(Clone, Debug)]
pub(crate) struct Offered {
    /// SHA-256 of the `.deb`.
    pub sha256: Digest,
}

/// Finds packages in the private metadata of a root. What is not in it is not in the result.
pub(crate) fn offered(
    lists: &Path,
    wanted: &BTreeSet<PackageVersion>,
) -> Result<BTreeMap<PackageVersion, Offered>, ActError> {
    let mut found = BTreeMap::new();
    let doing = || format!("reading `{}`", lists.display());
    for entry in fs::read_dir(lists).during(doing)?.take(LIST_FILES_MAX) {
        let path = entry.during(doing)?.path();
        // apt keeps them compressed where the machine's settings say so.
        let name = path.to_string_lossy();
        if !Compression::of_name(&name).is_some_and(|(_, stem)| stem.ends_with("_Packages")) {
            continue;
        }
        stanzas(&path, &mut |stanza| {
            let package = PackageVersion {
                name: field(stanza, "Package").to_owned(),
                arch: field(stanza, "Architecture").to_owned(),
                version: field(stanza, "Version").to_owned(),
            };
            if wanted.contains(&package)
                && let Ok(sha256) = field(stanza, "SHA256").parse()
            {
                found.insert(package, Offered { sha256 });
            }
        })
        .during(doing)?;
    }
    Ok(found)
}

/// Whether a package manager is at work in a root: it holds the lock on dpkg's front end.
pub(crate) fn is_locked(root: &Path) -> bool {
    let path = root.join("var/lib/dpkg/lock-frontend");
    let Ok(file) = fs::OpenOptions::new().read(true).write(true).open(path) else { return false };
    // dpkg takes a POSIX record lock on it.
    rustix::fs::fcntl_lock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_err()
}

/// The paths that packages own, from dpkg's lists, without the leading slash.
pub(crate) fn owned_paths(root: &Path, names: &BTreeSet<String>) -> io::Result<Vec<PathBuf>> {
    let info = root.join("var/lib/dpkg/info");
    let mut paths = Vec::new();
    for entry in fs::read_dir(&info)? {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let Some(package) = name.strip_suffix(".list") else { continue };
        if names.contains(package.split(':').next().unwrap_or(package)) {
            let text = fs::read(&path)?;
            for line in String::from_utf8_lossy(&text).lines() {
                paths.push(PathBuf::from(line.trim_start_matches('/')));
            }
        }
    }
    Ok(paths)
}

/// What `apt-get -s` says it would do: packages installed or upgraded, and packages removed.
pub(crate) fn parse_simulation(text: &str) -> (Vec<PackageChange>, Vec<String>) {
    let mut changes = Vec::new();
    let mut removed = Vec::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("Remv ") {
            removed.push(rest.split_whitespace().next().unwrap_or_default().to_owned());
        }
        let Some(rest) = line.strip_prefix("Inst ") else { continue };
        let Some((name, rest)) = rest.split_once(' ') else { continue };
        let (from, rest) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((from, rest)) => (from.to_owned(), rest),
            None => (String::new(), rest),
        };
        let inside = rest.trim_start().trim_start_matches('(').split(')').next().unwrap_or("");
        let to = inside.split_whitespace().next().unwrap_or_default().to_owned();
        let arch = inside.rsplit_once('[').map_or("", |(_, arch)| arch.trim_end_matches(']'));
        let name = name.split(':').next().unwrap_or(name).to_owned();
        changes.push(PackageChange { name, arch: arch.to_owned(), from, to });
    }
    changes.sort();
    (changes, removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_simulation_reads() {
        let text = "\
NOTE: This is only a simulation!
Inst libssl3 [3.0.11-1] (3.0.15-1 Debian-Security:12/stable-security [amd64]) []
Inst newdep (1.0 Debian:12.9/stable [all])
Remv oldthing [1.0]
Conf libssl3 (3.0.15-1 Debian-Security:12/stable-security [amd64])
";
        let (changes, removed) = parse_simulation(text);
        assert_eq!(removed, ["oldthing"]);
        assert_eq!(changes.len(), 2);
        assert_eq!(changes[0].name, "libssl3");
        assert_eq!((changes[0].from.as_str(), changes[0].to.as_str()), ("3.0.11-1", "3.0.15-1"));
        assert_eq!((changes[1].from.as_str(), changes[1].arch.as_str()), ("", "all"));
    }

    #[test]
    fn words_that_could_be_options_paths_or_shell_are_refused() {
        assert!(check_words("libstdc++6", "amd64", "1:12.2.0-14+deb12u1~x").is_ok());
        for (name, arch, version) in [
            ("-o", "amd64", "1"),
            ("a", "amd64", "1"),
            ("rsync;id", "amd64", "1"),
            ("rsync", "../x", "1"),
            ("rsync", "amd64", "1 2"),
            ("rsync", "amd64", "-1"),
            ("rsync", "", "1"),
        ] {
            assert!(check_words(name, arch, version).is_err(), "{name} {arch} {version}");
        }
    }
}
