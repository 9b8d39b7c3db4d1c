//! Signed notes (c2sp.org/signed-note) with Ed25519 keys, signature type 1.
//!
//! A note is text, an empty line, and signature lines `— name base64(key id || signature)`. Keys
//! are written as `name+key id in hex+base64(0x01 || public key)`.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

use crate::error::LedgerError;
use crate::limits;

const ED25519: u8 = 1;
const SIGNATURE_MARK: &str = "\u{2014} ";

/// The key with which a log signs its checkpoints.
#[derive(Clone)]
pub struct Signer {
    key: SigningKey,
    verifier: VerifierKey,
}

/// The key with which anyone checks a log's checkpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: [u8; 4],
    key: VerifyingKey,
}

impl Signer {
    /// A signer from a name (the log's origin: neither empty, nor with white space or `+`) and the
    /// 32 bytes of an Ed25519 secret key.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, LedgerError> {
        let key = SigningKey::from_bytes(seed);
        let verifier = VerifierKey::new(name, key.verifying_key())?;
        Ok(Self { key, verifier })
    }

    /// The key that checks what this one signs.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// A note of `text`, which ends in a line end.
    pub fn sign(&self, text: &str) -> String {
        let signature = self.key.sign(text.as_bytes()).to_bytes();
        let line = STANDARD.encode([self.verifier.id.as_slice(), &signature].concat());
        format!("{text}\n{SIGNATURE_MARK}{} {line}\n", self.verifier.name)
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("name", &self.verifier.name).field("key", &"***").finish()
    }
}

impl VerifierKey {
    fn new(name: &str, key: VerifyingKey) -> Result<Self, LedgerError> {
        let bad = |why| LedgerError::BadKey { text: name.to_owned(), why };
        if name.is_empty()
            || name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
        {
            return Err(bad("its name is empty or has white space or `+`"));
        }
        if name.len() > 255 {
            return Err(bad("its name is over 255 bytes"));
        }
        let hash: [u8; 32] = Sha256::new()
            .chain_update(name)
            .chain_update([b'\n', ED25519])
            .chain_update(key.as_bytes())
            .finalize()
            .into();
        let [a, b, c, d, ..] = hash;
        Ok(Self { name: name.to_owned(), id: [a, b, c, d], key })
    }

    /// The key's name, which is the log's origin.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text of a note that carries a good signature of this key, in its one canonical form.
    /// Signatures of other keys (witnesses) are let be. The error says what is wrong.
    pub fn open<'a>(&self, note: &'a str) -> Result<&'a str, &'static str> {
        if note.len() > limits::NOTE_BYTES_MAX {
            return Err("it is too long");
        }
        if note.contains(|c: char| c.is_control() && c != '\n') {
            return Err("it has control characters");
        }
        let (before, signatures) = note.rsplit_once("\n\n").ok_or("it has no signature part")?;
        let text = note.get(..=before.len()).ok_or("it has no text")?;
        if !signatures.ends_with('\n') || signatures.lines().count() > limits::NOTE_SIGNATURES_MAX {
            return Err("its signature part is cut or too long");
        }
        let mut found = false;
        for line in signatures.lines() {
            let rest = line.strip_prefix(SIGNATURE_MARK).ok_or("a signature line is malformed")?;
            let (name, encoded) = rest.split_once(' ').ok_or("a signature line is malformed")?;
            let bytes = STANDARD.decode(encoded).map_err(|_| "a signature is not base64")?;
            let (id, signature) = bytes.split_first_chunk::<4>().ok_or("a signature is cut")?;
            if name != self.name || *id != self.id {
                continue;
            }
            let signature = Signature::from_slice(signature).map_err(|_| "a signature is cut")?;
            self.key
                .verify_strict(text.as_bytes(), &signature)
                .map_err(|_| "the signature does not fit the text")?;
            found = true;
        }
        if found { Ok(text) } else { Err("it is not signed by the key that was given") }
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = STANDARD.encode([[ED25519].as_slice(), self.key.as_bytes()].concat());
        write!(f, "{}+{}+{key}", self.name, hex::encode(self.id))
    }
}

impl FromStr for VerifierKey {
    type Err = LedgerError;

    fn from_str(text: &str) -> Result<Self, LedgerError> {
        let bad = |why| LedgerError::BadKey { text: text.to_owned(), why };
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(bad("it is not of the form name+id+key"));
        };
        let bytes = STANDARD.decode(key).map_err(|_| bad("its last part is not base64"))?;
        let Some((&ED25519, key)) = bytes.split_first() else {
            return Err(bad("it is not an Ed25519 key (type 1)"));
        };
        let key = key.try_into().map_err(|_| bad("an Ed25519 key has 32 bytes"))?;
        let key =
            VerifyingKey::from_bytes(key).map_err(|_| bad("it is not a point of the curve"))?;
        let verifier = Self::new(name, key)?;
        if hex::encode(verifier.id) != id {
            return Err(bad("its id does not fit its name and key"));
        }
        Ok(verifier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn signer() -> Signer {
        Signer::from_seed("ledger.example/host", &[7; 32]).unwrap()
    }

    /// The example of the specification's reference implementation.
    const KNOWN_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const KNOWN_NOTE: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\n\
        \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    #[test]
    fn the_known_note_opens_with_the_known_key() {
        let key: VerifierKey = KNOWN_KEY.parse().unwrap();
        assert_eq!(key.to_string(), KNOWN_KEY);
        assert!(key.open(KNOWN_NOTE).unwrap().ends_with("problem is.\n"));
        signer().verifier().open(KNOWN_NOTE).unwrap_err();
    }

    #[test]
    fn a_signer_does_not_show_its_key_and_its_verifier_reads_back() {
        assert!(format!("{:?}", signer()).contains("***"));
        let key = signer().verifier().clone();
        assert_eq!(key.to_string().parse::<VerifierKey>().unwrap(), key);
    }

    #[test]
    fn bad_names_and_keys_are_refused_with_a_reason() {
        for name in ["", "a b", "a+b", "a\nb"] {
            assert!(Signer::from_seed(name, &[1; 32]).is_err(), "{name:?}");
        }
        let good = signer().verifier().to_string();
        for bad in ["", "a", "a+b", "a+00000000+AAAA", &good.replace("host", "hast")] {
            assert!(bad.parse::<VerifierKey>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_witness_may_add_its_signature() {
        let note = signer().sign("text\n");
        let witness = Signer::from_seed("witness.example", &[8; 32]).unwrap();
        let line = witness.sign("text\n").rsplit_once("\n\n").unwrap().1.to_owned();
        assert_eq!(signer().verifier().open(&format!("{note}{line}")).unwrap(), "text\n");
    }

    proptest! {
        #[test]
        fn every_flipped_bit_is_noticed(at in any::<prop::sample::Index>(), bit in 0_u8..8) {
            let mut note = signer().sign("ledger.example/host\n12\nabc\n").into_bytes();
            let at = at.index(note.len());
            note[at] ^= 1 << bit;
            if let Ok(note) = String::from_utf8(note) {
                prop_assert!(signer().verifier().open(&note).is_err());
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC*\n\n(\u{2014} [a-z]* [A-Za-z0-9+/=]*\n)*") {
            let _ = signer().verifier().open(&text);
            let _ = text.parse::<VerifierKey>();
        }
    }
}
