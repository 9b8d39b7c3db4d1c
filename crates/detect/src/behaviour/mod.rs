//! Learned behaviour: what a host, its peers and its programs do, and what is unlike it.

pub mod host;
pub mod judge;
pub mod lexicon;
pub mod sequences;
