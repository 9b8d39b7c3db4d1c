//! A passkey that a browser just made (W3C WebAuthn Level 2, section 7.1), without attestation:
//! who made the authenticator does not matter here, only who holds it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use norms::PasskeyKey;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::web::{Ask, Oops};

/// What is kept of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// The credential's id, hexadecimal digits.
    pub credential: String,
    /// The raw public key, hexadecimal digits.
    pub public: String,
    /// The signature counter.
    pub counter: u32,
}

/// The SubjectPublicKeyInfo (RFC 5480) of a point on P-256, up to the point.
const P256_HEAD: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// The SubjectPublicKeyInfo (RFC 8410) of an Ed25519 key, up to the key.
const ED25519_HEAD: [u8; 12] =
    [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Flags: user present, user verified, credential data included.
const FLAGS: u8 = 0b0100_0101;

/// Reads what the form brought.
pub fn read(ask: &Ask<'_>, challenge: &str) -> Result<Made, Oops> {
    let bytes = |name: &str| {
        let text = ask.field(name);
        hex::decode(text).ok().filter(|bytes| !bytes.is_empty() && bytes.len() <= 8_192)
    };
    let all = bytes("credential")
        .zip(bytes("public"))
        .zip(bytes("authenticator_data").zip(bytes("client_data")));
    let bad = || Oops::Bad("The passkey did not come through. Scripts are needed for this.".into());
    let ((credential, public), (data, client)) = all.ok_or_else(bad)?;
    let expected = Expected { challenge, origin: &ask.hub.origin, rp_id: &ask.hub.config.name };
    check(&expected, &credential, &public, &data, &client)
        .ok_or_else(|| Oops::Bad("This passkey was not made for this page.".into()))
}

struct Expected<'a> {
    challenge: &'a str,
    origin: &'a str,
    rp_id: &'a str,
}

fn check(
    expected: &Expected<'_>,
    credential: &[u8],
    public: &[u8],
    data: &[u8],
    client: &[u8],
) -> Option<Made> {
    let client: Value = serde_json::from_slice(client).ok()?;
    let is = |name: &str, value: &str| client.get(name).and_then(Value::as_str) == Some(value);
    let challenge = URL_SAFE_NO_PAD.encode(hex::decode(expected.challenge).ok()?);
    let made_here = is("type", "webauthn.create")
        && is("challenge", &challenge)
        && is("origin", expected.origin)
        && client.get("crossOrigin").and_then(Value::as_bool) != Some(true);
    let (party, rest) = data.split_first_chunk::<32>()?;
    let (flags, rest) = rest.split_first()?;
    let (counter, rest) = rest.split_first_chunk::<4>()?;
    let (_, rest) = rest.split_first_chunk::<16>()?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let length = usize::from(u16::from_be_bytes(*length));
    let fits = *party == <[u8; 32]>::from(Sha256::digest(expected.rp_id.as_bytes()))
        && flags & FLAGS == FLAGS
        && rest.get(..length)? == credential;
    let raw = public.strip_prefix(&P256_HEAD).or_else(|| public.strip_prefix(&ED25519_HEAD))?;
    let key = PasskeyKey::from_raw(raw)?;
    (made_here && fits).then(|| Made {
        credential: hex::encode(credential),
        public: hex::encode(key.raw()),
        counter: u32::from_be_bytes(*counter),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const EXPECTED: Expected<'_> =
        Expected { challenge: "ab", origin: "http://localhost:1", rp_id: "localhost" };

    fn made(change: impl FnOnce(&mut Value, &mut Vec<u8>, &mut Vec<u8>)) -> Option<Made> {
        let key = p256::ecdsa::SigningKey::from_slice(&[5; 32]).unwrap();
        let point = key.verifying_key().to_encoded_point(false);
        let mut public = [&P256_HEAD[..], point.as_bytes()].concat();
        let mut data = Sha256::digest(b"localhost").to_vec();
        data.extend([FLAGS, 0, 0, 0, 9]);
        data.extend([0; 16]);
        data.extend([0, 3, 1, 2, 3]);
        let mut client = json!({
            "type": "webauthn.create", "challenge": URL_SAFE_NO_PAD.encode([0xab]),
            "origin": "http://localhost:1", "crossOrigin": false,
        });
        change(&mut client, &mut data, &mut public);
        check(&EXPECTED, &[1, 2, 3], &public, &data, client.to_string().as_bytes())
    }

    #[test]
    fn a_good_passkey_is_read() {
        let made = made(|_, _, _| ()).unwrap();
        assert_eq!((made.credential.as_str(), made.counter), ("010203", 9));
        assert_eq!(made.public.len(), 130);
    }

    #[test]
    fn one_of_another_page_challenge_person_or_kind_is_refused() {
        assert!(made(|c, _, _| c["origin"] = "http://evil.example".into()).is_none());
        assert!(made(|c, _, _| c["challenge"] = "AA".into()).is_none());
        assert!(made(|c, _, _| c["type"] = "webauthn.get".into()).is_none());
        assert!(made(|c, _, _| c["crossOrigin"] = true.into()).is_none());
        assert!(made(|_, d, _| d[0] ^= 1).is_none(), "another relying party");
        assert!(made(|_, d, _| d[32] = 0b0100_0001).is_none(), "nobody proved who they are");
        assert!(made(|_, d, _| d[56] = 9).is_none(), "another credential");
        assert!(made(|_, d, _| d.truncate(54)).is_none());
        assert!(made(|_, _, p| p[30] ^= 1).is_none(), "no point on the curve");
        assert!(made(|_, _, p| p.truncate(40)).is_none());
    }
}
