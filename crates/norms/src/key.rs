//! An Ed25519 public key (RFC 8032) that was read once: a point of the curve, and not one of the
//! few weak ones under which a signature holds for any message.

use std::sync::LazyLock;

use curve25519_dalek::constants::EIGHT_TORSION;
use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};
use serde::{Serialize, Serializer};

/// An Ed25519 public key that is known to be good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ed25519Key(VerifyingKey);

impl Ed25519Key {
    /// Reads the 32 raw bytes; `None` where they are no point, or a weak one.
    pub fn parse(raw: &[u8; 32]) -> Option<Self> {
        VerifyingKey::from_bytes(raw).ok().filter(|key| !key.is_weak()).map(Self)
    }

    /// The raw bytes.
    pub fn raw(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Whether a signature over the message holds, strictly: nothing weak in it, and every part
    /// written in the one way. That is `verify_strict` less one root: the key was found not to be
    /// weak when it was read, and the commitment is compared byte by byte, so it is weak only as
    /// one of eight encodings.
    pub fn holds(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let signature = Signature::from_bytes(signature);
        !weak_commitments().contains(signature.r_bytes())
            && self.0.verify(message, &signature).is_ok()
    }
}

/// The encodings of the points of small order.
fn weak_commitments() -> &'static [[u8; 32]; 8] {
    static WEAK: LazyLock<[[u8; 32]; 8]> =
        LazyLock::new(|| EIGHT_TORSION.map(|point| point.compress().to_bytes()));
    &WEAK
}

impl Serialize for Ed25519Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.raw().serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use curve25519_dalek::edwards::EdwardsPoint;
    use curve25519_dalek::scalar::Scalar;
    use ed25519_dalek::{Signer as _, SigningKey};
    use sha2::{Digest as _, Sha512};

    use super::*;

    #[test]
    fn weak_points_and_bytes_that_are_no_point_are_no_keys() {
        for weak in weak_commitments() {
            assert_eq!(Ed25519Key::parse(weak), None, "any message can hold under it");
        }
        let mut raws = (2..=u8::MAX).map(|byte| [byte; 32]);
        let no_point = raws.find(|raw| VerifyingKey::from_bytes(raw).is_err()).unwrap();
        assert_eq!(Ed25519Key::parse(&no_point), None);
    }

    #[test]
    fn a_signature_holds_exactly_where_the_librarys_strict_check_says_so() {
        for seed in 0..=u8::MAX {
            let signer = SigningKey::from_bytes(&[seed; 32]);
            let key = Ed25519Key::parse(signer.verifying_key().as_bytes()).unwrap();
            let good = signer.sign(&[seed]).to_bytes();
            assert!(key.holds(&[seed], &good));
            for bit in 0..512 {
                let mut bad = good;
                bad[bit / 8] ^= 1 << (bit % 8);
                let strict = signer.verifying_key().verify_strict(&[seed], &(&bad).into()).is_ok();
                assert_eq!(key.holds(&[seed], &bad), strict);
                assert!(!strict);
            }
        }
    }

    #[test]
    fn a_signature_with_a_weak_commitment_is_refused_though_its_equation_holds() {
        // Whoever knows the secret scalar a can sign with R of small order: s = k * a.
        let signer = SigningKey::from_bytes(&[7; 32]);
        let public = signer.verifying_key();
        let identity = EdwardsPoint::default().compress().to_bytes();
        let mut hasher = Sha512::new();
        hasher.update(identity);
        hasher.update(public.as_bytes());
        hasher.update(b"message");
        let scalar = Scalar::from_hash(hasher) * signer.to_scalar();
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&identity);
        signature[32..].copy_from_slice(scalar.as_bytes());
        assert!(public.verify(b"message", &(&signature).into()).is_ok());
        assert!(public.verify_strict(b"message", &(&signature).into()).is_err());
        assert!(!Ed25519Key::parse(public.as_bytes()).unwrap().holds(b"message", &signature));
    }
}
