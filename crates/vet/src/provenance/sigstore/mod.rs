//! Identities of sigstore: a certificate that lives ten minutes, made out to whoever an identity
//! provider knew, and an entry of a public log that proves when it was used.
//!
//! What is checked, all offline, and each of it needed:
//!
//! 1. the certificate leads to a certificate authority of the trust root, was valid when the log
//!    took the signature in, is for signing code, and names the identity and the provider;
//! 2. a log of certificates promised to publish it (an embedded SCT, RFC 6962);
//! 3. the entry of the transparency log is about exactly this payload, signature and certificate;
//! 4. the log vouches for the entry: its signed entry timestamp, and the proof that the entry
//!    stands under a checkpoint that the log signed.
//!
//! What stays open offline is said as unknown: entries of logs whose time comes from a timestamp
//! authority (the second generation of Rekor), and kinds of entries that are not known here.

mod public_good;
mod rekor;
mod sct;
mod trust_root;

pub use trust_root::TrustRoot;

use der::Decode as _;
use der::asn1::Utf8StringRef;
use spki::ObjectIdentifier;

use super::bundle::{Envelope, Material};
use super::{Certificate, ProvenanceError, Signer, certificate};

/// The identity provider, as plain bytes (the old extension) and as a UTF-8 string.
const ISSUER_V1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.1");
const ISSUER_V2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.8");

/// Judges a bundle whose envelope was already found to be signed by the key of `leaf`.
pub(super) fn verify(
    root: &TrustRoot,
    leaf: &Certificate,
    material: &Material,
    envelope: &Envelope,
    identity: &str,
    issuer: &str,
) -> Result<Signer, ProvenanceError> {
    let entry = match material.tlog_entries.as_slice() {
        [entry] => entry,
        [] => return Err(ProvenanceError::refused("no log vouches for the signature")),
        _ => return Err(ProvenanceError::refused("more than one log entry for one signature")),
    };
    let seen = rekor::verify(root, entry, envelope, leaf)?;
    let mut issued_by = None;
    let mut reason = ProvenanceError::refused("the trust root has no certificate authority");
    for authority in root.authorities_at(seen.time_s) {
        match certificate::chain(leaf, &authority.between, &authority.roots, seen.time_s) {
            Ok(certificate) => issued_by = Some(certificate),
            Err(error) => reason = error,
        }
    }
    let issued_by = issued_by.ok_or(reason)?;
    if !leaf.is_for_code_signing() || !leaf.may_sign() {
        return Err(ProvenanceError::refused("the certificate is not for signing code"));
    }
    sct::verify(root, leaf, issued_by)?;
    let found_issuer = issuer_of(leaf)
        .ok_or_else(|| ProvenanceError::refused("the certificate names no identity provider"))?;
    if found_issuer != issuer {
        let reason = format!("the identity comes from `{found_issuer}`, not from `{issuer}`");
        return Err(ProvenanceError::refused(reason));
    }
    let names = leaf.alternative_names();
    if !names.iter().any(|name| name == identity) {
        let found = names.join("`, `");
        return Err(ProvenanceError::refused(format!("signed by `{found}`, not by `{identity}`")));
    }
    Ok(Signer::Identity {
        identity: identity.to_owned(),
        issuer: issuer.to_owned(),
        time_s: seen.time_s,
        log_index: seen.log_index,
    })
}

pub(super) fn issuer_of(leaf: &Certificate) -> Option<String> {
    if let Some(value) = leaf.extension(ISSUER_V2) {
        return Utf8StringRef::from_der(value.as_bytes()).ok().map(|text| text.as_str().to_owned());
    }
    String::from_utf8(leaf.extension(ISSUER_V1)?.as_bytes().to_vec()).ok()
}
