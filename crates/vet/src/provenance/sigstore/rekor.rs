//! The entry of the transparency log (Rekor, first generation): what it is about, and that the
//! log vouches for it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::TrustRoot;
use super::trust_root::Log;
use crate::provenance::bundle::{Base64, Envelope, LogEntry, Proof};
use crate::provenance::keys::Hash;
use crate::provenance::{Certificate, ProvenanceError, limits, pem};

/// When and where the log took the entry in.
#[derive(Debug)]
pub(super) struct Seen {
    pub time_s: u64,
    pub log_index: u64,
}

/// Checks that the entry is about this envelope and this certificate, and that the log vouches
/// for it.
pub(super) fn verify(
    root: &TrustRoot,
    entry: &LogEntry,
    envelope: &Envelope,
    leaf: &Certificate,
) -> Result<Seen, ProvenanceError> {
    let time_s = entry.integrated_time.map_or(0, |time| time.0);
    let Some(promise) = entry.inclusion_promise.as_ref().filter(|_| time_s > 0) else {
        return Err(ProvenanceError::unknown(
            "the log does not say when it took the signature in; timestamps of another authority \
             are not checked here",
        ));
    };
    let Some(log) = root.log(&entry.log_id.key_id.0, time_s) else {
        return Err(ProvenanceError::refused("the log is not one of the trust root"));
    };
    check_body(&entry.canonicalized_body.0, envelope, leaf)?;
    check_promise(entry, time_s, &promise.signed_entry_timestamp.0, log)?;
    let proof = entry
        .inclusion_proof
        .as_ref()
        .ok_or_else(|| ProvenanceError::refused("no proof that the entry stands in the log"))?;
    check_proof(proof, &entry.canonicalized_body.0, log)?;
    Ok(Seen { time_s, log_index: entry.log_index.0 })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    api_version: String,
    kind: String,
    spec: serde_json::Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DsseSpec {
    payload_hash: HashRow,
    signatures: Vec<SignatureRow>,
}

#[derive(Deserialize)]
struct HashRow {
    algorithm: String,
    value: String,
}

#[derive(Deserialize)]
struct SignatureRow {
    signature: Base64,
    verifier: Base64,
}

/// The body must name the payload, the signature and the certificate of this bundle; otherwise a
/// proof about another signature would do.
fn check_body(body: &[u8], envelope: &Envelope, leaf: &Certificate) -> Result<(), ProvenanceError> {
    let wrong = |e: serde_json::Error| ProvenanceError::malformed("log entry", e);
    let body: Body = serde_json::from_slice(body).map_err(wrong)?;
    if (body.kind.as_str(), body.api_version.as_str()) != ("dsse", "0.0.1") {
        let reason = format!("log entries `{} {}` are not known here", body.kind, body.api_version);
        return Err(ProvenanceError::unknown(reason));
    }
    let spec: DsseSpec = serde_json::from_value(body.spec).map_err(wrong)?;
    let payload = hex::encode(Sha256::digest(&envelope.payload.0));
    if spec.payload_hash.algorithm != "sha256" || spec.payload_hash.value != payload {
        return Err(ProvenanceError::refused("the log entry is about another payload"));
    }
    let (signed, logged) = (envelope.signatures.as_slice(), spec.signatures.as_slice());
    let ([signed], [logged]) = (signed, logged) else {
        return Err(ProvenanceError::refused("the log entry has not exactly one signature"));
    };
    if signed.sig != logged.signature {
        return Err(ProvenanceError::refused("the log entry is about another signature"));
    }
    let certificates = pem::blocks(&logged.verifier.0)?;
    if !matches!(certificates.as_slice(), [(_, der)] if der == leaf.der()) {
        return Err(ProvenanceError::refused("the log entry is about another certificate"));
    }
    Ok(())
}

/// The promise is a signature over the canonical JSON (RFC 8785) of four fields.
fn check_promise(
    entry: &LogEntry,
    time_s: u64,
    signature: &[u8],
    log: &Log,
) -> Result<(), ProvenanceError> {
    let body = STANDARD.encode(&entry.canonicalized_body.0);
    let id = hex::encode(&entry.log_id.key_id.0);
    let index = entry.log_index.0;
    let signed = format!(
        "{{\"body\":\"{body}\",\"integratedTime\":{time_s},\"logID\":\"{id}\",\"logIndex\":{index}}}"
    );
    if log.key.verifies(Hash::Sha256, signed.as_bytes(), signature) {
        return Ok(());
    }
    Err(ProvenanceError::refused("the log did not sign the time of the entry"))
}

/// The proof leads from the entry to the root of the tree (RFC 6962, section 2.1.1), and the log
/// signed that root.
fn check_proof(proof: &Proof, body: &[u8], log: &Log) -> Result<(), ProvenanceError> {
    let refused = |reason: &str| Err(ProvenanceError::refused(reason));
    limits::check("hashes of a proof", proof.hashes.len(), limits::PROOF_HASHES_MAX)?;
    let leaf = Sha256::new().chain_update([0]).chain_update(body).finalize().to_vec();
    let hashes = proof.hashes.iter().map(|hash| hash.0.as_slice());
    let root = root_of(leaf, proof.log_index.0, proof.tree_size.0, hashes);
    if root.as_deref() != Some(proof.root_hash.0.as_slice()) {
        return refused("the proof does not lead to the root of the log");
    }
    let Some(checkpoint) = &proof.checkpoint else {
        return refused("the root of the log is not signed");
    };
    let Some((text, signatures)) = checkpoint.envelope.split_once("\n\n") else {
        return Err(ProvenanceError::malformed("checkpoint", "no empty line"));
    };
    let mut lines = text.lines().skip(1);
    let size = lines.next().and_then(|line| line.parse::<u64>().ok());
    let hash = lines.next().and_then(|line| STANDARD.decode(line).ok());
    if size != Some(proof.tree_size.0) || hash.as_ref() != Some(&proof.root_hash.0) {
        return refused("the checkpoint is about another tree");
    }
    let signed = format!("{text}\n");
    let is_signed = signatures.lines().take(limits::SCTS_MAX).any(|line| {
        let encoded = line.strip_prefix("\u{2014} ").and_then(|line| line.rsplit_once(' '));
        let bytes = encoded.and_then(|(_, encoded)| STANDARD.decode(encoded).ok());
        bytes.is_some_and(|bytes| match bytes.split_at_checked(4) {
            Some((key, signature)) => {
                log.id.starts_with(key)
                    && log.key.verifies(Hash::Sha256, signed.as_bytes(), signature)
            }
            None => false,
        })
    });
    if is_signed { Ok(()) } else { refused("the log did not sign its checkpoint") }
}

/// The root of a tree of `size` leaves in which the leaf with this hash stands at `index`.
/// `None`: the proof has not the length that such a tree has.
fn root_of<'a>(
    leaf: Vec<u8>,
    index: u64,
    size: u64,
    hashes: impl Iterator<Item = &'a [u8]>,
) -> Option<Vec<u8>> {
    if index >= size {
        return None;
    }
    let (mut node, mut last, mut hash) = (index, size - 1, leaf);
    let join = |left: &[u8], right: &[u8]| {
        Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().to_vec()
    };
    for sibling in hashes {
        if last == 0 {
            return None;
        }
        if node % 2 == 1 || node == last {
            hash = join(sibling, &hash);
            while node % 2 == 0 && node != 0 {
                node /= 2;
                last /= 2;
            }
        } else {
            hash = join(&hash, sibling);
        }
        node /= 2;
        last /= 2;
    }
    (last == 0).then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf_hash(byte: u8) -> Vec<u8> {
        Sha256::digest([0, byte]).to_vec()
    }

    /// The root and the proof of a leaf, by the definition.
    fn tree(leaves: &[Vec<u8>], index: usize) -> (Vec<u8>, Vec<Vec<u8>>) {
        if leaves.len() == 1 {
            return (leaves[0].clone(), Vec::new());
        }
        let half = leaves.len().next_power_of_two() / 2;
        let (left, right) = leaves.split_at(half);
        let join = |a: &[u8], b: &[u8]| Sha256::digest([&[1], a, b].concat()).to_vec();
        if index < half {
            let (root, mut proof) = tree(left, index);
            let (other, _) = tree(right, 0);
            proof.push(other.clone());
            (join(&root, &other), proof)
        } else {
            let (root, mut proof) = tree(right, index - half);
            let (other, _) = tree(left, 0);
            proof.push(other.clone());
            (join(&other, &root), proof)
        }
    }

    #[test]
    fn every_leaf_of_every_small_tree_is_proven_and_no_other() {
        for size in 1..=20_u8 {
            let leaves: Vec<Vec<u8>> = (0..size).map(leaf_hash).collect();
            for index in 0..size {
                let (root, proof) = tree(&leaves, usize::from(index));
                let at = |leaf: u8, index: u8, size: u8| {
                    let hashes = proof.iter().map(Vec::as_slice);
                    root_of(leaf_hash(leaf), index.into(), size.into(), hashes)
                };
                assert_eq!(at(index, index, size), Some(root.clone()));
                assert_ne!(at(index + 1, index, size), Some(root.clone()));
                assert_ne!(at(index, size, size), Some(root.clone()));
                if size > 1 {
                    let short = proof.iter().skip(1).map(Vec::as_slice);
                    let cut = root_of(leaf_hash(index), index.into(), size.into(), short);
                    assert_ne!(cut, Some(root.clone()));
                }
            }
        }
    }
}
