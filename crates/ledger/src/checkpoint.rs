//! Checkpoints (c2sp.org/tlog-checkpoint): a signed note of the log's origin, size and root.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::hash::Hash;
use crate::note::{Signer, VerifierKey};

/// What a log says of itself at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name; here always the name of the key that signs.
    pub origin: String,
    /// Entries in the log.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Hash,
}

impl Checkpoint {
    /// The signed note.
    pub fn sign(&self, signer: &Signer) -> String {
        signer.sign(&format!("{}\n{}\n{}\n", self.origin, self.size, self.root))
    }

    /// Checks a note's signature and reads it. The error says in words what is wrong.
    pub fn open(note: &[u8], key: &VerifierKey) -> Result<Self, &'static str> {
        let note = std::str::from_utf8(note).map_err(|_| "it is not UTF-8 text")?;
        let text = key.open(note)?;
        let mut lines = text.lines();
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next())
        else {
            return Err("it has not the three lines of a checkpoint");
        };
        if origin != key.name() {
            return Err("its origin is not the name of the key");
        }
        let parsed: u64 = size.parse().map_err(|_| "its size is not a number")?;
        if parsed.to_string() != size {
            return Err("its size is not written as a plain number");
        }
        let root = STANDARD.decode(root).ok().and_then(|bytes| bytes.try_into().ok());
        let root = Hash(root.ok_or("its root is not a hash in base64")?);
        Ok(Self { origin: origin.to_owned(), size: parsed, root })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::empty_root;

    #[test]
    fn a_checkpoint_reads_back() {
        let signer = Signer::from_seed("ledger.example", &[7; 32]).unwrap();
        let checkpoint =
            Checkpoint { origin: "ledger.example".to_owned(), size: 0, root: empty_root() };
        let note = checkpoint.sign(&signer);
        assert!(note.starts_with(
            "ledger.example\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n\u{2014} ledger.example "
        ));
        assert_eq!(Checkpoint::open(note.as_bytes(), signer.verifier()), Ok(checkpoint));
    }

    #[test]
    fn signed_nonsense_is_refused() {
        let signer = Signer::from_seed("ledger.example", &[7; 32]).unwrap();
        for text in [
            "ledger.example\n",
            "other.example\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
            "ledger.example\n01\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
            "ledger.example\n-1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
            "ledger.example\n1\n47DEQpj8HBSa\n",
        ] {
            Checkpoint::open(signer.sign(text).as_bytes(), signer.verifier()).unwrap_err();
        }
    }
}
