//! The small specialised models: features, training, inference, calibration, model cards.
//!
//! Architecture invariant: no network, no clock; randomness is an argument; a model is bytes that
//! were signed or hash-pinned before they are read here.

pub mod text;
