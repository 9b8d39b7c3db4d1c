//! The in-toto statement (v1) that is signed: one subject whose digest is the SHA-256 over all
//! digests of the manifest in their order, and the manifest as predicate.
//!
//! Two predicates are read: `https://model_signing/signature/v1.0`, and that of the experimental
//! release 0.2, where every file is a subject. Only the first is written.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::manifest::{Digest, HashType, Manifest, Method, Resource, Serialization};
use super::{ProvenanceError, limits};

const STATEMENT: &str = "https://in-toto.io/Statement/v1";
/// The predicate of model signatures.
pub const PREDICATE: &str = "https://model_signing/signature/v1.0";
const PREDICATE_OF_RELEASE_0_2: &str = "https://model_signing/Digests/v0.1";

#[derive(Deserialize)]
struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    predicate: serde_json::Value,
}

#[derive(Deserialize)]
struct Subject {
    name: String,
    digest: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Predicate {
    serialization: SerializationRow,
    resources: Vec<ResourceRow>,
}

#[derive(Serialize, Deserialize)]
struct SerializationRow {
    method: String,
    hash_type: String,
    allow_symlinks: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shard_size: Option<serde_json::Number>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ignore_paths: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct ResourceRow {
    name: String,
    algorithm: String,
    digest: String,
}

/// Reads a statement whose signature was verified.
pub(super) fn read(payload: &[u8]) -> Result<Manifest, ProvenanceError> {
    let statement: Statement =
        serde_json::from_slice(payload).map_err(|e| ProvenanceError::malformed("statement", e))?;
    if statement.kind != STATEMENT {
        let reason = format!("the statement is a `{}`, not a `{STATEMENT}`", statement.kind);
        return Err(ProvenanceError::refused(reason));
    }
    match statement.predicate_type.as_str() {
        PREDICATE => read_v1(statement),
        PREDICATE_OF_RELEASE_0_2 => read_v0_2(statement),
        other => {
            Err(ProvenanceError::refused(format!("`{other}` does not speak of a model's files")))
        }
    }
}

fn read_v1(statement: Statement) -> Result<Manifest, ProvenanceError> {
    let [subject] = statement.subject.as_slice() else {
        return Err(ProvenanceError::refused("the statement has not exactly one subject"));
    };
    let predicate: Predicate = serde_json::from_value(statement.predicate)
        .map_err(|e| ProvenanceError::malformed("statement", e))?;
    limits::check("files of a model", predicate.resources.len(), limits::RESOURCES_MAX)?;
    let serialization = serialization(&predicate.serialization)?;
    let mut all = Sha256::new();
    let mut resources = Vec::with_capacity(predicate.resources.len());
    for row in predicate.resources {
        let digest = digest(hash_of(&row.algorithm, &serialization)?, &row.digest)?;
        all.update(&digest.bytes);
        resources.push(Resource { name: row.name, digest });
    }
    if subject.digest.get("sha256") != Some(&hex::encode(all.finalize())) {
        return Err(ProvenanceError::refused("the files do not add up to the digest of the model"));
    }
    Manifest::new(&subject.name, serialization, resources)
}

fn read_v0_2(statement: Statement) -> Result<Manifest, ProvenanceError> {
    limits::check("files of a model", statement.subject.len(), limits::RESOURCES_MAX)?;
    let mut resources = Vec::with_capacity(statement.subject.len());
    for subject in statement.subject {
        let hex = subject.digest.get("sha256").map_or("", String::as_str);
        resources.push(Resource { digest: digest("sha256", hex)?, name: subject.name });
    }
    Manifest::new("", Serialization::default(), resources)
}

fn serialization(row: &SerializationRow) -> Result<Serialization, ProvenanceError> {
    let method = match row.method.as_str() {
        "files" => Method::Files,
        "shards" => Method::Shards { bytes: row.shard_size.as_ref().and_then(whole).unwrap_or(0) },
        other => {
            let reason = format!("the serialization `{other}` is not known here");
            return Err(ProvenanceError::unknown(reason));
        }
    };
    Ok(Serialization {
        method,
        hash: HashType::parse(&row.hash_type)?,
        allow_symlinks: row.allow_symlinks,
        ignore_paths: row.ignore_paths.clone(),
    })
}

/// A count; the reference implementation writes it as `1000000000.0`.
fn whole(number: &serde_json::Number) -> Option<u64> {
    number.as_u64().or_else(|| {
        let float = number.as_f64()?;
        let exact = (0.0..9_007_199_254_740_992.0).contains(&float) && float.fract() == 0.0;
        exact.then(|| format!("{float:.0}").parse().ok())?
    })
}

/// The hash of a row. That of a shard is called `sha256-sharded-1000`, after the size of shards.
fn hash_of<'a>(algorithm: &'a str, how: &Serialization) -> Result<&'a str, ProvenanceError> {
    let Method::Shards { bytes } = how.method else { return Ok(algorithm) };
    match algorithm.split_once("-sharded-") {
        None => Ok(algorithm),
        Some((hash, size)) if size.parse() == Ok(bytes) => Ok(hash),
        Some(_) => Err(ProvenanceError::refused("a shard has another size than the others")),
    }
}

fn digest(algorithm: &str, hex: &str) -> Result<Digest, ProvenanceError> {
    let algorithm = HashType::parse(algorithm)?;
    let bytes = hex::decode(hex).map_err(|e| ProvenanceError::malformed("digest", e))?;
    Ok(Digest { algorithm, bytes })
}

/// The statement about a manifest, ready to be signed.
pub(super) fn write(manifest: &Manifest) -> Vec<u8> {
    let how = manifest.serialization();
    let sharded = match how.method {
        Method::Files => String::new(),
        Method::Shards { bytes } => format!("-sharded-{bytes}"),
    };
    let mut all = Sha256::new();
    let mut rows = Vec::with_capacity(manifest.resources().len());
    for resource in manifest.resources() {
        all.update(&resource.digest.bytes);
        rows.push(ResourceRow {
            name: resource.name.clone(),
            algorithm: format!("{}{sharded}", resource.digest.algorithm.name()),
            digest: hex::encode(&resource.digest.bytes),
        });
    }
    let serialization = SerializationRow {
        method: if how.method == Method::Files { "files" } else { "shards" }.to_owned(),
        hash_type: how.hash.name().to_owned(),
        allow_symlinks: how.allow_symlinks,
        shard_size: match how.method {
            Method::Files => None,
            Method::Shards { bytes } => Some(bytes.into()),
        },
        ignore_paths: how.ignore_paths.clone(),
    };
    let statement = json!({
        "_type": STATEMENT,
        "subject": [{"name": manifest.model(), "digest": {"sha256": hex::encode(all.finalize())}}],
        "predicateType": PREDICATE,
        "predicate": {"serialization": serialization, "resources": rows},
    });
    statement.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provenance::hashing::Hashing;

    fn example(method: Method) -> Manifest {
        let mut hashing = Hashing::new(Serialization {
            method,
            ignore_paths: vec!["model.sig".to_owned()],
            ..Serialization::default()
        });
        for path in ["b", "a/c"] {
            let mut file = hashing.file(path);
            file.update(path.as_bytes());
            hashing.add(file).unwrap();
        }
        hashing.finish("example").unwrap()
    }

    #[test]
    fn what_is_written_is_read_back() {
        for method in [Method::Files, Method::Shards { bytes: 2 }] {
            assert_eq!(read(&write(&example(method))).unwrap(), example(method));
        }
    }

    #[test]
    fn a_statement_that_does_not_add_up_is_refused() {
        let text = String::from_utf8(write(&example(Method::Files))).unwrap();
        let digest = hex::encode(Sha256::digest("b"));
        for (old, new) in [
            (digest.as_str(), &*hex::encode(Sha256::digest("x"))),
            (STATEMENT, "https://in-toto.io/Statement/v9"),
            (PREDICATE, "https://slsa.dev/provenance/v1"),
            ("\"files\"", "\"tensors\""),
            ("\"name\":\"a/c\"", "\"name\":\"../c\""),
        ] {
            let changed = text.replace(old, new);
            assert_ne!(changed, text, "{old}");
            assert!(read(changed.as_bytes()).is_err(), "{old}");
        }
    }

    #[test]
    fn sizes_may_be_written_as_floats() {
        let whole_of = |text: &str| whole(&serde_json::from_str(text).unwrap());
        assert_eq!(whole_of("1000000000.0"), Some(1_000_000_000));
        assert_eq!(whole_of("7"), Some(7));
        assert_eq!(whole_of("7.5"), None);
        assert_eq!(whole_of("-7"), None);
    }
}
