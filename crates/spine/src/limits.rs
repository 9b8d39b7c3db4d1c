//! The written limits of this crate, in one table.

/// Steps in one plan.
pub const PLAN_STEPS_MAX: usize = 64;
/// Evidence references in one plan.
pub const PLAN_EVIDENCE_MAX: usize = 256;
/// Canonical bytes of one plan.
pub const PLAN_BYTES_MAX: usize = 1 << 20;
/// Canonical bytes of one receipt (a C2SP tlog entry holds at most 65,535).
pub const RECEIPT_BYTES_MAX: usize = 65_535;
/// Characters of a free-text field that people read.
pub const TEXT_CHARS_MAX: usize = 4_096;
/// How long an approval for "now" is good, milliseconds (15 minutes).
pub const APPROVAL_NOW_MS: i64 = 15 * 60 * 1_000;
/// The furthest end of a scheduled approval's window after its signature, milliseconds (7 days).
pub const APPROVAL_WINDOW_MS_MAX: i64 = 7 * 24 * 3_600 * 1_000;
/// The delay of a break-glass approval, milliseconds (30 minutes).
pub const BREAK_GLASS_DELAY_MS: i64 = 30 * 60 * 1_000;
/// The longest containment, seconds (24 hours; red line RL09).
pub const CONTAINMENT_TTL_S_MAX: u32 = 86_400;
