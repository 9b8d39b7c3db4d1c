//! Which package owns a file, from dpkg's own lists of files.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};

/// The most bytes of one list of files.
const LIST_BYTES_MAX: u64 = 64 << 20;
/// The most lists.
const LISTS_MAX: usize = 50_000;

/// Folders that are one folder under two names since Debian merged `/usr`.
const MERGED: [&str; 5] = ["/bin", "/sbin", "/lib", "/lib32", "/lib64"];

/// The owners of a set of files.
#[derive(Clone, Debug, Default)]
pub struct Owners(BTreeMap<PathBuf, String>);

impl Owners {
    /// Finds the owners of the wanted files in dpkg's folder of lists.
    pub fn find(info: &Path, wanted: &BTreeSet<PathBuf>) -> io::Result<Self> {
        let mut names: BTreeMap<PathBuf, &Path> = BTreeMap::new();
        for path in wanted {
            for name in spellings(path) {
                names.insert(name, path);
            }
        }
        let mut owners = BTreeMap::new();
        for entry in std::fs::read_dir(info)?.take(LISTS_MAX * 8) {
            let path = entry?.path();
            let Some(package) = list_of(&path) else { continue };
            let file = BufReader::new(io::Read::take(std::fs::File::open(&path)?, LIST_BYTES_MAX));
            for line in file.split(b'\n') {
                use std::os::unix::ffi::OsStrExt as _;
                let line = line?;
                let path = Path::new(std::ffi::OsStr::from_bytes(&line));
                if let Some(wanted) = names.get(path) {
                    owners.insert(wanted.to_path_buf(), package.clone());
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

/// The names under which dpkg may list a file: as it is, with `/usr` taken off, or put before.
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

    #[test]
    fn both_spellings_of_a_merged_folder_lead_to_the_owner() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("zlib1g:amd64.list"), "/.\n/lib/x/libz.so.1\n").unwrap();
        std::fs::write(dir.path().join("nginx.list"), "/usr/sbin/nginx\n").unwrap();
        std::fs::write(dir.path().join("nginx.md5sums"), "/usr/sbin/other\n").unwrap();
        let wanted: BTreeSet<PathBuf> =
            ["/usr/lib/x/libz.so.1", "/usr/sbin/nginx", "/usr/sbin/other"]
                .map(PathBuf::from)
                .into();
        let owners = Owners::find(dir.path(), &wanted).unwrap();
        assert_eq!(owners.of(Path::new("/usr/lib/x/libz.so.1")), Some("zlib1g"));
        assert_eq!(owners.of(Path::new("/usr/sbin/nginx")), Some("nginx"));
        assert_eq!(owners.of(Path::new("/usr/sbin/other")), None);
    }
}
