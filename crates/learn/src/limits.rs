//! The written limits of this crate's statistics, in one table.

/// The longest context of a next-event model.
pub const ORDER_MAX: usize = 8;
/// Distinct witnesses that a transition remembers by name; more are only counted.
pub const WITNESS_HOSTS_MAX: usize = 8;
/// Transitions that one next-event model keeps, over all orders.
pub const TRANSITIONS_MAX: usize = 4_000_000;
/// Symbols of one session that are read; what follows is not.
pub const SESSION_SYMBOLS_MAX: usize = 65_536;
/// Distinct tokens that are remembered of one host.
pub const HOST_TOKENS_MAX: usize = 896;
/// Distinct tokens that are remembered of a fleet.
pub const FLEET_TOKENS_MAX: usize = 1 << 20;
/// Scores that a calibrator keeps.
pub const CALIBRATION_SCORES_MAX: usize = 8_192;
/// Prototypes that are kept of one baseline.
pub const PROTOTYPES_MAX: usize = 4_096;
/// Times of one pair of host and destination that are kept to tell a beacon.
pub const BEACON_TIMES_MAX: usize = 33;
