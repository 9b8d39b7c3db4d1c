//! The written limits of learned behaviour, in one table.

/// Hosts that are remembered; events of more are counted and not judged.
pub const HOSTS_MAX: usize = 20_000;
/// Tokens that are read from one event.
pub const TOKENS_PER_EVENT_MAX: usize = 20;
/// Characters of a token's text.
pub const TOKEN_CHARS_MAX: usize = 160;
/// Distinct tokens that one host may show in one window.
pub const TOKENS_PER_WINDOW_MAX: usize = 2_048;
/// Distinct tokens of one window that are learned.
pub const LEARNED_PER_WINDOW_MAX: usize = 256;
/// Pieces of evidence that one window keeps.
pub const EVIDENCE_PER_WINDOW_MAX: usize = 48;
/// Pieces of evidence of one host's episode, the most telling, until a case takes them.
pub const EVIDENCE_PER_EPISODE_MAX: usize = 32;
/// Pieces of evidence that one case keeps: the most surprising.
pub const EVIDENCE_PER_CASE_MAX: usize = 96;
/// Bytes of a source's own fields that are kept as evidence.
pub const RAW_BYTES_MAX: usize = 2_048;
/// Programs of one host whose sessions are followed at a time.
pub const SESSIONS_PER_HOST_MAX: usize = 32;
/// Symbols of one session that are kept for judging.
pub const SESSION_SYMBOLS_MAX: usize = 512;
/// Programs whose sequences are calibrated.
pub const PROGRAMS_MAX: usize = 512;
/// Destinations of one host whose rhythm is followed.
pub const RHYTHMS_PER_HOST_MAX: usize = 16;
/// Kinds of events whose rate is followed in one window.
pub const RATES_PER_WINDOW_MAX: usize = 48;
/// Shown cases that are remembered.
pub const CASES_MAX: usize = 1_024;
/// Withheld cases that are remembered.
pub const WITHHELD_MAX: usize = 4_096;
/// Bytes of a snapshot that is read.
pub const SNAPSHOT_BYTES_MAX: usize = 1 << 30;
/// Tokens in a prior.
pub const PRIOR_TOKENS_MAX: usize = 200_000;
/// Scores in a prior.
pub const PRIOR_SCORES_MAX: usize = 8_192;
/// How far ahead of the others a host's clock may run before its time is not believed.
pub const AHEAD_MS_MAX: i64 = 24 * 3_600_000;
/// Hours that one host's quarantine holds at most.
pub const QUARANTINE_HOURS_MAX: usize = 48;
/// Tokens whose text is remembered for people; users are never among them.
pub const LEXICON_MAX: usize = 65_536;
/// Windows that one case holds back from learning until there is a verdict.
pub const HELD_PER_CASE_MAX: usize = 256;
