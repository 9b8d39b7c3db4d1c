//! A folder walked and hashed as signatures of models want it. Bytes are hashed here, never parsed.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use vet::provenance::{Hashing, Manifest, Serialization};
use walkdir::WalkDir;

use crate::failure::{Failure, OrHint as _};

/// The most files of one model.
pub const FILES_MAX: usize = 200_000;

/// One file of a model: its path relative to the model, `.` where the model is one file.
pub type Part = (String, PathBuf);

/// The files of a model, in a stable order. A link is an error unless the signature allows it.
pub fn parts(model: &Path, allow_symlinks: bool) -> Result<Vec<Part>, Failure> {
    if model.is_file() {
        return Ok(vec![(".".to_owned(), model.to_path_buf())]);
    }
    let mut parts = Vec::new();
    let help = "check its permissions";
    for entry in WalkDir::new(model).follow_links(allow_symlinks).sort_by_file_name() {
        let entry = entry.or_hint("a folder cannot be listed", help)?;
        if entry.depth() == 0 || entry.file_type().is_dir() {
            continue;
        }
        let relative = entry.path().strip_prefix(model).unwrap_or(entry.path());
        let name = relative.to_str().ok_or_else(|| {
            let message = format!("`{}` is no valid UTF-8", relative.display());
            Failure::unknown(message, "give the file a name that can be written down")
        })?;
        parts.push((name.to_owned(), entry.path().to_path_buf()));
        if parts.len() > FILES_MAX {
            let message = format!("there are more than {FILES_MAX} files");
            return Err(Failure::usage(message, "name the folder of one model"));
        }
    }
    Ok(parts)
}

/// Hashes the parts that are wanted as a signature says.
pub fn hash(
    name: &str,
    parts: &[Part],
    how: &Serialization,
    wanted: &dyn Fn(&Part) -> bool,
) -> Result<Manifest, Failure> {
    let help = "check the file's permissions, and whether the disk is well";
    let mut hashing = Hashing::new(how.clone());
    for part in parts.iter().filter(|part| !hashing_ignores(how, &part.0) && wanted(part)) {
        let (name, path) = part;
        if !how.allow_symlinks && path.is_symlink() {
            let message = format!("`{}` is a link", path.display());
            return Err(Failure::usage(message, "sign the files themselves, or allow links"));
        }
        let doing = || format!("`{}` cannot be read", path.display());
        let mut file = std::fs::File::open(path).or_hint(doing(), help)?;
        let mut hasher = hashing.file(name);
        let mut buffer = vec![0; 1 << 20];
        loop {
            let read = file.read(&mut buffer).or_hint(doing(), help)?;
            if read == 0 {
                break;
            }
            hasher.update(&buffer[..read]);
        }
        hashing.add(hasher).or_hint("the model cannot be hashed", help)?;
    }
    hashing.finish(name).or_hint("the model cannot be hashed", help)
}

fn hashing_ignores(how: &Serialization, name: &str) -> bool {
    Hashing::new(how.clone()).ignores(name)
}

/// The name of a model: that of its folder or file.
pub fn name_of(model: &Path) -> String {
    let whole = std::path::absolute(model).unwrap_or_else(|_| model.to_path_buf());
    whole.file_name().map_or_else(|| "model".to_owned(), |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_hashed_by_its_parts_and_links_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("a")).unwrap();
        std::fs::write(dir.path().join("a/w"), "weights").unwrap();
        std::fs::write(dir.path().join("model.sig"), "left out").unwrap();
        let how = Serialization {
            ignore_paths: vec!["model.sig".to_owned()],
            ..Serialization::default()
        };
        let found = parts(dir.path(), false).unwrap();
        let manifest = hash("m", &found, &how, &|_| true).unwrap();
        let names: Vec<&str> = manifest.resources().iter().map(|r| r.name.as_str()).collect();
        assert_eq!(names, ["a/w"]);
        std::os::unix::fs::symlink("a/w", dir.path().join("link")).unwrap();
        let found = parts(dir.path(), false).unwrap();
        assert!(hash("m", &found, &how, &|_| true).is_err());
        assert_eq!(parts(&dir.path().join("a/w"), false).unwrap()[0].0, ".");
    }
}
