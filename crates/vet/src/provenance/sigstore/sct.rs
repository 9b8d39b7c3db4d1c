//! Signed certificate timestamps (RFC 6962, section 3.2): a log of certificates promised to
//! publish the certificate, so that an authority that is taken over leaves a trace.

use der::asn1::OctetString;
use der::{Decode as _, Encode as _};
use spki::ObjectIdentifier;

use super::TrustRoot;
use crate::provenance::keys::Hash;
use crate::provenance::{Certificate, ProvenanceError, limits};

const SCT_LIST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.11129.2.4.2");
/// TLS names for SHA-256 and ECDSA.
const SHA256_ECDSA: [u8; 2] = [4, 3];
/// The kind of entry: a certificate before the timestamps were put into it.
const PRECERTIFICATE: [u8; 2] = [0, 1];

/// Checks that at least one log of the trust root signed a timestamp of this certificate.
pub(super) fn verify(
    root: &TrustRoot,
    leaf: &Certificate,
    issued_by: &Certificate,
) -> Result<(), ProvenanceError> {
    let refused = |reason: &str| ProvenanceError::refused(reason);
    let wrong = |e: der::Error| ProvenanceError::malformed("certificate", e);
    let list = leaf
        .extension(SCT_LIST)
        .ok_or_else(|| refused("no log of certificates knows the certificate"))?;
    let list = OctetString::from_der(list.as_bytes()).map_err(wrong)?;
    let broken = || ProvenanceError::malformed("certificate", "its timestamps are cut short");
    let (mut rest, after) = take_u16(list.as_bytes()).ok_or_else(broken)?;
    if !after.is_empty() {
        return Err(broken());
    }
    let mut body = leaf.parsed.tbs_certificate.clone();
    if let Some(extensions) = &mut body.extensions {
        extensions.retain(|extension| extension.extn_id != SCT_LIST);
    }
    let body = body.to_der().map_err(wrong)?;
    let issuer = issued_by.public_key()?.id();
    let mut count = 0;
    while !rest.is_empty() {
        count += 1;
        limits::check("timestamps of a certificate", count, limits::SCTS_MAX)?;
        let (one, others) = take_u16(rest).ok_or_else(broken)?;
        if is_signed(root, one, &issuer, &body) == Some(true) {
            return Ok(());
        }
        rest = others;
    }
    Err(refused("no log of certificates of the trust root signed the certificate"))
}

/// `None`: the timestamp is cut short, or of another version, or of an unknown log.
fn is_signed(root: &TrustRoot, sct: &[u8], issuer: &[u8; 32], body: &[u8]) -> Option<bool> {
    let (version, rest) = sct.split_at_checked(1)?;
    let (log_id, rest) = rest.split_at_checked(32)?;
    let (time, rest) = rest.split_at_checked(8)?;
    let (extensions, rest) = take_u16(rest)?;
    let (algorithm, rest) = rest.split_at_checked(2)?;
    let (signature, rest) = take_u16(rest)?;
    if version != [0] || algorithm != SHA256_ECDSA || !rest.is_empty() {
        return None;
    }
    let time_s = u64::from_be_bytes(time.try_into().ok()?) / 1_000;
    let log = root.certificate_log(log_id, time_s)?;
    let length = u32::try_from(body.len()).ok()?.to_be_bytes();
    let extensions_length = u16::try_from(extensions.len()).ok()?.to_be_bytes();
    let signed = [
        &[0, 0],
        time,
        &PRECERTIFICATE,
        issuer,
        length.get(1..)?,
        body,
        &extensions_length,
        extensions,
    ]
    .concat();
    Some(log.key.verifies(Hash::Sha256, &signed, signature))
}

/// What a 16-bit length announces, and what follows.
fn take_u16(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}
