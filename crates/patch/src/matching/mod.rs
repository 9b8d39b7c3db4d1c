//! Whether a package is affected by an advisory.
//!
//! [`match_osv`] follows the evaluation of the OSV schema, [`match_rustsec`] the order that the
//! `rustsec` crate keeps. Both are pure, and a version that cannot be read gives
//! [`MatchResult::Unknown`], never "not affected".

mod osv;
mod requirement;
mod rustsec;

pub use osv::match_osv;
pub use requirement::Requirement;
pub use rustsec::{match_rustsec, rustsec_notice};

use spine::Evidence;

/// What an advisory says of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MatchResult {
    /// The package is affected.
    Affected {
        /// The lowest version above the installed one that is no longer affected.
        fixed: Option<String>,
        /// The advisory's id and its aliases, sorted.
        ids: Vec<String>,
        /// Why.
        evidence: Vec<Evidence>,
    },
    /// The advisory is about something else, or about other versions, or was withdrawn.
    NotAffected,
    /// The advisory is about this package, but whether about this version cannot be told.
    Unknown {
        /// Why it cannot be told, in one line.
        reason: String,
    },
}
