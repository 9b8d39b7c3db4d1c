//! The small specialised models: features, training, inference, calibration, model cards.
//!
//! | module | answers |
//! |---|---|
//! | [`sequence`] | which event comes next, and how surprising is the one that came |
//! | [`points`] | how unlike the others is a record of many fields |
//! | [`prototype`] | how far a session is from any that was normal |
//! | [`session`] | how unlike the others is a whole session, by all of these together |
//! | [`sketch`] | was this ever seen, on how many hosts, how often in an hour, at a steady beat |
//! | [`witness`] | when does a behaviour become normal |
//! | [`conformal`] | how unlikely is a score, without a model of the scores |
//! | [`fdr`] | how many of the shown may be false |
//! | [`hash`] | names as keyed numbers, so that baselines hold no names |
//!
//! Architecture invariant: no network, no clock; randomness is an argument; a model is bytes that
//! were signed or hash-pinned before they are read here.

pub mod conformal;
pub mod fdr;
pub mod hash;
pub mod limits;
pub mod points;
pub mod prototype;
pub mod sequence;
pub mod session;
pub mod sketch;
pub mod text;
pub mod wire;
pub mod witness;
