//! The keys that may approve on this host: the executor's own list, which only root on this
//! machine can begin, and only an enrolled person can add to.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use durable::{Files, StdFiles};
use norms::{ApproverKey, Ed25519Key, PublicKey};
use sha2::{Digest as _, Sha256};
use spine::{HostId, KeyId};

use crate::failure::{Failure, OrHint as _};
use crate::keys::key_id;
use crate::protocol::{Consent, EnrolledKey, PasskeyRecord};

/// How long a consent is good after it was signed, milliseconds.
const CONSENT_MS: i64 = 5 * 60 * 1_000;
/// How far a signer's clock may run ahead, milliseconds.
const CLOCK_AHEAD_MS: i64 = 60 * 1_000;
/// The most keys.
const KEYS_MAX: usize = 64;
/// The most bytes of each text that is kept of a passkey (a credential's id has up to 1,023 bytes).
const PASSKEY_TEXT_BYTES_MAX: usize = 2_048;
/// The most characters of a person's name.
const PERSON_CHARS_MAX: usize = 80;

/// A key that somebody wants enrolled.
pub struct Wanted<'a> {
    /// The raw public key in hexadecimal digits.
    pub public: &'a str,
    /// Whose key it is.
    pub person: &'a str,
    /// Where it is a passkey: how it is asked.
    pub passkey: Option<PasskeyRecord>,
}

/// The enrolled keys.
pub struct Keyring {
    path: PathBuf,
    host: HostId,
    keys: Vec<EnrolledKey>,
    /// The same keys as the norms read them: read once, not for every decision.
    approvers: Arc<[ApproverKey]>,
}

impl Keyring {
    /// Reads the list; an absent file is an empty list, a damaged one is an error.
    pub fn open(dir: &Path, host: HostId) -> Result<Self, Failure> {
        let path = dir.join("keys.json");
        let help = format!("restore `{}` from your backup", path.display());
        let keys: Vec<_> = match StdFiles.read(&path) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).or_hint("the list of keys is damaged", help)?
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(Failure::new(format!("the list of keys: {error}"), help)),
        };
        let approvers = approvers(&keys);
        Ok(Self { path, host, keys, approvers })
    }

    /// The keys.
    pub fn keys(&self) -> &[EnrolledKey] {
        &self.keys
    }

    /// The keys as the norms read them.
    pub fn approvers(&self) -> Arc<[ApproverKey]> {
        Arc::clone(&self.approvers)
    }

    /// Whether a consent to `to` is fresh and signed by an enrolled key; the person if so.
    pub fn consented(&self, consent: &Consent, to: &str, now_ms: i64) -> Result<String, String> {
        let key = self
            .keys
            .iter()
            .find(|key| key.id == consent.key)
            .ok_or("the consent is signed by a key that is not enrolled")?;
        let age_ms = now_ms.saturating_sub(consent.signed_ms);
        if !(-CLOCK_AHEAD_MS..=CONSENT_MS).contains(&age_ms) {
            return Err("the consent is older than five minutes or from the future".into());
        }
        let bytes = Consent::bytes(self.host, to, consent.signed_ms);
        let good = match public_key(&key.public, key.passkey.as_ref()) {
            Some(PublicKey::Ed25519(public)) => ed25519_holds(&public, &bytes, &consent.signature),
            Some(PublicKey::Passkey(passkey)) => consent
                .assertion
                .as_ref()
                .is_some_and(|given| passkey.check(&Sha256::digest(&bytes).into(), given).is_ok()),
            None => false,
        };
        if good {
            Ok(key.person.clone())
        } else {
            Err("the consent's signature does not verify".into())
        }
    }

    /// The person whose enrolled Ed25519 key signed these bytes.
    pub fn signed(&self, key: KeyId, bytes: &[u8], signature: &str) -> Result<String, String> {
        let enrolled = self.keys.iter().find(|enrolled| enrolled.id == key);
        let enrolled = enrolled.ok_or("it is signed by a key that is not enrolled here")?;
        match public_key(&enrolled.public, enrolled.passkey.as_ref()) {
            Some(PublicKey::Ed25519(public)) if ed25519_holds(&public, bytes, signature) => {
                Ok(enrolled.person.clone())
            }
            _ => Err("its signature does not verify".into()),
        }
    }

    /// Checks an enrolment and returns the key as it would be listed. Nothing is written.
    pub fn check(
        &self,
        wanted: Wanted<'_>,
        consent: Option<&Consent>,
        now_ms: i64,
    ) -> Result<EnrolledKey, String> {
        let Wanted { public, person, passkey } = wanted;
        let person_chars = person.chars().count();
        if person_chars == 0
            || person_chars > PERSON_CHARS_MAX
            || person.chars().any(char::is_control)
        {
            return Err("the person's name is empty, too long, or has control characters".into());
        }
        let key = public_key(public, passkey.as_ref())
            .ok_or("this is no public key, or one that is weak, or no passkey of a page")?;
        let id = key_id(key.raw());
        if self.keys.iter().any(|key| key.id == id) {
            return Err("the key is enrolled already".into());
        }
        if self.keys.len() >= KEYS_MAX {
            return Err(format!("{KEYS_MAX} keys are enrolled already"));
        }
        if !self.keys.is_empty() {
            let consent = consent.ok_or("a further key needs the consent of an enrolled person")?;
            self.consented(consent, &format!("enrol {public} {person}"), now_ms)?;
        }
        let (public, person) = (public.into(), person.into());
        Ok(EnrolledKey { id, public, person, passkey, enrolled_ms: now_ms })
    }

    /// Writes a checked key into the list, durably.
    pub fn add(&mut self, key: EnrolledKey) -> Result<(), String> {
        let mut keys = self.keys.clone();
        keys.push(key);
        let bytes = serde_json::to_vec_pretty(&keys).map_err(|error| error.to_string())?;
        StdFiles.write_atomic(&self.path, &bytes).map_err(|error| error.to_string())?;
        self.approvers = approvers(&keys);
        self.keys = keys;
        Ok(())
    }
}

/// The listed keys as the norms read them; one that is no good key stands for nobody.
fn approvers(keys: &[EnrolledKey]) -> Arc<[ApproverKey]> {
    let approver = |key: &EnrolledKey| {
        let public = public_key(&key.public, key.passkey.as_ref())?;
        Some(ApproverKey { id: key.id, public, person: key.person.clone() })
    };
    keys.iter().filter_map(approver).collect()
}

/// A listed key as the norms read it; `None` where it is no good key.
fn public_key(public: &str, passkey: Option<&PasskeyRecord>) -> Option<PublicKey> {
    let lower_case = !public.bytes().any(|b| b.is_ascii_uppercase());
    let raw = hex::decode(public).ok().filter(|_| lower_case)?;
    let Some(record) = passkey else {
        let raw = <[u8; 32]>::try_from(raw).ok()?;
        return Ed25519Key::parse(&raw).map(PublicKey::Ed25519);
    };
    let short = |text: &str| !text.is_empty() && text.len() <= PASSKEY_TEXT_BYTES_MAX;
    let whole = [&record.credential, &record.rp_id, &record.origin].into_iter().all(|t| short(t));
    let passkey = norms::Passkey {
        key: norms::PasskeyKey::from_raw(&raw)?,
        rp_id: record.rp_id.clone(),
        origin: record.origin.clone(),
        counter: record.counter,
    };
    whole.then(|| PublicKey::Passkey(Box::new(passkey)))
}

fn ed25519_holds(key: &Ed25519Key, bytes: &[u8], signature: &str) -> bool {
    let signature = hex::decode(signature).ok().and_then(|raw| <[u8; 64]>::try_from(raw).ok());
    signature.is_some_and(|signature| key.holds(bytes, &signature))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli_support::consent;
    use crate::keys;
    use crate::rim::{OsRng, SystemClock};
    use spine::Clock as _;

    fn wanted<'a>(public: &'a str, person: &'a str) -> Wanted<'a> {
        Wanted { public, person, passkey: None }
    }

    #[test]
    fn the_first_key_is_free_and_every_further_one_needs_a_fresh_consent_to_exactly_it() {
        let dir = tempfile::tempdir().unwrap();
        let host = HostId(spine::Digest([1; 32]));
        let mut ring = Keyring::open(dir.path(), host).unwrap();
        let owner = keys::create(&dir.path().join("a"), "correct horse", &OsRng).unwrap();
        let second = keys::create(&dir.path().join("b"), "correct horse", &OsRng).unwrap();
        let now_ms = SystemClock.now_ms();
        let public = hex::encode(owner.public());
        let key = ring.check(wanted(&public, "owner"), None, now_ms).unwrap();
        ring.add(key).unwrap();
        assert!(ring.check(wanted(&public, "owner"), None, now_ms).is_err(), "enrolled twice");

        let public = hex::encode(second.public());
        assert!(ring.check(wanted(&public, "Ann"), None, now_ms).is_err());
        let good = consent(&owner, host, &format!("enrol {public} Ann")).unwrap();
        assert!(ring.check(wanted(&public, "Bob"), Some(&good), now_ms).is_err(), "another name");
        assert!(ring.check(wanted(&public, "Ann"), Some(&good), now_ms + CONSENT_MS * 2).is_err());
        let own = consent(&second, host, &format!("enrol {public} Ann")).unwrap();
        assert!(ring.check(wanted(&public, "Ann"), Some(&own), now_ms).is_err(), "own consent");
        let key = ring.check(wanted(&public, "Ann"), Some(&good), now_ms).unwrap();
        ring.add(key).unwrap();
        assert_eq!(Keyring::open(dir.path(), host).unwrap().keys().len(), 2);
    }

    #[test]
    fn a_damaged_list_is_an_error_and_not_an_empty_list() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("keys.json"), "[{").unwrap();
        assert!(Keyring::open(dir.path(), HostId(spine::Digest([1; 32]))).is_err());
    }
}
