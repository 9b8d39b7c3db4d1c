//! The written limits of what machines may say and how much of it is kept.

use std::time::Duration;

/// How long a token to join works, milliseconds (15 minutes).
pub const TOKEN_MS: i64 = 15 * 60 * 1_000;
/// Tokens that wait at once.
pub const TOKENS_MAX: usize = 64;
/// Bytes of a token's text.
pub const TOKEN_BYTES_MAX: usize = 2_048;
/// How long a machine's certificate is good, milliseconds (7 days).
pub const CERTIFICATE_MS: i64 = 7 * 24 * 3_600 * 1_000;
/// How long a certificate is used before it is renewed, milliseconds (half its life).
pub const RENEW_AFTER_MS: i64 = CERTIFICATE_MS / 2;
/// How long the hub's own certificate is good, milliseconds (30 days).
pub const SERVER_CERTIFICATE_MS: i64 = 30 * 24 * 3_600 * 1_000;
/// How far two clocks may be apart, milliseconds (5 minutes).
pub const CLOCK_SKEW_MS: i64 = 5 * 60 * 1_000;
/// How old what root countersigned may be when a machine joins, milliseconds.
pub const COUNTERSIGN_MS: i64 = TOKEN_MS;

/// Bytes of one message.
pub const FRAME_BYTES_MAX: usize = 16 << 20;
/// Bytes of one message of somebody without a certificate.
pub const JOIN_BYTES_MAX: usize = 32 << 10;
/// Bytes of a request for a certificate.
pub const REQUEST_BYTES_MAX: usize = 4 << 10;
/// Characters of a machine's name.
pub const NAME_CHARS_MAX: usize = 253;
/// Events in one message.
pub const EVENTS_MAX: usize = 2_000;
/// JSON bytes of the events of one message; a single larger event goes alone.
pub const EVENTS_BYTES_MAX: usize = 2 << 20;
/// Receipts in one message.
pub const RECEIPTS_MAX: usize = 256;
/// JSON bytes of the receipts of one message.
pub const RECEIPTS_BYTES_MAX: usize = 1 << 20;
/// Receipts that are kept of one machine.
pub const RECEIPTS_KEPT_MAX: u64 = 10_000_000;
/// Packages, findings and cases of one scan.
pub const SCAN_ITEMS_MAX: usize = 100_000;

/// Machines that hear of one another's records; on a larger site none acts alone.
pub const FLEET_MAX: usize = 256;

/// Connections at once.
pub const CONNECTIONS_MAX: usize = 1_024;
/// Connections at once of those who have not shown a certificate.
pub const STRANGERS_MAX: usize = 32;
/// Tries to join from one address within [`JOIN_WINDOW_MS`].
pub const JOINS_MAX: u32 = 30;
/// The window of that limit, milliseconds (15 minutes).
pub const JOIN_WINDOW_MS: i64 = 15 * 60 * 1_000;
/// How long a stranger may take for the handshake, and for what it wants.
pub const STRANGER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a machine may be quiet before its connection is closed.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(90);
/// How long a machine waits before it says that it is there.
pub const BEAT: Duration = Duration::from_secs(15);
/// How long a connection may take to be made, or an answer to come.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// A machine that was not heard for this long does not report, milliseconds (15 minutes).
pub const LOST_MS: i64 = 15 * 60 * 1_000;
/// That a machine was heard is written down this often, milliseconds.
pub const HEARD_MS: i64 = 10_000;

/// Rows of refusals that are kept; the oldest go first.
pub const REFUSALS_KEPT_MAX: u32 = 10_000;
/// Characters of why something was refused.
pub const DETAIL_CHARS_MAX: usize = 300;
/// Notes on one machine that are kept.
pub const NOTES_KEPT_MAX: u32 = 200;
