//! Which package owns a file, from dpkg's own lists of files.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// The most bytes of one list of files.
const LIST_BYTES_MAX: u64 = 64 << 20;
/// The most lists.
const LISTS_MAX: usize = 50_000;
/// The most bytes of dpkg's list of diversions.
const DIVERSIONS_BYTES_MAX: u64 = 16 << 20;

/// Folders that are one folder under two names since Debian merged `/usr`.
const MERGED: [&str; 5] = ["/bin", "/sbin", "/lib", "/lib32", "/lib64"];

/// The owners of a set of files.
#[derive(Clone, Debug, Default)]
pub struct Owners(BTreeMap<PathBuf, String>);

/// A file that one package moved out of the way of its own (dpkg-divert(1)).
struct Diversion {
    from: PathBuf,
    to: PathBuf,
    /// The package whose file stays at `from`; `:` for the administrator's.
    by: String,
}

/// Whose list may claim a name.
enum Claim {
    Anyone,
    /// The file at a diverted name is that of the diverting package.
    Only(String),
    /// The file at the other name is that of whoever else lists the diverted one.
    AnyoneBut(String),
}

impl Claim {
    fn allows(&self, package: &str) -> bool {
        match self {
            Self::Anyone => true,
            Self::Only(only) => only == package,
            Self::AnyoneBut(not) => not != package,
        }
    }
}

impl Owners {
    /// Finds the owners of the wanted files in dpkg's folder (`/var/lib/dpkg`).
    pub fn find(dpkg: &Path, wanted: &BTreeSet<PathBuf>) -> io::Result<Self> {
        let diversions = diversions(&dpkg.join("diversions"))?;
        let mut names: BTreeMap<PathBuf, Vec<(&Path, Claim)>> = BTreeMap::new();
        for path in wanted {
            for (name, claim) in claims(path, &diversions) {
                names.entry(name).or_default().push((path, claim));
            }
        }
        let mut owners = BTreeMap::new();
        for entry in std::fs::read_dir(dpkg.join("info"))?.take(LISTS_MAX * 8) {
            let path = entry?.path();
            let Some(package) = list_of(&path) else { continue };
            let file = BufReader::new(std::fs::File::open(&path)?.take(LIST_BYTES_MAX));
            for line in file.split(b'\n') {
                let line = line?;
                let path = Path::new(std::ffi::OsStr::from_bytes(&line));
                for (wanted, claim) in names.get(path).into_iter().flatten() {
                    if claim.allows(&package) {
                        owners.insert(wanted.to_path_buf(), package.clone());
                    }
                }
            }
        }
        Ok(Self(owners))
    }

    /// The package that owns a file.
    pub fn of(&self, path: &Path) -> Option<&str> {
        self.0.get(path).map(String::as_str)
    }
}

/// The package of a `.list` file: `libc6:amd64.list` and `nginx.list`.
fn list_of(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?.strip_suffix(".list")?;
    Some(name.split(':').next().unwrap_or(name).to_owned())
}

/// Three lines each: the name, where it was moved to, who moved it.
fn diversions(path: &Path) -> io::Result<Vec<Diversion>> {
    let file = match std::fs::File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut text = String::new();
    file.take(DIVERSIONS_BYTES_MAX).read_to_string(&mut text)?;
    let lines: Vec<&str> = text.lines().collect();
    let diversion = |lines: &[&str]| match lines {
        [from, to, by] => Some(Diversion {
            from: PathBuf::from(from),
            to: PathBuf::from(to),
            by: (*by).to_owned(),
        }),
        _ => None,
    };
    Ok(lines.chunks(3).filter_map(diversion).collect())
}

/// The names under which dpkg may list a file, and whose list counts.
fn claims(path: &Path, diversions: &[Diversion]) -> Vec<(PathBuf, Claim)> {
    let names = spellings(path);
    for diversion in diversions {
        if names.contains(&diversion.from) {
            let claim = |name| (name, Claim::Only(diversion.by.clone()));
            return names.into_iter().map(claim).collect();
        }
        if names.contains(&diversion.to) {
            let listed = spellings(&diversion.from).into_iter();
            return listed.map(|name| (name, Claim::AnyoneBut(diversion.by.clone()))).collect();
        }
    }
    names.into_iter().map(|name| (name, Claim::Anyone)).collect()
}

/// The names of a file: as it is, with `/usr` taken off, or put before.
fn spellings(path: &Path) -> Vec<PathBuf> {
    let mut names = vec![path.to_path_buf()];
    let merged = |path: &Path| MERGED.iter().any(|dir| path.starts_with(dir));
    if merged(path) {
        names.push(Path::new("/usr").join(path.strip_prefix("/").unwrap_or(path)));
    } else if let Ok(rest) = path.strip_prefix("/usr") {
        let short = Path::new("/").join(rest);
        if merged(&short) {
            names.push(short);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dpkg(lists: &[(&str, &str)], diversions: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("info")).unwrap();
        for (name, text) in lists {
            std::fs::write(dir.path().join("info").join(name), text).unwrap();
        }
        std::fs::write(dir.path().join("diversions"), diversions).unwrap();
        dir
    }

    fn owner(dir: &tempfile::TempDir, path: &str) -> Option<String> {
        let path = PathBuf::from(path);
        let owners = Owners::find(dir.path(), &BTreeSet::from([path.clone()])).unwrap();
        owners.of(&path).map(str::to_owned)
    }

    #[test]
    fn both_spellings_of_a_merged_folder_lead_to_the_owner() {
        let dir = dpkg(
            &[
                ("zlib1g:amd64.list", "/.\n/lib/x/libz.so.1\n"),
                ("nginx.list", "/usr/sbin/nginx\n"),
                ("nginx.md5sums", "/usr/sbin/other\n"),
            ],
            "",
        );
        assert_eq!(owner(&dir, "/usr/lib/x/libz.so.1").as_deref(), Some("zlib1g"));
        assert_eq!(owner(&dir, "/usr/sbin/nginx").as_deref(), Some("nginx"));
        assert_eq!(owner(&dir, "/usr/sbin/other"), None);
    }

    #[test]
    fn a_diverted_file_belongs_to_who_listed_it_and_its_place_to_who_took_it() {
        let dir = dpkg(
            &[("dash.list", "/bin/sh\n"), ("bash.list", "/bin/sh\n/bin/bash\n")],
            "/usr/bin/sh\n/usr/bin/sh.distrib\ndash\n/usr/bin/bash\n/usr/bin/bash.real\n:\n",
        );
        assert_eq!(owner(&dir, "/usr/bin/sh").as_deref(), Some("dash"));
        assert_eq!(owner(&dir, "/usr/bin/sh.distrib").as_deref(), Some("bash"));
        assert_eq!(owner(&dir, "/usr/bin/bash.real").as_deref(), Some("bash"));
        assert_eq!(owner(&dir, "/usr/bin/bash"), None, "the administrator's own file");
    }
}
