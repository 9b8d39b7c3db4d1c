//! The other side, as the page sees it: the executor of a machine, and the agent that prepares
//! plans. The page asks; what it asks for is decided there again.

use std::net::IpAddr;

use serde_json::Value;
use spine::{ActionId, Approval, Assertion, Case, Decision, HostId, KeyId, Plan, PlanHash, Step};

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Away {
    /// No executor runs, so nothing can be done, only looked at.
    #[error("{0}")]
    NotRunning(String),
    /// It said no.
    #[error("{0}")]
    Refused(String),
    /// It could not.
    #[error("{0}")]
    Failed(String),
}

/// How the executor stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// The version of the program.
    pub version: String,
    /// The machine.
    pub host: HostId,
    /// The keys that may approve there.
    pub keys: Vec<Key>,
    /// Whether the stop switch is pulled.
    pub stopped: bool,
    /// Whether a further receipt would be durable.
    pub healthy: bool,
    /// How much it may do by itself, 0 to 3.
    pub autonomy_level: u8,
    /// Receipts in its record.
    pub receipts: u64,
    /// The key that verifies the record (signed-note vkey).
    pub record_key: String,
}

/// A key that may approve on a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The key's id.
    pub id: KeyId,
    /// Whose key it is.
    pub person: String,
    /// When it was enrolled, milliseconds since the Unix epoch.
    pub enrolled_ms: i64,
    /// The credential's id (hexadecimal digits) where it is a passkey.
    pub credential: Option<String>,
}

/// An action that was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// The action.
    pub id: ActionId,
    /// Its plan.
    pub plan: PlanHash,
    /// The root it acted on.
    pub root: String,
    /// The types of action, such as `upgrade_packages`.
    pub types: Vec<String>,
    /// Where it stands, such as `done`.
    pub state: String,
    /// When it began, milliseconds since the Unix epoch.
    pub started_ms: i64,
    /// Whether it can be taken back.
    pub undoable: bool,
    /// Where it contains something: when that ends by itself, milliseconds since the Unix epoch.
    pub lapses_ms: Option<i64>,
}

/// A plan that was approved for later, and waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waits {
    /// The plan.
    pub plan: PlanHash,
    /// What it is for, in plain words.
    pub purpose: String,
    /// When it starts, milliseconds since the Unix epoch.
    pub opens_ms: i64,
    /// After when it does not start any more.
    pub closes_ms: i64,
    /// Whether one person broke the glass for it.
    pub break_glass: bool,
    /// Why the last start did not come about, if one was tried.
    pub last_try: Option<String>,
}

/// What came of handing a plan in for later.
#[derive(Clone, Debug, PartialEq)]
pub enum Held {
    /// The norms do not allow it then; it does not wait.
    NotAllowed(Decision),
    /// It waits, and starts by itself.
    Waits {
        /// When it starts, milliseconds since the Unix epoch.
        opens_ms: i64,
    },
}

/// A program that something was seen of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Suspect {
    /// Its absolute path.
    pub program: String,
    /// Only this process of it, where one was seen.
    pub pid: Option<u32>,
    /// Only what began before this moment, milliseconds since the Unix epoch.
    pub before_ms: i64,
    /// Only what takes connections.
    pub listens: bool,
}

/// A process that runs such a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// Its number.
    pub pid: u32,
    /// When it began, clock ticks after boot.
    pub start_time: u64,
    /// What it runs.
    pub program: String,
    /// Processes below it.
    pub below: u32,
    /// TCP ports that it, or what is below it, takes connections on.
    pub ports: Vec<u16>,
}

/// What a containment would stop, as the machine says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// What runs of the programs that were asked for.
    pub processes: Vec<Running>,
    /// Connections that stand with each address, in the order in which they were asked for.
    pub connections: Vec<u32>,
}

/// A containment that was tried step by step.
#[derive(Clone, Debug, PartialEq)]
pub struct Contained {
    /// A plan of the steps that can be done; `None` where there are none.
    pub prepared: Option<Prepared>,
    /// The steps that cannot, by their number, with the machine's reason.
    pub refused: Vec<(usize, String)>,
}

/// Receipts with the checkpoint that signs them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipts {
    /// Receipts in the log.
    pub size: u64,
    /// The signed checkpoint.
    pub checkpoint: String,
    /// The leaves that were asked for.
    pub leaves: Vec<String>,
}

/// How running a plan ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ran {
    /// The norms did not allow it; nothing was done.
    NotAllowed(Decision),
    /// It was carried out, or begun and taken back.
    Ended {
        /// The action.
        action: ActionId,
        /// Whether it was done as planned.
        done: bool,
        /// One line in plain words.
        message: String,
    },
}

/// A plan that was made and tried on a copy.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    /// The plan.
    pub plan: Plan,
    /// What the dry run showed; null where there is none.
    pub dry_run: Value,
}

/// Consent of an enrolled person to something that is no plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    /// The key that consents.
    pub key: KeyId,
    /// When it was signed, milliseconds since the Unix epoch.
    pub signed_ms: i64,
    /// What the passkey answered.
    pub assertion: Assertion,
}

/// Hears how work goes, in plain words.
pub type Say<'a> = &'a mut dyn FnMut(&str);

fn nobody<T>(what: &str) -> Result<T, Away> {
    Err(Away::NotRunning(format!("no executor {what}")))
}

/// What the page may ask for. All of it may be asked by anybody who stole the page.
pub trait Executor: Send + Sync {
    /// How the executor stands.
    fn standing(&self) -> Result<Standing, Away>;
    /// What the norms say of a plan.
    fn decide(&self, plan: &Plan, approvals: &[Approval]) -> Result<Decision, Away>;
    /// The actions carried out there, newest first.
    fn actions(&self) -> Result<Vec<Done>, Away>;
    /// Receipts of the record.
    fn receipts(&self, from: u64, count: u32) -> Result<Receipts, Away>;
    /// What shows the others how long the record was just now: a signed head (see
    /// `machines::wire::head_text`) and the checkpoint that belongs to it.
    fn head(&self) -> Result<(String, String), Away> {
        nobody("says how long its record is")
    }
    /// Pulls the stop switch.
    fn stop(&self, reason: &str) -> Result<String, Away>;
    /// What is signed to consent to something, such as `resume` or `enrol KEY NAME`.
    fn consent_bytes(&self, host: HostId, to: &str, signed_ms: i64) -> Vec<u8>;
    /// Releases the stop switch.
    fn resume(&self, consent: &Consent) -> Result<String, Away>;
    /// Makes a plan for a case and tries it on a copy.
    fn prepare(&self, case: &Case, say: Say<'_>) -> Result<Prepared, Away>;
    /// Makes a plan that takes an action back.
    fn prepare_undo(&self, action: &Done) -> Result<Prepared, Away>;
    /// Has a plan carried out, if its approvals suffice, and looks again at what it changed.
    fn carry_out(&self, plan: &Plan, approvals: &[Approval], say: Say<'_>) -> Result<Ran, Away>;
    /// Hands in a plan that is approved for later; it starts by itself then.
    fn hold(&self, _: &Plan, _: &[Approval]) -> Result<Held, Away> {
        nobody("keeps plans for later")
    }
    /// The plans that wait for a later time.
    fn waiting(&self) -> Result<Vec<Waits>, Away> {
        Ok(Vec::new())
    }
    /// Lets a plan wait no longer.
    fn withdraw(&self, _: PlanHash) -> Result<String, Away> {
        nobody("keeps plans for later")
    }
    /// What a containment would stop.
    fn look(&self, _: &[Suspect], _: &[IpAddr]) -> Result<Seen, Away> {
        nobody("looks at what runs")
    }
    /// Tries each step of a containment where trying changes nothing, and makes a plan of those
    /// that can be done.
    fn prepare_containment(
        &self,
        _: &Case,
        _: &str,
        _: &[Step],
        _: Say<'_>,
    ) -> Result<Contained, Away> {
        nobody("contains anything")
    }
}
