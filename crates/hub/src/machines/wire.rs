//! What a machine and its hub say to each other: a length (u32, big-endian) and that many bytes of
//! JSON, both ways, inside TLS 1.3. The machine asks, the hub answers each question once; unasked
//! the hub says only [`Answer::Revoked`].
//!
//! Nothing in a message says who sends it: that is in the certificate. What names another machine
//! than the certificate is refused.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use spine::{Case, Digest, Event, Finding, HostId, KeyId, Package};
use store::HostRecord;

use super::limits;

/// The protocol's name in the handshake (ALPN, RFC 7301).
pub const ALPN: &[u8] = b"ringfort-machines/1";
/// The name in every hub's certificate for machines. Which hub it is, the pinned authority tells,
/// so that a hub may change its address.
pub const SERVER_NAME: &str = "hub.ringfort.internal";

/// What a machine may ask.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub enum Ask {
    /// Take me in. The only question of somebody without a certificate.
    Join(Box<Join>),
    /// I am here again.
    Hello(Hello),
    /// Give me a certificate for a new key.
    Renew {
        /// PKCS#10 (RFC 2986), DER in hexadecimal digits.
        request: String,
    },
    /// Events, in order.
    Events {
        /// The spool they come from.
        epoch: String,
        /// The number of the first; the others follow without a gap.
        first_seq: u64,
        /// The events.
        events: Vec<Event>,
    },
    /// What a scan found.
    Scan {
        /// The spool it comes from.
        epoch: String,
        /// Its number.
        seq: u64,
        /// What it found.
        scan: Box<Scan>,
    },
    /// Receipts of the machine's record, in order.
    Records {
        /// The number of the first, from 0.
        from: u64,
        /// The leaves' own bytes.
        leaves: Vec<String>,
        /// The checkpoint that signs them and those before.
        checkpoint: String,
        /// When that was so ([`head_text`]), signed.
        head: String,
    },
    /// I am still here, and this is how far I know the records of the others.
    Beat {
        /// How far, by machine.
        have: Vec<Have>,
    },
    /// Forget me.
    Leave,
}

/// Somebody who wants to join.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// The secret of the token.
    pub secret: String,
    /// The machine.
    pub host: HostId,
    /// The name that people call it by.
    pub name: String,
    /// PKCS#10 (RFC 2986), DER in hexadecimal digits.
    pub request: String,
    /// What root on the machine signed ([`countersign_text`]): a signed note of its record's key.
    pub countersigned: String,
    /// The key that verifies the machine's record (signed-note vkey).
    pub record_key: String,
    /// What the machine's clock shows, milliseconds since the Unix epoch.
    pub now_ms: i64,
    /// The version of the program.
    pub program: String,
}

impl std::fmt::Debug for Join {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Join").field("host", &self.host).finish_non_exhaustive()
    }
}

/// A machine that is back.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hello {
    /// The machine; must be the one of the certificate.
    pub host: HostId,
    /// Its spool of events.
    pub epoch: String,
    /// What its clock shows, milliseconds since the Unix epoch.
    pub now_ms: i64,
    /// The version of the program.
    pub program: String,
}

/// What a scan of a machine found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scan {
    /// The machine.
    pub record: HostRecord,
    /// Its packages; `None` where they are as they were.
    pub packages: Option<Vec<Package>>,
    /// What was found.
    pub findings: Vec<Finding>,
    /// The cases made of it.
    pub cases: Vec<Case>,
    /// Its listeners, as the agent keeps them.
    pub live: Value,
}

/// How far a machine knows another one's record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Have {
    /// The other machine.
    pub host: HostId,
    /// Receipts that it knows.
    pub size: u64,
}

/// A part of another machine's record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The other machine.
    pub host: HostId,
    /// The number of the first receipt, from 0.
    pub from: u64,
    /// The leaves' own bytes.
    pub leaves: Vec<String>,
    /// The checkpoint that signs them and those before.
    pub checkpoint: String,
    /// When that was so, signed.
    pub head: String,
}

/// The machines that count for one another, as a person signed them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fleet {
    /// The machines.
    pub machines: Vec<Member>,
    /// When it was signed, milliseconds since the Unix epoch. A later one replaces it.
    pub signed_ms: i64,
    /// Whose key signed it.
    pub key: KeyId,
    /// Ed25519 over [`Fleet::bytes`], 128 hexadecimal digits.
    pub signature: String,
}

/// One machine of a fleet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// The machine.
    pub host: HostId,
    /// The key that verifies its record (signed-note vkey).
    pub record_key: String,
}

impl Fleet {
    /// What is signed: the domain `fleet`, when, and each machine with its key, a line each.
    pub fn bytes(machines: &[Member], signed_ms: i64) -> Vec<u8> {
        let mut bytes = spine::canonical::signing_prefix("fleet");
        bytes.extend(format!("{signed_ms}\n").into_bytes());
        for member in machines {
            bytes.extend(format!("{} {}\n", member.host, member.record_key).into_bytes());
        }
        bytes
    }
}

/// What the hub answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// To `Join` and `Renew`.
    Certificate {
        /// The certificate, DER in hexadecimal digits. Its authority is the one of the token.
        certificate: String,
        /// When to ask for the next one, milliseconds since the Unix epoch.
        renew_ms: i64,
    },
    /// To `Hello`.
    Welcome(Welcome),
    /// To `Events`, `Scan` and `Records`: all up to here is durable, and need not be kept.
    Taken {
        /// The last number that was taken.
        up_to: u64,
    },
    /// To `Beat`.
    Peers {
        /// The machines that count for one another, if a person said so.
        fleet: Option<Box<Fleet>>,
        /// Further parts of their records.
        parts: Vec<Part>,
    },
    /// To `Leave`.
    Bye,
    /// No; it is recorded. The connection ends.
    Refused {
        /// Which refusal, such as `token_used`.
        code: String,
        /// In plain words.
        reason: String,
    },
    /// It could not be done now; try again later.
    Failed {
        /// In plain words.
        reason: String,
    },
    /// The machine was removed, or its certificate was. Nothing more is taken.
    Revoked {
        /// In plain words.
        reason: String,
    },
}

/// How far the hub has come with a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Welcome {
    /// The last event that was taken of this spool.
    pub events_to: u64,
    /// The last scan that was taken of this spool.
    pub scan_to: u64,
    /// Receipts that were taken.
    pub records_to: u64,
    /// When to ask for the next certificate, milliseconds since the Unix epoch.
    pub renew_ms: i64,
    /// What the hub's clock shows, milliseconds since the Unix epoch.
    pub now_ms: i64,
}

/// What root on a machine signs with the key of its record: that it takes this hub, with this key.
pub fn countersign_text(host: HostId, hub: Digest, key: Digest, time_ms: i64) -> String {
    format!("ringfort/countersign/v1\nhost {host}\nhub {hub}\nkey {key}\ntime {time_ms}\n")
}

/// What an executor signs with the key of its record: so long it was at this time.
pub fn head_text(host: HostId, size: u64, time_ms: i64) -> String {
    format!("ringfort/head/v1\nhost {host}\nsize {size}\ntime {time_ms}\n")
}

/// Size and time of a signed head, if it is of this machine and key.
pub fn read_head(note: &str, host: HostId, key: &ledger::VerifierKey) -> Option<(u64, i64)> {
    let text = key.open(note).ok()?;
    let mut lines = text.lines();
    let (_, _) = (lines.next()?, lines.next()?);
    let size = lines.next()?.strip_prefix("size ")?.parse().ok()?;
    let time_ms = lines.next()?.strip_prefix("time ")?.parse().ok()?;
    (text == head_text(host, size, time_ms)).then_some((size, time_ms))
}

/// The name that the key of a machine's record must have.
pub fn record_key_name(host: HostId) -> String {
    let name: String = host.to_string().chars().take(16).collect();
    format!("ringfort/{name}")
}

/// Why a message cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// It is longer than allowed.
    #[error("a message of {0} bytes is over the limit of {1}")]
    TooLong(usize, usize),
    /// It is no message of this protocol.
    #[error("malformed message: {0}")]
    Malformed(String),
}

/// One message with its length.
pub fn encode(message: &impl Serialize) -> Result<Vec<u8>, WireError> {
    let body = serde_json::to_vec(message).map_err(|e| WireError::Malformed(e.to_string()))?;
    let too_long = || WireError::TooLong(body.len(), limits::FRAME_BYTES_MAX);
    let length = u32::try_from(body.len()).map_err(|_| too_long())?;
    if body.len() > limits::FRAME_BYTES_MAX {
        return Err(too_long());
    }
    Ok([length.to_be_bytes().as_slice(), &body].concat())
}

/// Puts messages together from the bytes of a stream. A length over the limit is an error before
/// anything of the message is kept.
#[derive(Debug)]
pub struct Decoder {
    bytes: Vec<u8>,
    most: usize,
}

impl Decoder {
    /// A decoder of messages of at most `most` bytes.
    pub const fn new(most: usize) -> Self {
        Self { bytes: Vec::new(), most }
    }

    /// Sets another limit, for whoever is known by now.
    pub const fn set_limit(&mut self, most: usize) {
        self.most = most;
    }

    /// Takes bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Whether a message has begun and is not whole.
    pub fn is_amid(&self) -> bool {
        !self.bytes.is_empty()
    }

    /// The next message, if it is whole.
    pub fn message<T: DeserializeOwned>(&mut self) -> Result<Option<T>, WireError> {
        let Some((header, rest)) = self.bytes.split_first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_be_bytes(*header) as usize;
        if length > self.most {
            return Err(WireError::TooLong(length, self.most));
        }
        let Some(body) = rest.get(..length) else { return Ok(None) };
        let message = serde_json::from_slice(body);
        self.bytes.drain(..4 + length);
        message.map(Some).map_err(|error| WireError::Malformed(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_together_from_any_pieces() {
        let bytes = [encode(&Ask::Leave).unwrap(), encode(&Ask::Beat { have: vec![] }).unwrap()];
        let bytes = bytes.concat();
        for piece in 1..bytes.len() {
            let mut decoder = Decoder::new(1_000);
            let mut got = 0;
            for chunk in bytes.chunks(piece) {
                decoder.push(chunk);
                while decoder.message::<Ask>().unwrap().is_some() {
                    got += 1;
                }
            }
            assert_eq!((got, decoder.is_amid()), (2, false), "in pieces of {piece}");
        }
    }

    #[test]
    fn a_length_over_the_limit_and_unknown_words_are_errors() {
        let mut decoder = Decoder::new(10);
        decoder.push(&[0, 0, 0, 11]);
        assert!(matches!(decoder.message::<Ask>(), Err(WireError::TooLong(11, 10))));
        let more = r#"{"ask":"beat","have":[],"more":1}"#;
        for text in [r#"{"ask":"obey"}"#, more, "[]", "\"leave\""] {
            let mut decoder = Decoder::new(100);
            decoder.push(&u32::try_from(text.len()).unwrap().to_be_bytes());
            decoder.push(text.as_bytes());
            assert!(matches!(decoder.message::<Ask>(), Err(WireError::Malformed(_))), "{text}");
        }
    }

    #[test]
    fn a_head_reads_back_and_is_of_one_machine() {
        let host = HostId(Digest([3; 32]));
        let signer = ledger::Signer::from_seed(&record_key_name(host), &[1; 32]).unwrap();
        let note = signer.sign(&head_text(host, 7, 99));
        assert_eq!(read_head(&note, host, signer.verifier()), Some((7, 99)));
        assert_eq!(read_head(&note, HostId(Digest([4; 32])), signer.verifier()), None);
        let other = signer.sign("ringfort/head/v1\nhost x\nsize 7\ntime 99\nmore\n");
        assert_eq!(read_head(&other, host, signer.verifier()), None);
    }

    #[test]
    fn secrets_are_not_printed() {
        let join = Join {
            secret: "hush".into(),
            host: HostId(Digest([0; 32])),
            name: String::new(),
            request: String::new(),
            countersigned: String::new(),
            record_key: String::new(),
            now_ms: 0,
            program: String::new(),
        };
        assert!(!format!("{:?}", Ask::Join(Box::new(join))).contains("hush"));
    }
}
