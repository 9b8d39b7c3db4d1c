//! The manifest of a model: each file or shard with its digest, and how a changed model differs.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{ProvenanceError, limits};

/// The hash of the files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum HashType {
    /// SHA-256.
    #[default]
    Sha256,
    /// BLAKE2b with 64 bytes.
    Blake2b,
    /// BLAKE3 with 32 bytes.
    Blake3,
}

impl HashType {
    /// The name in manifests.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Blake2b => "blake2b",
            Self::Blake3 => "blake3",
        }
    }

    pub(super) fn parse(name: &str) -> Result<Self, ProvenanceError> {
        match name {
            "sha256" => Ok(Self::Sha256),
            "blake2b" | "blake2" => Ok(Self::Blake2b),
            "blake3" => Ok(Self::Blake3),
            _ => Err(ProvenanceError::unknown(format!("the hash `{name}` is not known here"))),
        }
    }

    fn bytes(self) -> usize {
        if self == Self::Blake2b { 64 } else { 32 }
    }
}

/// Whole files, or shards of equal size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Method {
    /// One digest a file.
    #[default]
    Files,
    /// One digest for so many bytes of a file.
    Shards {
        /// The size of a shard.
        bytes: u64,
    },
}

/// How the digests of a manifest were made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Serialization {
    /// Files or shards.
    pub method: Method,
    /// The hash.
    pub hash: HashType,
    /// Whether symbolic links were followed; otherwise a link in the folder is an error.
    pub allow_symlinks: bool,
    /// Paths that are left out, relative to the model.
    pub ignore_paths: Vec<String>,
}

/// A digest and its algorithm.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Digest {
    /// The hash.
    pub algorithm: HashType,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm.name(), hex::encode(&self.bytes))
    }
}

/// A file (`a/b`) or a shard (`a/b:0:1000`), with its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// The path relative to the model, and for a shard the first byte and the one after the last.
    pub name: String,
    /// The digest of the content.
    pub digest: Digest,
}

/// A model, as its signature describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    model: String,
    serialization: Serialization,
    resources: Vec<Resource>,
}

/// One way in which a model is not the signed one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Difference {
    /// Something stands in the folder that was not signed.
    Added(String),
    /// Something that was signed is not there.
    Missing(String),
    /// The content is not what was signed.
    Changed(String),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added(name) => write!(f, "`{name}` was not signed"),
            Self::Missing(name) => write!(f, "`{name}` was signed and is not there"),
            Self::Changed(name) => write!(f, "`{name}` is not what was signed"),
        }
    }
}

impl Manifest {
    /// A manifest, in the order in which its digests are signed: by the parts of the paths.
    ///
    /// # Errors
    ///
    /// A name is there twice, leaves the model, or is no shard where shards were hashed; a digest
    /// has the wrong length.
    pub fn new(
        model: &str,
        serialization: Serialization,
        mut resources: Vec<Resource>,
    ) -> Result<Self, ProvenanceError> {
        limits::check("files of a model", resources.len(), limits::RESOURCES_MAX)?;
        if serialization.method == (Method::Shards { bytes: 0 }) {
            return Err(ProvenanceError::malformed("manifest", "shards of no bytes"));
        }
        for resource in &resources {
            check_name(&resource.name, serialization.method)?;
            if resource.digest.bytes.len() != resource.digest.algorithm.bytes() {
                let reason = format!("the digest of `{}` is cut short", resource.name);
                return Err(ProvenanceError::malformed("manifest", reason));
            }
        }
        resources.sort_by(|a, b| by_parts(&a.name, &b.name));
        let mut pairs = resources.iter().zip(resources.iter().skip(1));
        if let Some((double, _)) = pairs.find(|(a, b)| a.name == b.name) {
            return Err(ProvenanceError::refused(format!("`{}` is signed twice", double.name)));
        }
        Ok(Self { model: model.to_owned(), serialization, resources })
    }

    /// The name that the signer gave the model. It is a label, not an identity.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// How the digests were made, and so how a copy has to be hashed.
    pub fn serialization(&self) -> &Serialization {
        &self.serialization
    }

    /// Every file or shard.
    pub fn resources(&self) -> &[Resource] {
        &self.resources
    }

    /// SHA-256 over the digests of all files in their order, hexadecimal: the digest of the model.
    pub fn digest(&self) -> String {
        let mut all = Sha256::new();
        for resource in &self.resources {
            all.update(&resource.digest.bytes);
        }
        hex::encode(all.finalize())
    }

    /// How `found`, a copy on this machine, differs from this signed manifest. Empty: it does not.
    pub fn differences(&self, found: &Self) -> Vec<Difference> {
        let map = |manifest: &Self| -> BTreeMap<String, Digest> {
            let pairs = manifest.resources.iter().map(|r| (r.name.clone(), r.digest.clone()));
            pairs.collect()
        };
        let (signed, found) = (map(self), map(found));
        let mut differences = Vec::new();
        for (name, digest) in &signed {
            match found.get(name) {
                None => differences.push(Difference::Missing(name.clone())),
                Some(other) if other != digest => {
                    differences.push(Difference::Changed(name.clone()));
                }
                Some(_) => {}
            }
        }
        let added = found.keys().filter(|name| !signed.contains_key(*name));
        differences.extend(added.map(|name| Difference::Added(name.clone())));
        differences
    }
}

/// The order of the reference implementation: part by part, so `a/b` comes before `a-b`; then, for
/// shards, by position.
fn by_parts(a: &str, b: &str) -> Ordering {
    fn split(name: &str) -> (Vec<&str>, u64, u64) {
        let mut ends = name.rsplitn(3, ':');
        let (end, start, path) = (ends.next(), ends.next(), ends.next());
        let number = |text: Option<&str>| text.and_then(|text| text.parse::<u64>().ok());
        match (path, number(start), number(end)) {
            (Some(path), Some(start), Some(end)) => (path.split('/').collect(), start, end),
            _ => (name.split('/').collect(), 0, 0),
        }
    }
    split(a).cmp(&split(b)).then_with(|| a.cmp(b))
}

/// A name must stay inside the model: a verifier that opens what the manifest names must not be
/// led elsewhere.
fn check_name(name: &str, method: Method) -> Result<(), ProvenanceError> {
    let path = match method {
        Method::Files => name,
        Method::Shards { .. } => {
            let mut ends = name.rsplitn(3, ':');
            let (end, start, path) = (ends.next(), ends.next(), ends.next());
            let number = |text: Option<&str>| text.and_then(|text| text.parse::<u64>().ok());
            match (path, number(start), number(end)) {
                (Some(path), Some(start), Some(end)) if start < end => path,
                _ => {
                    let reason = format!("`{name}` is no shard");
                    return Err(ProvenanceError::malformed("manifest", reason));
                }
            }
        }
    };
    if path == "." {
        return Ok(());
    }
    let good = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('\0');
    if path.split('/').all(good) {
        Ok(())
    } else {
        Err(ProvenanceError::refused(format!("the name `{name}` leads out of the model")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(name: &str, byte: u8) -> Resource {
        let digest = Digest { algorithm: HashType::Sha256, bytes: vec![byte; 32] };
        Resource { name: name.to_owned(), digest }
    }

    fn manifest(resources: Vec<Resource>) -> Result<Manifest, ProvenanceError> {
        Manifest::new("m", Serialization::default(), resources)
    }

    #[test]
    fn the_order_is_by_parts() {
        let names = ["a-b", "a/b", "a", "b", "a/a/z"];
        let sorted = manifest(names.iter().map(|name| resource(name, 0)).collect()).unwrap();
        let names: Vec<&str> = sorted.resources().iter().map(|r| r.name.as_str()).collect();
        assert_eq!(names, ["a", "a/a/z", "a/b", "a-b", "b"]);
    }

    #[test]
    fn names_that_lead_out_are_refused() {
        for name in ["../x", "/etc/passwd", "a/../../b", "a//b", "", "a/./b", "a\0b"] {
            assert!(manifest(vec![resource(name, 0)]).is_err(), "{name}");
        }
        assert!(manifest(vec![resource(".", 0)]).is_ok());
        assert!(manifest(vec![resource("a", 0), resource("a", 1)]).is_err());
    }

    #[test]
    fn differences_name_what_is_wrong() {
        let signed = manifest(vec![resource("a", 1), resource("b", 2), resource("c", 3)]).unwrap();
        let found = manifest(vec![resource("a", 1), resource("b", 9), resource("d", 3)]).unwrap();
        let texts: Vec<String> =
            signed.differences(&found).iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            ["`b` is not what was signed", "`c` was signed and is not there", "`d` was not signed"]
        );
        assert!(signed.differences(&signed).is_empty());
    }
}
