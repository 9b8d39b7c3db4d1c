//! Signing a manifest with a private key, with or without certificates.

use super::bundle::{Base64, Bundle, Chain, Envelope, KeyHint, MEDIA_TYPE, Material};
use super::bundle::{RawBytes, Signature};
use super::{Certificate, Manifest, ProvenanceError, SigningKey, dsse, statement};

/// Signs with a key alone; whoever verifies needs the public key. Gives the bytes of the bundle.
pub fn sign(manifest: &Manifest, key: &SigningKey) -> Result<Vec<u8>, ProvenanceError> {
    let hint = KeyHint { hint: Some(key.public().hint()) };
    seal(manifest, key, Material { public_key: Some(hint), ..Material::default() })
}

/// Signs with a key and its certificate; whoever verifies needs the root of the chain.
///
/// # Errors
///
/// The certificate is of another key, or may not sign.
pub fn sign_with_certificates(
    manifest: &Manifest,
    key: &SigningKey,
    certificate: &Certificate,
    chain: &[Certificate],
) -> Result<Vec<u8>, ProvenanceError> {
    if certificate.public_key()? != *key.public() {
        return Err(ProvenanceError::refused("the certificate is of another key"));
    }
    if !certificate.may_sign() {
        return Err(ProvenanceError::refused("the certificate is not for signing"));
    }
    let raw = |c: &Certificate| RawBytes { raw_bytes: Base64(c.der().to_vec()) };
    let certificates = std::iter::once(certificate).chain(chain).map(raw).collect();
    let chain = Some(Chain { certificates });
    seal(manifest, key, Material { x509_certificate_chain: chain, ..Material::default() })
}

fn seal(
    manifest: &Manifest,
    key: &SigningKey,
    verification_material: Material,
) -> Result<Vec<u8>, ProvenanceError> {
    let payload = statement::write(manifest);
    let sig = key.sign(&dsse::pae(dsse::IN_TOTO, &payload))?;
    let bundle = Bundle {
        media_type: MEDIA_TYPE.to_owned(),
        verification_material,
        dsse_envelope: Envelope {
            payload: Base64(payload),
            payload_type: dsse::IN_TOTO.to_owned(),
            signatures: vec![Signature { sig: Base64(sig), keyid: Some(String::new()) }],
        },
    };
    serde_json::to_vec(&bundle).map_err(|e| ProvenanceError::malformed("bundle", e))
}
