//! Judging a bundle against what the caller trusts.

use super::bundle::{Bundle, Envelope, KeyHint, Material};
use super::keys::Hash;
use super::{Certificate, Manifest, ProvenanceError, PublicKey, TrustRoot};
use super::{certificate, dsse, limits, sigstore, statement};

/// What the caller trusts. A bundle is never taken at its own word.
#[derive(Clone, Copy, Debug)]
pub enum Trust<'a> {
    /// The one key that signs.
    Key(&'a PublicKey),
    /// Roots; the certificates below them come with the bundle.
    Certificates(&'a [Certificate]),
    /// A person or a workflow, as an identity provider knows them.
    Identity {
        /// The sigstore instance.
        root: &'a TrustRoot,
        /// The e-mail address or the URI in the certificate.
        identity: &'a str,
        /// The identity provider, as a URL.
        issuer: &'a str,
    },
}

/// Who signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signer {
    /// A key.
    Key {
        /// SHA-256 of its PEM, as bundles name it.
        hint: String,
    },
    /// The holder of a certificate.
    Certificate {
        /// The subject of the certificate.
        subject: String,
        /// The seconds since 1970 between which it is valid.
        validity_s: (u64, u64),
    },
    /// Somebody whom an identity provider knew.
    Identity {
        /// The e-mail address or the URI.
        identity: String,
        /// The identity provider.
        issuer: String,
        /// When the log took the signature in, in seconds since 1970.
        time_s: u64,
        /// Where it stands in the log.
        log_index: u64,
    },
}

/// Something that does not refuse the signature, and that its reader should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// Made by an early release that signed a faulty encoding. Have it signed again.
    EarlyRelease,
    /// The bundle does not say which key it needs.
    NoKeyHint,
    /// Nothing proves when it was signed: the chain was judged at the first second of the
    /// certificate, so an expired or withdrawn certificate still verifies.
    NoTime,
}

impl Note {
    /// The note in plain words.
    pub fn text(self) -> &'static str {
        match self {
            Self::EarlyRelease => "signed by an early release in a faulty encoding: sign it again",
            Self::NoKeyHint => "the bundle does not name its key",
            Self::NoTime => "nothing proves when it was signed; revocation was not checked",
        }
    }
}

/// A bundle whose signature was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// What was signed. Compare it with the copy at hand.
    pub manifest: Manifest,
    /// Who signed it.
    pub signer: Signer,
    /// What else is to be known.
    pub notes: Vec<Note>,
}

/// Verifies a bundle (`model.sig`).
///
/// # Errors
///
/// `Refused` where a check failed, `Unknown` where one cannot be made offline, `Malformed` and
/// `Limit` where the bytes are not a bundle.
pub fn verify(bundle: &[u8], trust: Trust<'_>) -> Result<Signed, ProvenanceError> {
    let bundle = Bundle::read(bundle)?;
    let (material, envelope) = (&bundle.verification_material, &bundle.dsse_envelope);
    let mut notes = Vec::new();
    let signer = match trust {
        Trust::Key(key) => by_key(key, material, envelope, &mut notes)?,
        Trust::Certificates(roots) => by_certificates(roots, material, envelope, &mut notes)?,
        Trust::Identity { root, identity, issuer } => {
            let certificate = certificate_of(material)?;
            let key = certificate.public_key()?;
            check_envelope(envelope, &key, Hash::Sha256)?;
            sigstore::verify(root, &certificate, material, envelope, identity, issuer)?
        }
    };
    Ok(Signed { manifest: statement::read(&envelope.payload.0)?, signer, notes })
}

/// The certificate of a sigstore bundle.
fn certificate_of(material: &Material) -> Result<Certificate, ProvenanceError> {
    let chain = material.x509_certificate_chain.as_ref();
    let leaf = material.certificate.as_ref().or_else(|| chain?.certificates.first());
    let leaf = leaf.ok_or_else(|| {
        ProvenanceError::refused("the bundle carries no certificate of an identity")
    })?;
    Certificate::from_der(&leaf.raw_bytes.0)
}

/// What the two keyless-or-not cases share: one signature, the right type, and that it is right.
fn check_envelope(envelope: &Envelope, key: &PublicKey, hash: Hash) -> Result<(), ProvenanceError> {
    let sig = signature_of(envelope)?;
    let message = dsse::pae(&envelope.payload_type, &envelope.payload.0);
    if key.signs_models() && key.verifies(hash, &message, sig) {
        Ok(())
    } else {
        Err(ProvenanceError::refused("the signature is wrong"))
    }
}

/// The only signature of an envelope that carries an in-toto statement.
fn signature_of(envelope: &Envelope) -> Result<&[u8], ProvenanceError> {
    if envelope.payload_type != dsse::IN_TOTO {
        let reason = format!("the envelope carries a `{}`", envelope.payload_type);
        return Err(ProvenanceError::refused(reason));
    }
    match envelope.signatures.as_slice() {
        [one] => Ok(&one.sig.0),
        _ => Err(ProvenanceError::refused("the envelope has not exactly one signature")),
    }
}

/// As [`check_envelope`], and then what release 0.2 signed, with the hash that it used.
fn check_envelope_or_early(
    envelope: &Envelope,
    key: &PublicKey,
    early_hash: Hash,
    notes: &mut Vec<Note>,
) -> Result<(), ProvenanceError> {
    let error = match check_envelope(envelope, key, key.hash()) {
        Ok(()) => return Ok(()),
        Err(error) => error,
    };
    let message = dsse::pae_of_release_0_2(&envelope.payload.0);
    let sig = signature_of(envelope)?;
    if key.signs_models() && key.verifies(early_hash, &message, sig) {
        notes.push(Note::EarlyRelease);
        return Ok(());
    }
    Err(error)
}

fn by_key(
    key: &PublicKey,
    material: &Material,
    envelope: &Envelope,
    notes: &mut Vec<Note>,
) -> Result<Signer, ProvenanceError> {
    let Some(KeyHint { hint }) = &material.public_key else {
        return Err(ProvenanceError::refused("the bundle was not signed with a key alone"));
    };
    let own = key.hint();
    match hint.as_deref().filter(|hint| !hint.is_empty()) {
        Some(hint) if hint != own => {
            let reason = format!("the bundle names another key: `{hint}`");
            return Err(ProvenanceError::refused(reason));
        }
        Some(_) => {}
        None => notes.push(Note::NoKeyHint),
    }
    check_envelope_or_early(envelope, key, key.hash(), notes)?;
    Ok(Signer::Key { hint: own })
}

fn by_certificates(
    roots: &[Certificate],
    material: &Material,
    envelope: &Envelope,
    notes: &mut Vec<Note>,
) -> Result<Signer, ProvenanceError> {
    let Some(chain) = &material.x509_certificate_chain else {
        return Err(ProvenanceError::refused("the bundle carries no chain of certificates"));
    };
    limits::check("certificates", chain.certificates.len(), limits::CERTIFICATES_MAX)?;
    let certificates: Vec<Certificate> = chain
        .certificates
        .iter()
        .map(|raw| Certificate::from_der(&raw.raw_bytes.0))
        .collect::<Result<_, _>>()?;
    let Some((leaf, between)) = certificates.split_first() else {
        return Err(ProvenanceError::refused("the chain of certificates is empty"));
    };
    let (first_second, _) = leaf.validity_s();
    certificate::chain(leaf, between, roots, first_second)?;
    if !leaf.may_sign() {
        return Err(ProvenanceError::refused("the certificate is not for signing"));
    }
    notes.push(Note::NoTime);
    check_envelope_or_early(envelope, &leaf.public_key()?, Hash::Sha256, notes)?;
    Ok(Signer::Certificate { subject: leaf.subject(), validity_s: leaf.validity_s() })
}
