//! What the rules engine takes at most. Whoever exceeds a limit of a rule gets it refused with the
//! reason; what exceeds a limit of an event is left out of the matching.

/// The longest file of rules, in bytes.
pub(super) const FILE_BYTES_MAX: usize = 1 << 20;
/// The most rules of one pack.
pub(super) const RULES_MAX: usize = 100_000;
/// How deep the conditions of a rule nest.
pub(super) const DEPTH_MAX: usize = 32;
/// The most values that one item of a rule stands for, encodings included.
pub(super) const VALUES_MAX: usize = 65_536;
/// The largest compiled regular expression, in bytes.
pub(super) const REGEX_BYTES_MAX: usize = 4 << 20;
/// The longest value of an event that is matched, in bytes; the rest is left out.
pub(super) const VALUE_BYTES_MAX: usize = 256 << 10;
/// The most values of an event.
pub(super) const VALUES_OF_EVENT_MAX: usize = 1_024;
/// How deep objects of an event are followed.
pub(super) const EVENT_DEPTH_MAX: usize = 8;
/// The longest value that a match shows as evidence, in characters.
pub(super) const EVIDENCE_CHARS_MAX: usize = 256;
/// The most pieces of evidence of a match.
pub(super) const EVIDENCE_MAX: usize = 8;
