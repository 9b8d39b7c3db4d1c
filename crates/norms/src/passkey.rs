//! What a passkey signed (W3C Web Authentication Level 2, section 7.2), as far as it bears on an
//! approval.
//!
//! The challenge is not a random number that somebody keeps in a session: it is the hash of what is
//! approved. So the machine that acts can check an assertion alone, and neither the page that asked
//! for it nor whoever stole that page can turn it into the approval of something else.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{Signature as P256Signature, VerifyingKey as P256Key};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use spine::Assertion;

use crate::key::Ed25519Key;
use crate::limits;

/// The public key of a passkey.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PasskeyKey {
    /// COSE `ES256` (-7): a point on P-256, uncompressed (SEC 1, section 2.3.3: 65 bytes).
    Es256(Vec<u8>),
    /// COSE `EdDSA` (-8): Ed25519.
    Ed25519(Ed25519Key),
}

impl PasskeyKey {
    /// Reads a raw public key: 65 bytes are a point on P-256, 32 bytes are an Ed25519 key.
    pub fn from_raw(raw: &[u8]) -> Option<Self> {
        if let Ok(bytes) = <[u8; 32]>::try_from(raw) {
            return Ed25519Key::parse(&bytes).map(Self::Ed25519);
        }
        let uncompressed = raw.len() == 65 && raw.first() == Some(&4);
        (uncompressed && P256Key::from_sec1_bytes(raw).is_ok()).then(|| Self::Es256(raw.to_vec()))
    }

    /// The raw bytes.
    pub fn raw(&self) -> &[u8] {
        match self {
            Self::Es256(point) => point,
            Self::Ed25519(key) => key.raw(),
        }
    }

    fn holds(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Es256(point) => P256Key::from_sec1_bytes(point).is_ok_and(|key| {
                P256Signature::from_der(signature)
                    .is_ok_and(|signature| key.verify(message, &signature).is_ok())
            }),
            Self::Ed25519(key) => signature.try_into().is_ok_and(|s| key.holds(message, s)),
        }
    }
}

/// A passkey as it was enrolled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Passkey {
    /// Its public key.
    pub key: PasskeyKey,
    /// The relying party, such as `localhost` or `hub.clinic.example`.
    pub rp_id: String,
    /// The one origin it may be used from, such as `http://localhost:7117`.
    pub origin: String,
    /// Its signature counter when it was enrolled; 0 where the authenticator does not count.
    pub counter: u32,
}

/// Why an assertion does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum PasskeyFault {
    /// A part is not hexadecimal, or longer than its limit.
    #[error("a part of it is malformed or too long")]
    Malformed,
    /// The client data is not JSON with the fields it must have, or says that it is no assertion.
    #[error("its client data is not that of an assertion")]
    ClientData,
    /// It answers another challenge: another plan, host, time or person.
    #[error("it answers another challenge")]
    Challenge,
    /// It was made on another page.
    #[error("it was made for another page")]
    Origin,
    /// It was made for another relying party.
    #[error("it was made for another relying party")]
    RelyingParty,
    /// Nobody was there, or nobody proved who they are (PIN, fingerprint, face).
    #[error("the authenticator did not check that the person was there")]
    NoPerson,
    /// The counter went back behind the one at enrolment: a copy of the authenticator may exist.
    #[error("its counter went back")]
    Counter,
    /// The signature does not hold.
    #[error("its signature does not hold")]
    Signature,
}

/// The flags of the authenticator data (section 6.1): user present, user verified.
const USER_PRESENT_AND_VERIFIED: u8 = 0b0000_0101;

/// The fields of the client data that matter (section 5.8.1). Others may come and are ignored, as
/// the standard asks.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientData {
    r#type: String,
    challenge: String,
    origin: String,
    #[serde(default)]
    cross_origin: bool,
    top_origin: Option<String>,
}

impl Passkey {
    /// Checks that this passkey answered exactly this challenge, with its person present and
    /// verified.
    pub fn check(&self, challenge: &[u8; 32], assertion: &Assertion) -> Result<(), PasskeyFault> {
        let client = bytes(&assertion.client_data, limits::CLIENT_DATA_BYTES_MAX)?;
        let data = bytes(&assertion.authenticator_data, limits::AUTHENTICATOR_DATA_BYTES_MAX)?;
        let signature = bytes(&assertion.signature, limits::PASSKEY_SIGNATURE_BYTES_MAX)?;
        self.check_client(&client, challenge)?;
        self.check_authenticator(&data)?;
        let message = [data.as_slice(), &Sha256::digest(&client)].concat();
        if self.key.holds(&message, &signature) { Ok(()) } else { Err(PasskeyFault::Signature) }
    }

    fn check_client(&self, json: &[u8], challenge: &[u8; 32]) -> Result<(), PasskeyFault> {
        let client: ClientData =
            serde_json::from_slice(json).map_err(|_| PasskeyFault::ClientData)?;
        if client.r#type != "webauthn.get" {
            return Err(PasskeyFault::ClientData);
        }
        if client.challenge != URL_SAFE_NO_PAD.encode(challenge) {
            return Err(PasskeyFault::Challenge);
        }
        if client.origin != self.origin || client.cross_origin || client.top_origin.is_some() {
            return Err(PasskeyFault::Origin);
        }
        Ok(())
    }

    /// Section 6.1: 32 bytes hash of the relying party, 1 byte flags, 4 bytes counter, the rest.
    fn check_authenticator(&self, data: &[u8]) -> Result<(), PasskeyFault> {
        let (party, rest) = data.split_first_chunk::<32>().ok_or(PasskeyFault::Malformed)?;
        let (flags, rest) = rest.split_first().ok_or(PasskeyFault::Malformed)?;
        let (counter, _) = rest.split_first_chunk::<4>().ok_or(PasskeyFault::Malformed)?;
        if *party != <[u8; 32]>::from(Sha256::digest(self.rp_id.as_bytes())) {
            return Err(PasskeyFault::RelyingParty);
        }
        if flags & USER_PRESENT_AND_VERIFIED != USER_PRESENT_AND_VERIFIED {
            return Err(PasskeyFault::NoPerson);
        }
        let counter = u32::from_be_bytes(*counter);
        if (counter != 0 || self.counter != 0) && counter <= self.counter {
            return Err(PasskeyFault::Counter);
        }
        Ok(())
    }
}

fn bytes(text: &str, bytes_max: usize) -> Result<Vec<u8>, PasskeyFault> {
    if text.len() > bytes_max.saturating_mul(2) {
        return Err(PasskeyFault::Malformed);
    }
    hex::decode(text).map_err(|_| PasskeyFault::Malformed)
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::Signer as _;
    use p256::ecdsa::SigningKey;
    use serde_json::json;

    use super::*;

    const CHALLENGE: [u8; 32] = [9; 32];
    const ORIGIN: &str = "http://localhost:7117";

    /// An authenticator for tests, and what it answers unless told otherwise.
    struct Authenticator {
        key: SigningKey,
        client: serde_json::Value,
        data: Vec<u8>,
    }

    impl Authenticator {
        fn new() -> Self {
            let mut data = Sha256::digest(b"localhost").to_vec();
            data.extend([0b0101, 0, 0, 0, 8]);
            let challenge = URL_SAFE_NO_PAD.encode(CHALLENGE);
            Self {
                key: SigningKey::from_slice(&[5; 32]).unwrap(),
                client: json!({
                    "type": "webauthn.get", "challenge": challenge, "origin": ORIGIN,
                    "crossOrigin": false, "other_keys_can_be_added_here": "ignored",
                }),
                data,
            }
        }

        fn passkey(&self) -> Passkey {
            let point = self.key.verifying_key().to_encoded_point(false);
            Passkey {
                key: PasskeyKey::from_raw(point.as_bytes()).unwrap(),
                rp_id: "localhost".into(),
                origin: ORIGIN.into(),
                counter: 7,
            }
        }

        fn answers(&self) -> Assertion {
            let client = self.client.to_string();
            let message = [self.data.as_slice(), &Sha256::digest(&client)].concat();
            let signature: P256Signature = self.key.sign(&message);
            Assertion {
                authenticator_data: hex::encode(&self.data),
                client_data: hex::encode(client),
                signature: hex::encode(signature.to_der()),
            }
        }

        fn fault(change: impl FnOnce(&mut Self)) -> Option<PasskeyFault> {
            let mut authenticator = Self::new();
            change(&mut authenticator);
            let passkey = Self::new().passkey();
            passkey.check(&CHALLENGE, &authenticator.answers()).err()
        }
    }

    #[test]
    fn a_good_assertion_holds() {
        assert_eq!(Authenticator::fault(|_| ()), None);
    }

    #[test]
    fn each_thing_that_the_standard_asks_for_is_asked_for() {
        use PasskeyFault as F;
        type Change = fn(&mut Authenticator);
        let cases: [(Change, F); 13] = [
            (|a| a.client["type"] = "webauthn.create".into(), F::ClientData),
            (|a| a.client["type"] = json!(1), F::ClientData),
            (|a| a.client["challenge"] = URL_SAFE_NO_PAD.encode([8; 32]).into(), F::Challenge),
            (|a| a.client["challenge"] = "".into(), F::Challenge),
            (|a| a.client["origin"] = "http://localhost:7118".into(), F::Origin),
            (|a| a.client["origin"] = "https://localhost:7117".into(), F::Origin),
            (|a| a.client["crossOrigin"] = true.into(), F::Origin),
            (|a| a.client["topOrigin"] = "https://evil.example".into(), F::Origin),
            (|a| a.data[..32].copy_from_slice(&Sha256::digest(b"evil.example")), F::RelyingParty),
            (|a| a.data[32] = 0b0001, F::NoPerson),
            (|a| a.data[32] = 0b0100, F::NoPerson),
            (|a| a.data[36] = 7, F::Counter),
            (|a| a.key = SigningKey::from_slice(&[6; 32]).unwrap(), F::Signature),
        ];
        for (index, (change, expected)) in cases.into_iter().enumerate() {
            assert_eq!(Authenticator::fault(change), Some(expected), "case {index}");
        }
    }

    #[test]
    fn no_bit_of_an_assertion_can_be_turned() {
        let authenticator = Authenticator::new();
        let (passkey, good) = (authenticator.passkey(), authenticator.answers());
        let parts: [fn(&mut Assertion) -> &mut String; 3] =
            [|a| &mut a.authenticator_data, |a| &mut a.client_data, |a| &mut a.signature];
        for part in parts {
            for at in 0..hex::decode(part(&mut good.clone())).unwrap().len() {
                let mut turned = good.clone();
                let mut bytes = hex::decode(part(&mut turned)).unwrap();
                bytes[at] ^= 1;
                *part(&mut turned) = hex::encode(bytes);
                assert!(passkey.check(&CHALLENGE, &turned).is_err(), "byte {at}");
            }
            let mut cut = good.clone();
            part(&mut cut).truncate(10);
            assert!(passkey.check(&CHALLENGE, &cut).is_err());
            part(&mut cut).push_str(&"0".repeat(1 << 16));
            assert_eq!(passkey.check(&CHALLENGE, &cut), Err(PasskeyFault::Malformed));
        }
    }

    #[test]
    fn an_authenticator_that_does_not_count_is_no_fault() {
        let mut authenticator = Authenticator::new();
        authenticator.data[36] = 0;
        let mut passkey = authenticator.passkey();
        passkey.counter = 0;
        assert_eq!(passkey.check(&CHALLENGE, &authenticator.answers()), Ok(()));
    }

    #[test]
    fn ed25519_passkeys_hold_too_and_nothing_else_is_a_key() {
        let authenticator = Authenticator::new();
        let key = ed25519_dalek::SigningKey::from_bytes(&[3; 32]);
        let raw = key.verifying_key().to_bytes();
        let passkey =
            Passkey { key: PasskeyKey::from_raw(&raw).unwrap(), ..authenticator.passkey() };
        let mut assertion = authenticator.answers();
        assert_eq!(passkey.check(&CHALLENGE, &assertion), Err(PasskeyFault::Signature));
        let client = hex::decode(&assertion.client_data).unwrap();
        let message = [authenticator.data.as_slice(), &Sha256::digest(client)].concat();
        assertion.signature = hex::encode(key.sign(&message).to_bytes());
        assert_eq!(passkey.check(&CHALLENGE, &assertion), Ok(()));
        for nonsense in [vec![], vec![4; 65], vec![0; 32], vec![2; 33], vec![1; 64]] {
            assert_eq!(PasskeyKey::from_raw(&nonsense), None, "{} bytes", nonsense.len());
        }
    }
}
