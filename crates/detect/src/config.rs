//! How an engine works, and what is told to it.

use learn::hash::SiteKey;
use learn::witness::Admission;

use crate::budget::BudgetConfig;

/// What is switched on. All of it is by default; the benchmarks switch each off in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one layer, and they are independent")]
pub struct Layers {
    /// Something new of an open-ended kind counts as much as it is rare that anything is.
    pub novelty_rate: bool,
    /// Next-event models of programs.
    pub sequences: bool,
    /// Bursts by time of day.
    pub rates: bool,
    /// Steady calls.
    pub beacons: bool,
    /// Hours that follow each other make one episode.
    pub episodes: bool,
    /// Episodes of other hosts join a case.
    pub joins: bool,
}

impl Default for Layers {
    fn default() -> Self {
        let on = true;
        Self { novelty_rate: on, sequences: on, rates: on, beacons: on, episodes: on, joins: on }
    }
}

/// How an engine works.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// The tenant: one site, one budget.
    pub tenant: String,
    /// The key of the site's pseudonyms.
    pub key: SiteKey,
    /// When a behaviour becomes normal for the fleet.
    pub admission: Admission,
    /// Hours that pass before an hour is learned.
    pub quarantine_hours: i64,
    /// What is shown at most.
    pub budget: BudgetConfig,
    /// Symbols of context of the next-event models.
    pub order: usize,
    /// What is switched on.
    pub layers: Layers,
}

impl EngineConfig {
    /// The usual settings for a tenant.
    pub fn new(tenant: &str, key: SiteKey) -> Self {
        Self {
            tenant: tenant.to_owned(),
            key,
            admission: Admission::default(),
            quarantine_hours: 6,
            budget: BudgetConfig::default(),
            order: 3,
            layers: Layers::default(),
        }
    }
}

/// A rule that matched an event.
#[derive(Clone, Copy, Debug)]
pub struct RuleMatch<'a> {
    /// The rule's id.
    pub id: &'a str,
    /// Its title.
    pub title: &'a str,
    /// How grave its author thinks it is.
    pub level: RuleLevel,
    /// ATT&CK techniques that it names, such as `T1059.001`.
    pub techniques: &'a [String],
}

/// The levels of the Sigma specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RuleLevel {
    /// `informational`
    Informational,
    /// `low`
    Low,
    /// `medium`
    Medium,
    /// `high`
    High,
    /// `critical`
    Critical,
}

/// There is no such case (any more).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no case `{0}`")]
pub struct UnknownCase(pub String);
