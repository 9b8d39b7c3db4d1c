//! The written limits of this crate, in one table.

/// The hour over which actions and machines are counted, milliseconds (RL08).
pub const HOUR_MS: i64 = 3_600 * 1_000;
/// How long a dry run counts, milliseconds (24 hours; RL07).
pub const DRY_RUN_MS: i64 = 24 * HOUR_MS;
/// How far back machines and failures of a ring are counted, milliseconds (24 hours; RL08).
pub const RING_MS: i64 = 24 * HOUR_MS;
/// How long after its end a containment still counts as renewed, milliseconds (24 hours; RL09).
pub const RENEWAL_MS: i64 = 24 * HOUR_MS;
/// How long a used approval is remembered, milliseconds: a day more than one can be good.
pub const USED_APPROVAL_MS: i64 = spine::limits::APPROVAL_WINDOW_MS_MAX + 24 * HOUR_MS;
/// How long the hub may be silent, milliseconds (15 minutes; RL13).
pub const CONTACT_LOST_MS: i64 = 15 * 60 * 1_000;
/// How far a time may lie ahead of the clock, milliseconds (one minute).
pub const CLOCK_AHEAD_MS: i64 = 60 * 1_000;

/// Actions of the last hour that are remembered; far above the 50 that RL08 allows.
pub const RECENT_MAX: usize = 1_024;
/// Actions without an outcome, and failed ones not taken back, that are remembered.
pub const OPEN_MAX: usize = 1_024;
/// Dry runs that are remembered.
pub const DRY_RUNS_MAX: usize = 4_096;
/// Roots whose last change is remembered.
pub const ROOTS_MAX: usize = 4_096;
/// Machines of all rings whose last change and failure are remembered.
pub const HOSTS_MAX: usize = 65_536;
/// Contained targets that are remembered.
pub const CONTAINED_MAX: usize = 16_384;
/// Targets of one containment that its receipt names in full (the spine's limit for receipts).
pub const INTENT_TARGETS_MAX: usize = 256;
/// Used approvals that are remembered; with more within eight days nothing may be done.
pub const USED_APPROVALS_MAX: usize = 65_536;
/// Networks in one list.
pub const NETWORKS_MAX: usize = 262_144;
