//! What is in the data that a model learns from, or reads from: evidence for a person, row by row.
//!
//! | module | finds |
//! |---|---|
//! | [`triggers`] | phrases that somebody planted together with a label |
//! | [`labels`] | rows whose label is probably wrong (confident learning) |
//! | [`duplicates`] | rows that are the same or nearly so (MinHash), and groups that stand apart |
//! | [`personal`] | card and account numbers, addresses, keys and passwords |
//! | [`table`] | the rows of a set, and all of the above over a file |
//! | [`retrieval`] | documents of a knowledge base that are written for the model, not for people |
//!
//! A set in which nothing is found is not clean; it is a set in which these checks found nothing.

pub mod duplicates;
pub mod labels;
pub mod personal;
pub mod retrieval;
pub mod table;
pub mod triggers;
mod words;
