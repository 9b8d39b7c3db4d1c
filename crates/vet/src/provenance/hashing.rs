//! Hashing a model the way the manifest of a signature says: whole files or shards of equal size.
//!
//! Nothing here opens a file. The caller walks the folder, asks [`Hashing::ignores`] of each path,
//! and feeds the bytes of the others; memory does not grow with the size of a file.

use blake2::Blake2b512;
use sha2::{Digest as _, Sha256};

use super::manifest::{Digest, HashType, Manifest, Method, Resource, Serialization};
use super::{ProvenanceError, limits};

/// The paths of git that a model's digest leaves out unless it is told otherwise.
pub const GIT_PATHS: [&str; 4] = [".git", ".gitattributes", ".github", ".gitignore"];

enum Engine {
    Sha256(Sha256),
    Blake2b(Box<Blake2b512>),
    Blake3(Box<blake3::Hasher>),
}

impl Engine {
    fn new(hash: HashType) -> Self {
        match hash {
            HashType::Sha256 => Self::Sha256(Sha256::new()),
            HashType::Blake2b => Self::Blake2b(Box::new(Blake2b512::new())),
            HashType::Blake3 => Self::Blake3(Box::default()),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(engine) => engine.update(bytes),
            Self::Blake2b(engine) => engine.update(bytes),
            Self::Blake3(engine) => {
                engine.update(bytes);
            }
        }
    }

    fn finish(self) -> Vec<u8> {
        match self {
            Self::Sha256(engine) => engine.finalize().to_vec(),
            Self::Blake2b(engine) => engine.finalize().to_vec(),
            Self::Blake3(engine) => engine.finalize().as_bytes().to_vec(),
        }
    }
}

/// Collects the digests of one model.
pub struct Hashing {
    serialization: Serialization,
    resources: Vec<Resource>,
}

impl Hashing {
    /// Begins with the rules of a manifest.
    pub fn new(serialization: Serialization) -> Self {
        Self { serialization, resources: Vec::new() }
    }

    /// Whether a path relative to the model (with `/` between its parts) is left out: it or one
    /// of its parents is an ignored path.
    pub fn ignores(&self, path: &str) -> bool {
        let mut ignored = GIT_PATHS
            .iter()
            .copied()
            .chain(self.serialization.ignore_paths.iter().map(|path| path.trim_end_matches('/')));
        ignored.any(|ignored| {
            let ignored = ignored.strip_prefix("./").unwrap_or(ignored);
            path.strip_prefix(ignored).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }

    /// Begins a file, by its path relative to the model; the only file of a model that is one
    /// file is `.`.
    pub fn file(&self, path: &str) -> FileHasher {
        let hash = self.serialization.hash;
        let shard = match self.serialization.method {
            Method::Files => None,
            Method::Shards { bytes } => Some(bytes),
        };
        FileHasher {
            path: path.to_owned(),
            hash,
            shard,
            engine: Engine::new(hash),
            start: 0,
            at: 0,
            done: Vec::new(),
        }
    }

    /// Adds a file whose bytes have all been fed.
    pub fn add(&mut self, file: FileHasher) -> Result<(), ProvenanceError> {
        self.resources.extend(file.finish());
        limits::check("files of a model", self.resources.len(), limits::RESOURCES_MAX)
    }

    /// The manifest of the model; `model` is its name, by convention that of its folder.
    pub fn finish(self, model: &str) -> Result<Manifest, ProvenanceError> {
        Manifest::new(model, self.serialization, self.resources)
    }
}

/// Hashes the bytes of one file as they come.
pub struct FileHasher {
    path: String,
    hash: HashType,
    shard: Option<u64>,
    engine: Engine,
    start: u64,
    at: u64,
    done: Vec<Resource>,
}

impl FileHasher {
    /// Feeds the next bytes.
    pub fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = self.shard.map_or(u64::MAX, |size| size - (self.at - self.start));
            let take = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
            let Some((now, later)) = bytes.split_at_checked(take) else { return };
            self.engine.update(now);
            self.at += now.len() as u64;
            bytes = later;
            if self.shard.is_some_and(|size| self.at - self.start >= size) {
                self.end_shard();
            }
        }
    }

    fn end_shard(&mut self) {
        let engine = std::mem::replace(&mut self.engine, Engine::new(self.hash));
        let name = format!("{}:{}:{}", self.path, self.start, self.at);
        let digest = Digest { algorithm: self.hash, bytes: engine.finish() };
        self.done.push(Resource { name, digest });
        self.start = self.at;
    }

    fn finish(mut self) -> Vec<Resource> {
        if self.shard.is_none() {
            let digest = Digest { algorithm: self.hash, bytes: self.engine.finish() };
            return vec![Resource { name: self.path, digest }];
        }
        if self.at > self.start {
            self.end_shard();
        }
        self.done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(method: Method, size: usize, step: usize) -> Vec<String> {
        let mut hashing = Hashing::new(Serialization { method, ..Serialization::default() });
        let mut file = hashing.file("a/b");
        for chunk in vec![7_u8; size].chunks(step) {
            file.update(chunk);
        }
        hashing.add(file).unwrap();
        let manifest = hashing.finish("m").unwrap();
        manifest.resources().iter().map(|r| r.name.clone()).collect()
    }

    #[test]
    fn shards_have_equal_size_however_the_bytes_come() {
        let shards = Method::Shards { bytes: 10 };
        for step in [1, 3, 10, 25] {
            assert_eq!(names(shards, 25, step), ["a/b:0:10", "a/b:10:20", "a/b:20:25"]);
        }
        assert_eq!(names(shards, 20, 7), ["a/b:0:10", "a/b:10:20"]);
        assert_eq!(names(Method::Files, 25, 7), ["a/b"]);
    }

    #[test]
    fn an_empty_file_is_a_file_but_has_no_shard() {
        assert_eq!(names(Method::Files, 0, 1), ["a/b"]);
        assert!(names(Method::Shards { bytes: 10 }, 0, 1).is_empty());
    }

    #[test]
    fn ignored_is_a_path_and_what_is_below_it() {
        let hashing = Hashing::new(Serialization {
            ignore_paths: vec!["model.sig".to_owned(), "notes/".to_owned()],
            ..Serialization::default()
        });
        for path in ["model.sig", "notes/a/b", ".git/config", ".gitignore"] {
            assert!(hashing.ignores(path), "{path}");
        }
        for path in ["model.sig.bin", "notes.md", "x/model.sig", ".gitkeep"] {
            assert!(!hashing.ignores(path), "{path}");
        }
    }
}
