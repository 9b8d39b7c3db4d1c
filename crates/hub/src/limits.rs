//! The written limits of this crate, in one table.

use std::time::Duration;

/// Bytes of the body of one request.
pub const BODY_BYTES_MAX: usize = 64 << 10;
/// Bytes of all headers of one request.
pub const HEADER_BYTES_MAX: usize = 16 << 10;
/// Headers of one request.
pub const HEADERS_MAX: usize = 64;
/// Connections at once; further ones wait.
pub const CONNECTIONS_MAX: usize = 256;
/// How long a client may take to send its headers, or to finish the TLS handshake.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long one answer may take; streams of progress are not meant.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// Streams of progress at once.
pub const STREAMS_MAX: usize = 32;
/// How long one stream of progress lasts; the browser comes back by itself.
pub const STREAM_TIMEOUT: Duration = Duration::from_mins(15);

/// How long a session lasts, milliseconds (12 hours).
pub const SESSION_MS: i64 = 12 * 3_600 * 1_000;
/// How long a session may be idle, milliseconds (2 hours).
pub const SESSION_IDLE_MS: i64 = 2 * 3_600 * 1_000;
/// A session's last use is written down this often, milliseconds.
pub const SESSION_TOUCH_MS: i64 = 60 * 1_000;
/// How long a link to sign in works, milliseconds (30 minutes).
pub const LINK_MS: i64 = 30 * 60 * 1_000;
/// How long an invitation works, milliseconds (3 days).
pub const INVITE_MS: i64 = 3 * 24 * 3_600 * 1_000;
/// How long a token of the API works at most, days.
pub const TOKEN_DAYS_MAX: i64 = 365;
/// How long a page that asks for a passkey may wait, milliseconds (10 minutes); the approval it
/// prepares is good for 15.
pub const CEREMONY_MS: i64 = 10 * 60 * 1_000;

/// Tries to sign in, by address and by name, within [`SIGN_IN_WINDOW_MS`].
pub const SIGN_IN_TRIES_MAX: u32 = 10;
/// The window of that limit, milliseconds (15 minutes).
pub const SIGN_IN_WINDOW_MS: i64 = 15 * 60 * 1_000;
/// Requests that change something, by session, a minute.
pub const CHANGES_PER_MINUTE_MAX: u32 = 60;
/// Requests of one API token, a minute.
pub const API_PER_MINUTE_MAX: u32 = 600;
/// Names and addresses that the rate limits remember.
pub const RATE_KEYS_MAX: usize = 10_000;
/// Passwords that are checked at once (each takes 19 MiB).
pub const PASSWORDS_AT_ONCE: usize = 2;
/// Characters of the shortest password.
pub const PASSWORD_CHARS_MIN: usize = 12;
/// Characters of the longest password.
pub const PASSWORD_CHARS_MAX: usize = 256;

/// People.
pub const PEOPLE_MAX: usize = 64;
/// Characters of a name.
pub const NAME_CHARS_MAX: usize = 60;
/// Characters of a comment.
pub const COMMENT_CHARS_MAX: usize = 2_000;
/// Characters of foreign text (a package's name, a line of a log) that are shown in one place.
pub const FOREIGN_CHARS_MAX: usize = 600;
/// The same for one line of a list.
pub const FOREIGN_LINE_CHARS_MAX: usize = 160;
/// Items of a list on one page.
pub const PAGE_ITEMS: u32 = 50;
/// Jobs that run at once.
pub const JOBS_RUNNING_MAX: usize = 4;
/// Jobs that are remembered.
pub const JOBS_KEPT_MAX: usize = 64;
/// Lines of progress of one job.
pub const JOB_LINES_MAX: usize = 400;
/// How old the answer of the executor may be that the pages show, milliseconds.
pub const STANDING_MS: i64 = 2_000;
/// A machine that was not looked at for this long does not report, milliseconds (26 hours).
pub const SILENT_MS: i64 = 26 * 3_600 * 1_000;
/// Receipts that are checked when somebody asks for it.
pub const VERIFY_RECEIPTS_MAX: u64 = 1_000_000;

/// Letters that are sent in one round.
pub const LETTERS_AT_ONCE: u32 = 20;
/// How long one delivery may take.
pub const DELIVERY_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a letter is tried before it is given up, milliseconds (3 days).
pub const LETTER_MS_MAX: i64 = 3 * 24 * 3_600 * 1_000;
/// The longest pause between two tries of a letter, milliseconds (10 minutes).
pub const LETTER_PAUSE_MS_MAX: i64 = 10 * 60 * 1_000;
/// How long settled letters are kept, milliseconds (90 days).
pub const LETTERS_KEPT_MS: i64 = 90 * 24 * 3_600 * 1_000;
