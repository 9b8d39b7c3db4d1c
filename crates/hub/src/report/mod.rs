//! What others ask for: a month for the owner and the insurer, the course of one case, drafts of
//! notices for authorities and people.
//!
//! | module | holds |
//! |---|---|
//! | [`month`] | what was found, fixed, withheld and missed in a month |
//! | [`timeline`] | one case from the first sign to its end |
//! | [`notices`] | drafts of legal notices; never sent |
//!
//! Everything here is counted from what is kept. What is not known is said to be unknown or left as
//! a blank, never guessed.

pub mod month;
pub mod notices;
pub mod timeline;
