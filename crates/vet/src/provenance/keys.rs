//! Public and private keys: ECDSA on P-256, P-384 and P-521, Ed25519, and RSA for certificates.
//!
//! A private key signs deterministically (RFC 6979; Ed25519 does so by itself), so nothing here
//! asks for randomness. The hash goes with the curve, as the algorithm registry of sigstore says.
//! P-521 only verifies: there is no deterministic signer for it here. RSA only checks the
//! signatures
//! of certificate authorities.

use der::{Decode as _, Encode as _};
use ecdsa::signature::hazmat::{PrehashSigner as _, PrehashVerifier as _};
use ed25519_dalek::Signer as _;
use pkcs8::{DecodePrivateKey as _, EncodePublicKey as _};
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use spki::{DecodePublicKey as _, ObjectIdentifier, SubjectPublicKeyInfoRef};

use super::{ProvenanceError, pem};

const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// The hash that is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Hash {
    fn of(self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(message).to_vec(),
            Self::Sha384 => Sha384::digest(message).to_vec(),
            Self::Sha512 => Sha512::digest(message).to_vec(),
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Point {
    P256(p256::PublicKey),
    P384(p384::PublicKey),
    P521(p521::PublicKey),
    Ed25519(ed25519_dalek::VerifyingKey),
    /// The key as PKCS#1 writes it.
    Rsa(Vec<u8>),
}

/// A public key, with its encoding as `SubjectPublicKeyInfo`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PublicKey {
    point: Point,
    der: Vec<u8>,
}

impl PublicKey {
    /// A key from PEM (`PUBLIC KEY`).
    pub fn from_pem(pem: &[u8]) -> Result<Self, ProvenanceError> {
        let blocks = pem::blocks(pem)?;
        match blocks.as_slice() {
            [(label, der)] if label == "PUBLIC KEY" => Self::from_der(der),
            _ => Err(ProvenanceError::malformed("public key", "no single block `PUBLIC KEY`")),
        }
    }

    /// A key from the DER of `SubjectPublicKeyInfo`.
    pub fn from_der(der: &[u8]) -> Result<Self, ProvenanceError> {
        let wrong = |reason: String| ProvenanceError::malformed("public key", reason);
        let info = SubjectPublicKeyInfoRef::from_der(der).map_err(|e| wrong(e.to_string()))?;
        let spki = |e: spki::Error| wrong(e.to_string());
        let point = match info.algorithm.oid {
            EC => match info.algorithm.parameters_oid().map_err(spki)? {
                P256 => Point::P256(p256::PublicKey::from_public_key_der(der).map_err(spki)?),
                P384 => Point::P384(p384::PublicKey::from_public_key_der(der).map_err(spki)?),
                P521 => Point::P521(p521::PublicKey::from_public_key_der(der).map_err(spki)?),
                curve => return Err(wrong(format!("the curve `{curve}` is not used here"))),
            },
            ED25519 => {
                Point::Ed25519(ed25519_dalek::VerifyingKey::from_public_key_der(der).map_err(spki)?)
            }
            RSA => {
                let bits = info.subject_public_key.as_bytes();
                Point::Rsa(bits.ok_or_else(|| wrong("half a byte".to_owned()))?.to_vec())
            }
            oid => return Err(wrong(format!("the algorithm `{oid}` is not used here"))),
        };
        // The canonical encoding: the same key has the same fingerprint, whoever wrote it.
        let der = info.to_der().map_err(|e| wrong(e.to_string()))?;
        Ok(Self { point, der })
    }

    /// The DER of `SubjectPublicKeyInfo`.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The key as PEM.
    pub fn to_pem(&self) -> String {
        pem::encode("PUBLIC KEY", &self.der)
    }

    /// The hint by which a bundle names its key: SHA-256 of the PEM, hexadecimal.
    pub fn hint(&self) -> String {
        hex::encode(Sha256::digest(self.to_pem()))
    }

    /// SHA-256 of the DER: the name of a key in logs.
    pub fn id(&self) -> [u8; 32] {
        Sha256::digest(&self.der).into()
    }

    /// Whether models are signed with such keys.
    pub(super) fn signs_models(&self) -> bool {
        !matches!(self.point, Point::Rsa(_))
    }

    /// The hash that belongs to this kind of key.
    pub(super) fn hash(&self) -> Hash {
        match self.point {
            Point::P256(_) | Point::Rsa(_) => Hash::Sha256,
            Point::P384(_) => Hash::Sha384,
            Point::P521(_) | Point::Ed25519(_) => Hash::Sha512,
        }
    }

    /// Whether the signature is this key's over the message. ECDSA signatures are in DER.
    pub fn verifies(&self, hash: Hash, message: &[u8], signature: &[u8]) -> bool {
        match &self.point {
            Point::P256(key) => p256::ecdsa::Signature::from_der(signature).is_ok_and(|s| {
                p256::ecdsa::VerifyingKey::from(key).verify_prehash(&hash.of(message), &s).is_ok()
            }),
            Point::P384(key) => p384::ecdsa::Signature::from_der(signature).is_ok_and(|s| {
                p384::ecdsa::VerifyingKey::from(key).verify_prehash(&hash.of(message), &s).is_ok()
            }),
            Point::P521(key) => p521::ecdsa::Signature::from_der(signature).is_ok_and(|s| {
                p521::ecdsa::VerifyingKey::from_affine(*key.as_affine())
                    .is_ok_and(|key| key.verify_prehash(&hash.of(message), &s).is_ok())
            }),
            Point::Ed25519(key) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|s| key.verify_strict(message, &s).is_ok()),
            Point::Rsa(key) => {
                let algorithm = match hash {
                    Hash::Sha256 => &ring::signature::RSA_PKCS1_2048_8192_SHA256,
                    Hash::Sha384 => &ring::signature::RSA_PKCS1_2048_8192_SHA384,
                    Hash::Sha512 => &ring::signature::RSA_PKCS1_2048_8192_SHA512,
                };
                let key = ring::signature::UnparsedPublicKey::new(algorithm, key);
                key.verify(message, signature).is_ok()
            }
        }
    }
}

enum Secret {
    P256(p256::SecretKey),
    P384(p384::SecretKey),
    Ed25519(ed25519_dalek::SigningKey),
}

/// A private key. It is never printed, and is wiped when it is dropped.
pub struct SigningKey {
    secret: Secret,
    public: PublicKey,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(***)")
    }
}

impl SigningKey {
    /// A key from PEM: `PRIVATE KEY` (PKCS#8) or `EC PRIVATE KEY` (SEC 1), not encrypted.
    pub fn from_pem(pem: &[u8]) -> Result<Self, ProvenanceError> {
        let wrong = |reason: &str| ProvenanceError::malformed("private key", reason);
        for (label, der) in pem::blocks(pem)? {
            let der = zeroize::Zeroizing::new(der);
            match label.as_str() {
                "PRIVATE KEY" => {
                    return Self::from_secret(
                        pkcs8_secret(&der).ok_or_else(|| {
                            wrong("it is of no curve that models are signed with")
                        })?,
                    );
                }
                "EC PRIVATE KEY" => {
                    return Self::from_secret(
                        sec1_secret(&der).ok_or_else(|| {
                            wrong("it is of no curve that models are signed with")
                        })?,
                    );
                }
                "ENCRYPTED PRIVATE KEY" => return Err(wrong("it is encrypted: decrypt it first")),
                _ => {}
            }
        }
        Err(wrong("no block `PRIVATE KEY` or `EC PRIVATE KEY`"))
    }

    fn from_secret(secret: Secret) -> Result<Self, ProvenanceError> {
        let document = match &secret {
            Secret::P256(key) => key.public_key().to_public_key_der(),
            Secret::P384(key) => key.public_key().to_public_key_der(),
            Secret::Ed25519(key) => key.verifying_key().to_public_key_der(),
        };
        let der = document.map_err(|e| ProvenanceError::malformed("private key", e))?;
        Ok(Self { secret, public: PublicKey::from_der(der.as_bytes())? })
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs a message with the hash that belongs to the key; ECDSA gives DER.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, ProvenanceError> {
        let digest = self.public.hash().of(message);
        let failed = |_| ProvenanceError::malformed("private key", "it cannot sign");
        Ok(match &self.secret {
            Secret::P256(key) => {
                let key = p256::ecdsa::SigningKey::from(key);
                let signature: p256::ecdsa::Signature =
                    key.sign_prehash(&digest).map_err(failed)?;
                signature.to_der().as_bytes().to_vec()
            }
            Secret::P384(key) => {
                let key = p384::ecdsa::SigningKey::from(key);
                let signature: p384::ecdsa::Signature =
                    key.sign_prehash(&digest).map_err(failed)?;
                signature.to_der().as_bytes().to_vec()
            }
            Secret::Ed25519(key) => key.sign(message).to_bytes().to_vec(),
        })
    }
}

fn pkcs8_secret(der: &[u8]) -> Option<Secret> {
    None.or_else(|| p256::SecretKey::from_pkcs8_der(der).ok().map(Secret::P256))
        .or_else(|| p384::SecretKey::from_pkcs8_der(der).ok().map(Secret::P384))
        .or_else(|| ed25519_dalek::SigningKey::from_pkcs8_der(der).ok().map(Secret::Ed25519))
}

fn sec1_secret(der: &[u8]) -> Option<Secret> {
    None.or_else(|| p256::SecretKey::from_sec1_der(der).ok().map(Secret::P256))
        .or_else(|| p384::SecretKey::from_sec1_der(der).ok().map(Secret::P384))
}
