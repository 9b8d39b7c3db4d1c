//! X.509 certificates (RFC 5280) as far as signing a model needs them: reading one, and finding a
//! chain from it to a certificate that the caller trusts.
//!
//! A critical extension that is not understood, and any name constraint, refuses the chain. There
//! is no revocation here: the check is offline, and says so by what it claims.

use der::asn1::OctetString;
use der::{Decode as _, Encode as _, Reader as _, SliceReader};
use spki::ObjectIdentifier;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{
    BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName,
};

use super::keys::{Hash, PublicKey};
use super::{ProvenanceError, limits, pem};

const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");
const SUBJECT_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
const NAME_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.30");
const CODE_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.3");

const ECDSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const ECDSA_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
const ECDSA_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.4");
const RSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const RSA_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12");
const RSA_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// A certificate that was read, not yet trusted.
#[derive(Clone, Debug)]
pub struct Certificate {
    der: Vec<u8>,
    /// The bytes that its issuer signed, as they were.
    signed: Vec<u8>,
    pub(super) parsed: x509_cert::Certificate,
    issuer: Vec<u8>,
    subject: Vec<u8>,
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl Certificate {
    /// Reads one certificate.
    pub fn from_der(der: &[u8]) -> Result<Self, ProvenanceError> {
        let wrong = |e: der::Error| ProvenanceError::malformed("certificate", e);
        let parsed = x509_cert::Certificate::from_der(der).map_err(wrong)?;
        let signed = SliceReader::new(der)
            .and_then(|mut reader| {
                reader.sequence(|inner| {
                    let signed = inner.tlv_bytes()?.to_vec();
                    while !inner.is_finished() {
                        inner.tlv_bytes()?;
                    }
                    Ok(signed)
                })
            })
            .map_err(wrong)?;
        let issuer = parsed.tbs_certificate.issuer.to_der().map_err(wrong)?;
        let subject = parsed.tbs_certificate.subject.to_der().map_err(wrong)?;
        Ok(Self { der: der.to_vec(), signed, parsed, issuer, subject })
    }

    /// Reads every certificate of a PEM file.
    pub fn all_from_pem(pem: &[u8]) -> Result<Vec<Self>, ProvenanceError> {
        let blocks = pem::blocks(pem)?;
        let certificates = blocks.iter().filter(|(label, _)| label == "CERTIFICATE");
        certificates.map(|(_, der)| Self::from_der(der)).collect()
    }

    /// The bytes of the certificate.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The name of its subject, as RFC 4514 writes it.
    pub fn subject(&self) -> String {
        self.parsed.tbs_certificate.subject.to_string()
    }

    /// Its public key.
    pub fn public_key(&self) -> Result<PublicKey, ProvenanceError> {
        let info = &self.parsed.tbs_certificate.subject_public_key_info;
        let der = info.to_der().map_err(|e| ProvenanceError::malformed("certificate", e))?;
        PublicKey::from_der(&der)
    }

    /// The first and the last second of its validity, since 1970.
    pub fn validity_s(&self) -> (u64, u64) {
        let validity = &self.parsed.tbs_certificate.validity;
        let seconds = |time: x509_cert::time::Time| time.to_unix_duration().as_secs();
        (seconds(validity.not_before), seconds(validity.not_after))
    }

    /// The content of an extension, if it is there exactly once.
    pub(super) fn extension(&self, oid: ObjectIdentifier) -> Option<&OctetString> {
        let extensions = self.parsed.tbs_certificate.extensions.as_deref().unwrap_or_default();
        let mut those = extensions.iter().filter(|extension| extension.extn_id == oid);
        let first = those.next()?;
        those.next().is_none().then_some(&first.extn_value)
    }

    fn read<'a, T: der::Decode<'a>>(&'a self, oid: ObjectIdentifier) -> Option<T> {
        self.extension(oid).and_then(|value| T::from_der(value.as_bytes()).ok())
    }

    /// Whether it may sign things: digital signature, or code signing.
    pub(super) fn may_sign(&self) -> bool {
        let usage = self.read::<KeyUsage>(KEY_USAGE);
        if usage.is_some_and(|usage| usage.0.contains(KeyUsages::DigitalSignature)) {
            return true;
        }
        self.is_for_code_signing()
    }

    /// Whether it says that it is for signing code.
    pub(super) fn is_for_code_signing(&self) -> bool {
        let usage = self.read::<ExtendedKeyUsage>(EXTENDED_KEY_USAGE);
        usage.is_some_and(|usage| usage.0.contains(&CODE_SIGNING))
    }

    /// E-mail addresses and URIs among its alternative names.
    pub(super) fn alternative_names(&self) -> Vec<String> {
        let Some(names) = self.read::<SubjectAltName>(SUBJECT_ALT_NAME) else {
            return Vec::new();
        };
        let text = |name: &GeneralName| match name {
            GeneralName::Rfc822Name(text) | GeneralName::UniformResourceIdentifier(text) => {
                Some(text.as_str().to_owned())
            }
            _ => None,
        };
        names.0.iter().filter_map(text).collect()
    }

    /// Whether it may stand above `below` certificates in a chain.
    fn may_issue(&self, below: usize) -> bool {
        let constraints = self.read::<BasicConstraints>(BASIC_CONSTRAINTS);
        let is_authority = constraints.is_some_and(|constraints| {
            let length = constraints.path_len_constraint.map_or(usize::MAX, usize::from);
            constraints.ca && below <= length
        });
        let usage_fits = match self.extension(KEY_USAGE) {
            None => true,
            Some(_) => self
                .read::<KeyUsage>(KEY_USAGE)
                .is_some_and(|usage| usage.0.contains(KeyUsages::KeyCertSign)),
        };
        is_authority && usage_fits && self.extension(NAME_CONSTRAINTS).is_none()
    }

    fn understands_all_critical(&self) -> bool {
        let known = [BASIC_CONSTRAINTS, KEY_USAGE, EXTENDED_KEY_USAGE, SUBJECT_ALT_NAME];
        let extensions = self.parsed.tbs_certificate.extensions.as_deref().unwrap_or_default();
        extensions.iter().all(|e| !e.critical || known.contains(&e.extn_id))
    }

    fn is_valid_at(&self, time_s: u64) -> bool {
        let (first, last) = self.validity_s();
        (first..=last).contains(&time_s)
    }

    fn is_signed_by(&self, issuer: &Self) -> bool {
        let oid = self.parsed.signature_algorithm.oid;
        let hash = match oid {
            ECDSA_SHA256 | RSA_SHA256 => Hash::Sha256,
            ECDSA_SHA384 | RSA_SHA384 => Hash::Sha384,
            ECDSA_SHA512 | RSA_SHA512 | ED25519 => Hash::Sha512,
            _ => return false,
        };
        let same = self.parsed.tbs_certificate.signature.oid == oid;
        let signature = self.parsed.signature.as_bytes();
        same && issuer.public_key().is_ok_and(|key| {
            signature.is_some_and(|signature| key.verifies(hash, &self.signed, signature))
        })
    }
}

/// Finds a chain from `leaf` over certificates of `between` to one of `roots`, in which every
/// certificate was valid at that second. Gives the certificate that issued the leaf.
pub(super) fn chain<'a>(
    leaf: &'a Certificate,
    between: &'a [Certificate],
    roots: &'a [Certificate],
    time_s: u64,
) -> Result<&'a Certificate, ProvenanceError> {
    let mut search = Search { between, roots, time_s, tries: 0, closest: Closest::NoIssuer };
    search.issuer(leaf, 0).ok_or_else(|| ProvenanceError::refused(search.closest.text(leaf)))
}

struct Search<'a> {
    between: &'a [Certificate],
    roots: &'a [Certificate],
    time_s: u64,
    tries: usize,
    closest: Closest,
}

/// The step at which the best attempt failed, for the message.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Closest {
    NoIssuer,
    NotSigned,
    NotAuthority,
    NotUnderstood,
    NotValid,
}

impl Closest {
    fn text(self, leaf: &Certificate) -> String {
        let what = match self {
            Self::NoIssuer => "no trusted certificate issued it",
            Self::NotSigned => "the signature of its issuer is wrong",
            Self::NotAuthority => "a certificate of its chain may not issue others",
            Self::NotUnderstood => "its chain holds a critical extension that is not known here",
            Self::NotValid => "its chain was not valid at the time of signing",
        };
        format!("the certificate `{}` is not trusted: {what}", leaf.subject())
    }
}

impl<'a> Search<'a> {
    fn fail(&mut self, step: Closest) {
        if step > self.closest {
            self.closest = step;
        }
    }

    fn issuer(&mut self, of: &'a Certificate, below: usize) -> Option<&'a Certificate> {
        if !of.understands_all_critical() {
            self.fail(Closest::NotUnderstood);
            return None;
        }
        if !of.is_valid_at(self.time_s) {
            self.fail(Closest::NotValid);
            return None;
        }
        let (roots, between) = (self.roots, self.between);
        for (is_root, candidate) in
            roots.iter().map(|c| (true, c)).chain(between.iter().map(|c| (false, c)))
        {
            if candidate.subject != of.issuer || candidate == of {
                continue;
            }
            self.tries += 1;
            if self.tries > limits::CHAIN_TRIES_MAX {
                return None;
            }
            if !of.is_signed_by(candidate) {
                self.fail(Closest::NotSigned);
            } else if !candidate.may_issue(below) {
                self.fail(Closest::NotAuthority);
            } else if is_root {
                if !candidate.understands_all_critical() {
                    self.fail(Closest::NotUnderstood);
                } else if candidate.is_valid_at(self.time_s) {
                    return Some(candidate);
                } else {
                    self.fail(Closest::NotValid);
                }
            } else if below < limits::CHAIN_LENGTH_MAX
                && self.issuer(candidate, below + 1).is_some()
            {
                return Some(candidate);
            }
        }
        None
    }
}
