//! One way to turn a noun into bytes: RFC 8785 (JSON Canonicalization Scheme), hashed with SHA-256
//! under a domain prefix, so that a hash of one kind of thing never stands for another.
//!
//! Numbers in nouns are integers within ±(2^53 - 1), so that every reader agrees on them
//! (RFC 8785 §3.2.2.3, RFC 7493 §2.2). Times are milliseconds, hashes are lower-case hex.

use serde::Serialize;
use serde_json::{Number, Value};
use sha2::{Digest as _, Sha256};

use crate::ids::Digest;

/// Why a value has no canonical form.
#[derive(Debug, thiserror::Error)]
pub enum CanonicalError {
    /// The value does not serialise to JSON, or holds a number that JSON readers disagree on.
    #[error("the value has no canonical JSON form: {0}")]
    Encode(String),
    /// The encoded value is larger than the stated limit.
    #[error("the canonical form has {bytes} bytes, more than the limit of {limit}")]
    TooLarge {
        /// Bytes of the encoded value.
        bytes: usize,
        /// The limit that was passed.
        limit: usize,
    },
}

/// Canonical JSON bytes (RFC 8785) of a value.
pub fn canonical_json<T: Serialize>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    let encode = |error: serde_json::Error| CanonicalError::Encode(error.to_string());
    let value = serde_json::to_value(value).map_err(encode)?;
    let mut form = Vec::with_capacity(FORM_BYTES);
    write(&value, &mut form)?;
    Ok(form)
}

/// SHA-256 over `ringfort/<domain>/v1`, a newline, and the canonical JSON of a value.
pub fn hash_canonical<T: Serialize>(domain: &str, value: &T) -> Result<Digest, CanonicalError> {
    Ok(hash_form(domain, &canonical_json(value)?))
}

/// The hash of a value whose canonical JSON was made before.
pub(crate) fn hash_form(domain: &str, form: &[u8]) -> Digest {
    let mut hasher = Sha256::new();
    hasher.update(signing_prefix(domain));
    hasher.update(form);
    Digest(hasher.finalize().into())
}

/// The bytes that stand before canonical JSON wherever it is hashed or signed.
pub fn signing_prefix(domain: &str) -> Vec<u8> {
    format!("ringfort/{domain}/v1\n").into_bytes()
}

/// Lower-case hex of the SHA-256 of some bytes.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

const INTEGER_MAX: u64 = (1 << 53) - 1;

/// Room for an ordinary plan.
const FORM_BYTES: usize = 1_024;

/// What is left of RFC 8785 where numbers are integers: members in the order of their names'
/// UTF-16 code units, no white space, and strings and integers as `serde_json` writes them
/// (§3.2.2.2, §3.2.3). A test holds it against a library that does all of the RFC; ours is on the
/// way of every decision, three times where two people approve.
fn write(value: &Value, form: &mut Vec<u8>) -> Result<(), CanonicalError> {
    match value {
        Value::Null => form.extend(b"null"),
        Value::Bool(true) => form.extend(b"true"),
        Value::Bool(false) => form.extend(b"false"),
        Value::Number(number) => write_integer(number, form)?,
        Value::String(text) => write_text(text, form)?,
        Value::Array(items) => {
            form.push(b'[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    form.push(b',');
                }
                write(item, form)?;
            }
            form.push(b']');
        }
        Value::Object(map) => {
            let mut members: Vec<_> = map.iter().collect();
            members.sort_unstable_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            form.push(b'{');
            for (at, (name, member)) in members.into_iter().enumerate() {
                if at > 0 {
                    form.push(b',');
                }
                write_text(name, form)?;
                form.push(b':');
                write(member, form)?;
            }
            form.push(b'}');
        }
    }
    Ok(())
}

fn write_text(text: &str, form: &mut Vec<u8>) -> Result<(), CanonicalError> {
    serde_json::to_writer(form, text).map_err(|error| CanonicalError::Encode(error.to_string()))
}

fn write_integer(number: &Number, form: &mut Vec<u8>) -> Result<(), CanonicalError> {
    let fits = number.as_u64().map_or_else(
        || number.as_i64().is_some_and(|n| n.unsigned_abs() <= INTEGER_MAX),
        |n| n <= INTEGER_MAX,
    );
    if !fits {
        let what = format!("the number `{number}` is not an integer within ±(2^53 - 1)");
        return Err(CanonicalError::Encode(what));
    }
    form.extend(number.to_string().bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_sorted_by_utf16_code_units_and_white_space_is_gone() {
        // RFC 8785 §3.2.3: the order is that of UTF-16 code units, not of code points.
        let value = json!({"\u{fb33}": 1, "\u{1f600}": 2, "a": 3, "\r": 4});
        let text = String::from_utf8(canonical_json(&value).unwrap()).unwrap();
        assert_eq!(text, "{\"\\r\":4,\"a\":3,\"\u{1f600}\":2,\"\u{fb33}\":1}");
    }

    #[test]
    fn floats_and_large_integers_are_refused() {
        assert!(canonical_json(&json!({"x": 0.5})).is_err());
        assert!(canonical_json(&json!({"x": 9_007_199_254_740_992_u64})).is_err());
        assert!(canonical_json(&json!({"x": -9_007_199_254_740_991_i64})).is_ok());
    }

    #[test]
    fn the_domain_separates_hashes() {
        let value = json!({"a": 1});
        assert_ne!(
            hash_canonical("plan", &value).unwrap(),
            hash_canonical("case", &value).unwrap()
        );
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-9_007_199_254_740_991_i64..=9_007_199_254_740_991).prop_map(Value::from),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                prop::collection::btree_map(".*", inner, 0..8)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn parsing_the_canonical_form_gives_the_value_back(value in any_json()) {
            let bytes = canonical_json(&value).unwrap();
            let parsed: Value = serde_json::from_slice(&bytes).unwrap();
            prop_assert_eq!(&parsed, &value);
            prop_assert_eq!(canonical_json(&parsed).unwrap(), &bytes[..]);
            prop_assert_eq!(serde_json_canonicalizer::to_vec(&value).unwrap(), bytes);
        }
    }
}
