//! What the site knows, behind one trait, so that a shared database can stand in for the file.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use spine::{
    Action, ActionId, Approval, CanonicalError, Case, CaseId, CaseState, Finding, FindingId,
    HostId, Package, Plan, PlanError, PlanHash,
};

use crate::database::DatabaseError;
use crate::limits;

/// A host, as it was last seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HostRecord {
    /// The host.
    pub host: HostId,
    /// The name people call it by.
    pub name: String,
    /// The root file system that was looked at.
    pub root: String,
    /// The operating system in words, such as `Debian GNU/Linux 12`.
    pub os: String,
    /// When it was last looked at, milliseconds since the Unix epoch.
    pub last_seen_ms: i64,
    /// What was looked at and what could not be, one entry a check.
    pub coverage: Value,
}

/// The packages of a host, as of one scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inventory {
    /// When the scan was made, milliseconds since the Unix epoch.
    pub scanned_ms: i64,
    /// The packages, in the order in which they were given.
    pub packages: Vec<Package>,
}

/// Which cases are asked for. The default is all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaseFilter {
    /// Only those of this host.
    pub host: Option<HostId>,
    /// Only those of this kind, such as `patch`.
    pub kind: Option<String>,
    /// Only those in this state.
    pub state: Option<CaseState>,
    /// Only those that still wait for something.
    pub open_only: bool,
}

/// Why the state could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// There is no such thing.
    #[error("there is no {what} `{given}`")]
    NotFound {
        /// What was looked for, such as `case`.
        what: &'static str,
        /// What was given, cut to 80 characters.
        given: String,
    },
    /// Several things begin like this.
    #[error("`{given}` could be any of {}", matches.join(", "))]
    Ambiguous {
        /// What was given.
        given: String,
        /// The first few that match, in full.
        matches: Vec<String>,
    },
    /// An approval names a plan that is not here.
    #[error("there is no plan `{0}` to approve")]
    UnknownPlan(PlanHash),
    /// A stored document does not read as what it should be, or is not what its key says.
    #[error("the stored {what} `{key}` is damaged: {reason}")]
    Damaged {
        /// What it should be.
        what: &'static str,
        /// Its key.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A value has no canonical form or is too large.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// A plan is malformed.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// There are too many packages for one inventory.
    #[error("the inventory has {0} packages; at most {max} are kept", max = limits::INVENTORY_PACKAGES_MAX)]
    InventoryTooLarge(usize),
}

impl From<rusqlite::Error> for StateError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error.into())
    }
}

/// What the site knows. Every method is atomic and durable when it returns; [`State::transaction`]
/// makes several of them atomic together.
pub trait State {
    /// Runs `work` so that all its writes happen, or none when it fails.
    fn transaction(
        &self,
        work: &mut dyn FnMut(&dyn State) -> Result<(), StateError>,
    ) -> Result<(), StateError>;

    /// Adds or replaces a host.
    fn put_host(&self, host: &HostRecord) -> Result<(), StateError>;
    /// All hosts, by name.
    fn hosts(&self) -> Result<Vec<HostRecord>, StateError>;

    /// Replaces the packages of a host by those of a newer scan.
    fn replace_inventory(
        &self,
        host: HostId,
        packages: &[Package],
        scanned_ms: i64,
    ) -> Result<(), StateError>;
    /// The packages of a host, or `None` if it was never scanned (which is not "no packages").
    fn inventory(&self, host: HostId) -> Result<Option<Inventory>, StateError>;

    /// Adds findings, or replaces those with the same id. One that is new belongs to no check.
    fn put_findings(&self, findings: &[Finding]) -> Result<(), StateError>;
    /// Replaces what a check said of a host before by what it says now.
    fn replace_findings(
        &self,
        host: HostId,
        source_check: &str,
        findings: &[Finding],
    ) -> Result<(), StateError>;
    /// The findings about a host, oldest first.
    fn findings(&self, host: HostId) -> Result<Vec<Finding>, StateError>;
    /// One finding.
    fn finding(&self, id: FindingId) -> Result<Option<Finding>, StateError>;

    /// Adds or replaces a case.
    fn put_case(&self, case: &Case) -> Result<(), StateError>;
    /// One case.
    fn case(&self, id: &CaseId) -> Result<Option<Case>, StateError>;
    /// The one case whose id begins with these hexadecimal digits.
    fn case_by_prefix(&self, prefix: &str) -> Result<Case, StateError>;
    /// The most urgent cases first, then the oldest.
    fn cases(&self, filter: &CaseFilter) -> Result<Vec<Case>, StateError>;

    /// Keeps a plan under its hash. A plan never changes; the same plan again is not an error.
    fn put_plan(&self, plan: &Plan) -> Result<PlanHash, StateError>;
    /// One plan, whose hash was computed again and agrees.
    fn plan(&self, hash: &PlanHash) -> Result<Option<Plan>, StateError>;
    /// The one plan whose hash begins with these hexadecimal digits.
    fn plan_by_prefix(&self, prefix: &str) -> Result<Plan, StateError>;
    /// The plans for a case, newest first.
    fn plans_for_case(&self, case: &CaseId) -> Result<Vec<Plan>, StateError>;

    /// Keeps an approval of a plan that is here. What it is worth is for the executor to say.
    fn put_approval(&self, approval: &Approval) -> Result<(), StateError>;
    /// The approvals of a plan, oldest first.
    fn approvals_for(&self, plan: &PlanHash) -> Result<Vec<Approval>, StateError>;

    /// Adds or replaces an action.
    fn put_action(&self, action: &Action) -> Result<(), StateError>;
    /// One action.
    fn action(&self, id: ActionId) -> Result<Option<Action>, StateError>;
    /// All actions, newest first.
    fn actions(&self) -> Result<Vec<Action>, StateError>;

    /// Adds or replaces a small document of any other kind, such as the listeners of a host. Nobody
    /// signs it, so it may hold fractions.
    fn put_doc(&self, kind: &str, key: &str, document: &Value) -> Result<(), StateError>;
    /// One document.
    fn get_doc(&self, kind: &str, key: &str) -> Result<Option<Value>, StateError>;
    /// All documents of a kind with their keys, by key.
    fn docs(&self, kind: &str) -> Result<Vec<(String, Value)>, StateError>;
    /// Removes a document. Returns whether there was one.
    fn delete_doc(&self, kind: &str, key: &str) -> Result<bool, StateError>;
}
