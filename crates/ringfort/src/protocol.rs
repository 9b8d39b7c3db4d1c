//! What is said over the executor's socket: a length (u32, big-endian) and that many bytes of
//! JSON, both ways. One request gives any number of progress messages and one reply.
//!
//! Nothing in a request is believed: a plan is inspected again, facts are gathered again, and an
//! approval counts only by its signature.

use std::io::{self, Read, Write};
use std::net::IpAddr;

use hub::machines::wire::{Fleet, Have, Part};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use spine::{
    ActionId, Approval, Assertion, Decision, Digest, HostId, KeyId, OutcomeBody, Plan, PlanHash,
    RuleId,
};

/// The most bytes of one message.
pub const MESSAGE_BYTES_MAX: usize = 4 << 20;

/// The most receipts of one reply.
pub const RECEIPTS_MAX: u32 = 256;
/// The most bytes of receipts of one reply; at least one receipt is given.
pub const RECEIPTS_BYTES_MAX: usize = 1 << 20;

/// What may be asked of the executor.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Who are you and how do you stand?
    Hello,
    /// Decide on a plan, and carry it out if it is allowed.
    Run {
        /// The plan.
        plan: Box<Plan>,
        /// Signatures over its hash.
        approvals: Vec<Approval>,
    },
    /// Only decide on a plan.
    Decide {
        /// The plan.
        plan: Box<Plan>,
        /// Signatures over its hash.
        approvals: Vec<Approval>,
    },
    /// Take a plan in that is approved for later, and carry it out by itself then.
    Hold {
        /// The plan.
        plan: Box<Plan>,
        /// Signatures over its hash.
        approvals: Vec<Approval>,
    },
    /// The plans that wait for a later time.
    Waiting,
    /// Let a plan wait no longer. Anybody who reaches the socket may.
    Withdraw {
        /// The plan, by its hash.
        plan: PlanHash,
    },
    /// What runs of these programs, and how many connections there are with these addresses: what
    /// a containment would stop. It only looks, and says no more than `/proc` tells everybody.
    Look {
        /// Programs.
        suspects: Vec<Suspect>,
        /// Addresses.
        addresses: Vec<IpAddr>,
    },
    /// Record that snapshots of feeds were taken in. It says so of itself; it opens nothing.
    Feeds {
        /// The snapshots.
        feeds: Vec<FeedTaken>,
    },
    /// What a dry run of this plan showed.
    DryRun {
        /// The plan, by its hash.
        plan: PlanHash,
    },
    /// The actions carried out here, newest first.
    Actions,
    /// Receipts of the record, with the checkpoint that signs them. They are not secret; that
    /// they are all there, whoever asks can check.
    Receipts {
        /// The first one, from 0.
        from: u64,
        /// At most so many, and at most [`RECEIPTS_MAX`].
        count: u32,
    },
    /// Take a key in. The first one needs root; each further one needs root and the signature of
    /// a key that is enrolled.
    Enrol {
        /// The raw public key in hexadecimal digits: Ed25519 (32 bytes), or, for a passkey, also
        /// an uncompressed point on P-256 (65 bytes).
        public: String,
        /// Whose key it is.
        person: String,
        /// Where the key is a passkey: how it is asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        passkey: Option<PasskeyRecord>,
        /// For all but the first key: the consent of an enrolled key.
        consent: Option<Consent>,
    },
    /// Sign that this machine takes a hub, with a key of its own. Only root may ask.
    Countersign {
        /// SHA-256 of the certificate of the hub's authority.
        hub: Digest,
        /// SHA-256 of the key's subject public key info (DER).
        key: Digest,
    },
    /// How long the record is now, signed.
    Head,
    /// Take in which machines count for one another. It counts by a person's signature.
    Fleet {
        /// The signed list.
        fleet: Box<Fleet>,
    },
    /// Take in parts of the records of other machines, and say how far they are known. They count
    /// by those machines' own signatures.
    Peers {
        /// The parts; none only asks.
        parts: Vec<Part>,
    },
    /// Pull the kill switch. Anybody who reaches the socket may.
    Stop {
        /// Why, in plain words.
        reason: String,
    },
    /// Release the kill switch. Only a person with an enrolled key may.
    Resume {
        /// The signature.
        consent: Consent,
    },
}

/// A program that something was seen of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suspect {
    /// Its absolute path.
    pub program: String,
    /// Only this process of it, where one was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Only what began before this moment, milliseconds since the Unix epoch.
    pub before_ms: i64,
    /// Only what takes connections.
    #[serde(default)]
    pub listens: bool,
}

/// A process that runs a program that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// When it began, clock ticks after boot: numbers are used again.
    pub start_time: u64,
    /// What it runs.
    pub program: String,
    /// Processes below it.
    pub below: u32,
    /// TCP ports that it, or what is below it, takes connections on.
    pub ports: Vec<u16>,
}

/// A signature of an enrolled key over something other than a plan.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consent {
    /// The key that signs.
    pub key: KeyId,
    /// When it was signed, milliseconds since the Unix epoch.
    pub signed_ms: i64,
    /// Ed25519 over [`Consent::bytes`]; 128 hexadecimal digits. Empty where a passkey consents.
    pub signature: String,
    /// Where a passkey consents: its assertion, whose challenge is the SHA-256 of
    /// [`Consent::bytes`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assertion: Option<Assertion>,
}

/// What is kept of a passkey beside its public key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasskeyRecord {
    /// The credential's id, hexadecimal digits; the browser needs it to ask for the passkey.
    pub credential: String,
    /// The relying party.
    pub rp_id: String,
    /// The one origin it may be used from.
    pub origin: String,
    /// Its signature counter at enrolment.
    pub counter: u32,
}

impl Consent {
    /// What is signed: the domain `consent`, the host, what is consented to, and when.
    pub fn bytes(host: HostId, to: &str, signed_ms: i64) -> Vec<u8> {
        let mut bytes = spine::canonical::signing_prefix("consent");
        bytes.extend(format!("{host}\n{to}\n{signed_ms}\n").into_bytes());
        bytes
    }
}

/// What the executor says.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
pub enum Message {
    /// Work goes on.
    Progress {
        /// What is being done, in plain words.
        text: String,
    },
    /// The one reply.
    Reply(Box<Reply>),
}

/// The one reply to a request.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// To `Hello`.
    Hello(Box<Standing>),
    /// To `Run`: the plan was carried out, or began and was taken back.
    Ran {
        /// What the norms said.
        decision: Decision,
        /// The action.
        action: ActionId,
        /// How it ended.
        outcome: OutcomeBody,
        /// What the actuators have to tell beside.
        details: Value,
    },
    /// To `Run` and `Decide`: what the norms said, and nothing was done.
    Decided {
        /// What the norms said.
        decision: Decision,
    },
    /// To `Hold`: the plan waits and starts by itself.
    Held {
        /// What the norms said, as of its start.
        decision: Decision,
        /// When it starts, milliseconds since the Unix epoch.
        opens_ms: i64,
        /// After when it does not start any more.
        closes_ms: i64,
    },
    /// To `Waiting`.
    Waiting {
        /// By hash.
        plans: Vec<WaitingPlan>,
    },
    /// To `Look`.
    Looked {
        /// What runs of the programs, the topmost of each tree.
        processes: Vec<Process>,
        /// Connections that stand with each address, in the order in which they were asked for.
        connections: Vec<u32>,
    },
    /// To `DryRun`: the stored result, or none.
    DryRun {
        /// The result as the shadow wrote it.
        result: Option<Value>,
    },
    /// To `Actions`.
    Actions {
        /// Newest first.
        actions: Vec<ActionSummary>,
    },
    /// To `Receipts`.
    Receipts {
        /// Receipts in the log.
        size: u64,
        /// The signed checkpoint over all of them.
        checkpoint: String,
        /// The receipts that were asked for, each the leaf's own bytes.
        leaves: Vec<String>,
    },
    /// To `Countersign`.
    Countersigned {
        /// The signed note.
        note: String,
    },
    /// To `Head`.
    Head {
        /// The signed note.
        note: String,
        /// Receipts in the record.
        size: u64,
        /// The checkpoint over them.
        checkpoint: String,
    },
    /// To `Peers`.
    Peers {
        /// How far the records of the machines that count are known.
        have: Vec<Have>,
        /// When the list of machines that counts was signed, milliseconds since the Unix epoch.
        fleet_ms: Option<i64>,
    },
    /// To `Enrol`, `Stop`, `Resume`, `Withdraw`, `Fleet` and `Feeds`.
    Done {
        /// What was done, in plain words.
        text: String,
    },
    /// The request was refused before it was a decision; nothing was done.
    Refused {
        /// Why, in plain words.
        reason: String,
        /// The rules that fired, if it came so far.
        rules: Vec<RuleId>,
    },
    /// The executor could not do it.
    Failed {
        /// What happened.
        message: String,
    },
}

/// How the executor stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Standing {
    /// The version of the program.
    pub version: String,
    /// The host.
    pub host: HostId,
    /// The keys that are enrolled.
    pub keys: Vec<EnrolledKey>,
    /// Whether the kill switch is pulled.
    pub stopped: bool,
    /// Whether a further receipt would be durable.
    pub healthy: bool,
    /// The autonomy level in force.
    pub autonomy_level: spine::AutonomyLevel,
    /// Receipts in the ledger.
    pub receipts: u64,
    /// The key that verifies the ledger's checkpoints (signed-note vkey).
    pub ledger_key: String,
    /// The ledger's folder.
    pub ledger_dir: String,
}

/// A key that may approve here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolledKey {
    /// The key's id.
    pub id: KeyId,
    /// The raw public key in hexadecimal digits.
    pub public: String,
    /// Whose key it is. Two keys of one person count once.
    pub person: String,
    /// Where it is a passkey: how it is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passkey: Option<PasskeyRecord>,
    /// When it was enrolled, milliseconds since the Unix epoch.
    pub enrolled_ms: i64,
}

/// One line of the list of actions.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ActionSummary {
    /// The action.
    pub id: ActionId,
    /// Its plan.
    pub plan: PlanHash,
    /// The root it acted on.
    pub root: String,
    /// The types of action, one a step.
    pub types: Vec<spine::ActionType>,
    /// Where it stands.
    pub state: spine::ActionState,
    /// When it began, milliseconds since the Unix epoch.
    pub started_ms: i64,
    /// Whether it can be taken back.
    pub undoable: bool,
    /// Where it contains something: when that ends by itself, milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lapses_ms: Option<i64>,
}

/// A plan that waits for a later time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WaitingPlan {
    /// The plan.
    pub plan: PlanHash,
    /// What it is for, in plain words.
    pub purpose: String,
    /// The root that it acts on.
    pub root: String,
    /// When it starts, milliseconds since the Unix epoch.
    pub opens_ms: i64,
    /// After when it does not start any more.
    pub closes_ms: i64,
    /// Whether one person broke the glass for it.
    #[serde(default)]
    pub break_glass: bool,
    /// Why the last start did not come about, if one was tried.
    pub last_try: Option<String>,
}

/// A snapshot of a feed that was taken in.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedTaken {
    /// The feed's name.
    pub feed: String,
    /// SHA-256 of what was taken in.
    pub sha256: Digest,
    /// Of when it is, milliseconds since the Unix epoch.
    pub as_of_ms: i64,
}

/// Writes one message.
pub fn write_message(out: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let bytes = serde_json::to_vec(message)?;
    let length = u32::try_from(bytes.len())
        .ok()
        .filter(|_| bytes.len() <= MESSAGE_BYTES_MAX)
        .ok_or_else(|| too_large(bytes.len()))?;
    out.write_all(&length.to_be_bytes())?;
    out.write_all(&bytes)?;
    out.flush()
}

/// Reads the bytes of one message; `None` where the other side hung up between messages.
pub fn read_frame(input: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut header = [0_u8; 4];
    let mut got = 0;
    while let Some(rest) = header.get_mut(got..).filter(|rest| !rest.is_empty()) {
        match input.read(rest)? {
            0 if got == 0 => return Ok(None),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => got += n,
        }
    }
    let length = u32::from_be_bytes(header) as usize;
    if length > MESSAGE_BYTES_MAX {
        return Err(too_large(length));
    }
    let mut bytes = Vec::new();
    input.take(length as u64).read_to_end(&mut bytes)?;
    if bytes.len() < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(bytes))
}

/// Reads one message.
pub fn read_message<T: DeserializeOwned>(input: &mut impl Read) -> io::Result<Option<T>> {
    read_frame(input)?.map(|bytes| Ok(serde_json::from_slice(&bytes)?)).transpose()
}

fn too_large(bytes: usize) -> io::Error {
    let text = format!("a message of {bytes} bytes is over the limit of {MESSAGE_BYTES_MAX}");
    io::Error::new(io::ErrorKind::InvalidData, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_the_way_and_cut_ones_are_errors() {
        let mut bytes = Vec::new();
        write_message(&mut bytes, &Request::Stop { reason: "drill".into() }).unwrap();
        let back: Request = read_message(&mut bytes.as_slice()).unwrap().unwrap();
        assert!(matches!(back, Request::Stop { reason } if reason == "drill"));
        assert!(read_message::<Request>(&mut &[][..]).unwrap().is_none());
        for cut in 1..bytes.len() {
            assert!(read_message::<Request>(&mut &bytes[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn a_length_over_the_limit_is_refused_before_anything_is_read() {
        let error = read_frame(&mut &[0xff, 0xff, 0xff, 0xff, 0][..]).unwrap_err();
        assert!(error.to_string().contains("limit"));
    }

    #[test]
    fn unknown_fields_are_refused() {
        assert!(
            serde_json::from_str::<Request>(r#"{"op":"stop","reason":"x","extra":1}"#).is_err()
        );
        assert!(serde_json::from_str::<Request>(r#"{"op":"attack"}"#).is_err());
    }
}
