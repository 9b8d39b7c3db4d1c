//! What a signature that lies beside a model says, and how much of it can be believed with what is
//! at hand: keys and certificates that the caller trusts, and the trust root of sigstore.
//!
//! A bundle that cannot be judged (nobody gave the key) is *unchecked*, which is neither good nor
//! bad; one whose signature is wrong is *refused*. Both still say what they claim to have signed,
//! so that a copy can be compared with the claim.

use serde::{Deserialize, Serialize};

use super::bundle::Bundle;
use super::{
    Certificate, Manifest, Note, ProvenanceError, PublicKey, Signed, Signer, Trust, TrustRoot,
    sigstore, statement, verify,
};

/// What is trusted.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Keys.
    pub keys: Vec<PublicKey>,
    /// Roots of certificates.
    pub roots: Vec<Certificate>,
    /// Identities with their providers; empty: whoever it is, is said.
    pub identities: Vec<(String, String)>,
    /// The trust root of sigstore in place of the public one.
    pub trust_root: Option<TrustRoot>,
}

/// How a signature stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// It is right, and its signer is trusted (a key, a root) or known by name (an identity).
    Verified {
        /// Whether the caller named this signer; otherwise only the name is proven.
        trusted: bool,
        /// What else is to be known.
        notes: Vec<String>,
    },
    /// It cannot be judged with what is at hand.
    Unchecked {
        /// What is missing.
        why: String,
    },
    /// A check failed.
    Refused {
        /// Which.
        why: String,
    },
}

/// A signature that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// Who signed, in words; who is claimed to have signed where it is not verified.
    pub signer: String,
    /// How it stands.
    #[serde(flatten)]
    pub state: State,
    /// What was signed, where it could be read.
    pub manifest: Option<Manifest>,
}

/// Who signed, in words.
impl std::fmt::Display for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Key { hint } => write!(f, "key {hint}"),
            Self::Certificate { subject, .. } => write!(f, "certificate of {subject}"),
            Self::Identity { identity, issuer, .. } => write!(f, "{identity} (as {issuer} says)"),
        }
    }
}

/// Whether bytes are a bundle at all, whatever it is worth.
pub fn is_bundle(bytes: &[u8]) -> bool {
    let head = bytes.get(..4096).unwrap_or(bytes);
    memchr::memmem::find(head, b"application/vnd.dev.sigstore.bundle").is_some()
        || memchr::memmem::find(bytes, b"\"dsseEnvelope\"").is_some()
}

/// Looks at a bundle with what is trusted.
///
/// # Errors
///
/// It is no bundle, or passes a limit.
pub fn check(bytes: &[u8], known: &Known) -> Result<Checked, ProvenanceError> {
    let bundle = Bundle::read(bytes)?;
    let manifest = statement::read(&bundle.dsse_envelope.payload.0).ok();
    let material = &bundle.verification_material;
    if let Some(hint) = &material.public_key {
        return Ok(by_key(bytes, hint.hint.as_deref().unwrap_or_default(), known, manifest));
    }
    let leaf = {
        let chain = material.x509_certificate_chain.as_ref();
        let raw = material.certificate.as_ref().or_else(|| chain?.certificates.first());
        let raw = raw.ok_or_else(|| ProvenanceError::refused("it names neither key nor holder"))?;
        Certificate::from_der(&raw.raw_bytes.0)?
    };
    if material.tlog_entries.is_empty() {
        return Ok(by_certificate(bytes, &leaf, known, manifest));
    }
    by_identity(bytes, &leaf, known, manifest)
}

fn settled(
    claimed: String,
    verdict: Result<Signed, ProvenanceError>,
    trusted: bool,
    manifest: Option<Manifest>,
) -> Checked {
    match verdict {
        Ok(signed) => Checked {
            signer: signed.signer.to_string(),
            state: State::Verified {
                trusted,
                notes: signed.notes.into_iter().map(|note| Note::text(note).to_owned()).collect(),
            },
            manifest: Some(signed.manifest),
        },
        Err(error) if error.is_unknown() => {
            let state = State::Unchecked { why: error.to_string() };
            Checked { signer: claimed, state, manifest }
        }
        Err(error) => {
            Checked { signer: claimed, state: State::Refused { why: error.to_string() }, manifest }
        }
    }
}

fn by_key(bytes: &[u8], hint: &str, known: &Known, manifest: Option<Manifest>) -> Checked {
    let claimed = if hint.is_empty() { "a key".to_owned() } else { format!("key {hint}") };
    let fitting = |key: &&PublicKey| hint.is_empty() || key.hint() == hint;
    let mut last = None;
    for key in known.keys.iter().filter(fitting) {
        match verify(bytes, Trust::Key(key)) {
            Ok(signed) => return settled(claimed, Ok(signed), true, manifest),
            Err(error) => last = Some(error),
        }
    }
    match last {
        Some(error) => settled(claimed, Err(error), true, manifest),
        None => {
            let why = "it was signed with a key that was not given".to_owned();
            Checked { signer: claimed, state: State::Unchecked { why }, manifest }
        }
    }
}

fn by_certificate(
    bytes: &[u8],
    leaf: &Certificate,
    known: &Known,
    manifest: Option<Manifest>,
) -> Checked {
    let claimed = format!("certificate of {}", leaf.subject());
    if known.roots.is_empty() {
        let why = "the root of its certificate was not given".to_owned();
        return Checked { signer: claimed, state: State::Unchecked { why }, manifest };
    }
    settled(claimed, verify(bytes, Trust::Certificates(&known.roots)), true, manifest)
}

fn by_identity(
    bytes: &[u8],
    leaf: &Certificate,
    known: &Known,
    manifest: Option<Manifest>,
) -> Result<Checked, ProvenanceError> {
    let issuer = sigstore::issuer_of(leaf).unwrap_or_default();
    let names = leaf.alternative_names();
    let named = |identity: &String| {
        known.identities.iter().any(|(name, provider)| name == identity && *provider == issuer)
    };
    let identity = names.iter().find(|name| named(name)).or(names.first());
    let Some(identity) = identity else {
        return Err(ProvenanceError::refused("its certificate names nobody"));
    };
    let claimed = format!("{identity} (as {issuer} says)");
    let trusted = named(identity);
    let public;
    let root = match &known.trust_root {
        Some(root) => root,
        None => {
            public = TrustRoot::public_good()?;
            &public
        }
    };
    let verdict = verify(bytes, Trust::Identity { root, identity, issuer: &issuer });
    let mut checked = settled(claimed, verdict, trusted, manifest);
    if !trusted && !known.identities.is_empty() && matches!(checked.state, State::Verified { .. }) {
        let why = format!("signed by {}, whom you did not name", checked.signer);
        checked.state = State::Refused { why };
    }
    Ok(checked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provenance::{Hashing, Serialization, SigningKey, sign};

    const KEY: &[u8] = b"-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n\
        -----END PRIVATE KEY-----\n";

    fn bundle() -> (Vec<u8>, PublicKey) {
        let mut hashing = Hashing::new(Serialization::default());
        let mut file = hashing.file("model.bin");
        file.update(b"weights");
        hashing.add(file).unwrap();
        let key = SigningKey::from_pem(KEY).unwrap();
        (sign(&hashing.finish("m").unwrap(), &key).unwrap(), key.public().clone())
    }

    #[test]
    fn without_the_key_it_is_unchecked_and_with_it_verified() {
        let (bundle, public) = bundle();
        assert!(is_bundle(&bundle) && !is_bundle(b"{}"));
        let blind = check(&bundle, &Known::default()).unwrap();
        assert!(matches!(blind.state, State::Unchecked { .. }), "{blind:?}");
        assert_eq!(blind.manifest.unwrap().resources().len(), 1);
        let known = Known { keys: vec![public], ..Known::default() };
        let seen = check(&bundle, &known).unwrap();
        assert!(matches!(seen.state, State::Verified { trusted: true, .. }), "{seen:?}");
    }

    #[test]
    fn a_changed_statement_is_refused() {
        let (bundle, public) = bundle();
        let mut json: serde_json::Value = serde_json::from_slice(&bundle).unwrap();
        let payload = &mut json["dsseEnvelope"]["payload"];
        let text = payload.as_str().unwrap().to_owned();
        let cut: String = text.chars().take(text.len() - 4).collect();
        *payload = format!("{cut}AAAA").into();
        let known = Known { keys: vec![public], ..Known::default() };
        let seen = check(json.to_string().as_bytes(), &known).unwrap();
        assert!(matches!(seen.state, State::Refused { .. }), "{seen:?}");
        assert!(check(b"{}", &known).is_err());
    }
}
