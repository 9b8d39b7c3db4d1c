//! Ids. What happens gets a UUIDv7 (RFC 9562 §5.7: sortable by time); what is identified by its
//! content gets a SHA-256.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Clock, Rng, rng::random_bytes};

/// Text that is not an id.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{input}` is not {expected}")]
pub struct IdError {
    /// What was given, cut to 80 characters.
    pub input: String,
    /// What was expected.
    pub expected: &'static str,
}

impl IdError {
    fn new(input: &str, expected: &'static str) -> Self {
        Self { input: input.chars().take(80).collect(), expected }
    }
}

macro_rules! uuid_id {
    ($name:ident, $doc:literal) => {
        #[doc = $doc]
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A fresh id made of the time and of random bytes.
            pub fn new(clock: &dyn Clock, rng: &dyn Rng) -> Self {
                let time_ms = u64::try_from(clock.now_ms()).unwrap_or(0);
                let random = random_bytes::<10>(rng);
                Self(uuid::Builder::from_unix_timestamp_millis(time_ms, &random).into_uuid())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Uuid::parse_str(text).map(Self).map_err(|_| IdError::new(text, "a UUID"))
            }
        }
    };
}

uuid_id!(EventId, "The id of an event.");
uuid_id!(FindingId, "The id of a finding.");
uuid_id!(ActionId, "The id of an action.");
uuid_id!(ReceiptId, "The id of a receipt.");

/// A SHA-256, written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest as lower-case hex.
    pub fn to_hex(self) -> String {
        hex::encode(self.0)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl FromStr for Digest {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let mut bytes = [0_u8; 32];
        let lower_case = !text.bytes().any(|b| b.is_ascii_uppercase());
        match hex::decode_to_slice(text, &mut bytes) {
            Ok(()) if lower_case => Ok(Self(bytes)),
            _ => Err(IdError::new(text, "a SHA-256 of 64 lower-case hexadecimal digits")),
        }
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_hex())
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

macro_rules! digest_id {
    ($name:ident, $doc:literal) => {
        #[doc = $doc]
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub Digest);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                text.parse().map(Self)
            }
        }
    };
}

digest_id!(PlanHash, "The identity of a plan: the hash of its canonical form, domain `plan`.");
digest_id!(CaseId, "The identity of a case: the hash of host, kind and subject, domain `case`.");
digest_id!(HostId, "A host: the hash of its machine id (or of a root's own id), domain `host`.");
digest_id!(KeyId, "A public key: the SHA-256 of its raw bytes.");

impl CaseId {
    /// The first 8 hexadecimal digits, which is what people type.
    pub fn short(&self) -> String {
        self.0.to_hex().chars().take(8).collect()
    }
}

impl PlanHash {
    /// The first 12 hexadecimal digits, for people to compare.
    pub fn short(&self) -> String {
        self.0.to_hex().chars().take(12).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct At(i64);
    impl Clock for At {
        fn now_ms(&self) -> i64 {
            self.0
        }
        fn monotonic_ms(&self) -> u64 {
            0
        }
    }
    struct Fill(u8);
    impl Rng for Fill {
        fn fill(&self, out: &mut [u8]) {
            out.fill(self.0);
        }
    }

    #[test]
    fn uuids_are_version_7_and_sort_by_time() {
        let early = EventId::new(&At(1_000), &Fill(0xff));
        let late = EventId::new(&At(1_001), &Fill(0x00));
        assert_eq!(early.0.get_version_num(), 7);
        assert!(early < late);
        assert_eq!(early.to_string().parse::<EventId>(), Ok(early));
    }

    #[test]
    fn a_digest_is_read_only_in_its_one_spelling() {
        let text = "ab".repeat(32);
        assert_eq!(text.parse::<Digest>().unwrap().to_string(), text);
        assert!(text.to_uppercase().parse::<Digest>().is_err());
        assert!("ab".parse::<Digest>().is_err());
        assert!("zz".repeat(32).parse::<Digest>().is_err());
    }
}
