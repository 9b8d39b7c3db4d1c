//! Is this text trying to give orders to a model? A small linear model of words and letters.
//!
//! [`injection::InjectionModel`] gives a score, a p-value and the phrases that speak for it. It
//! raises, and never decides: a text that it does not flag may still be an injection, and a flagged
//! one may be an ordinary request. What stands against injections is the policy of the guard.
//!
//! | module | holds |
//! |---|---|
//! | [`normal`] | one spelling for text that is disguised: look-alikes, hidden characters, encodings |
//! | [`features`] | hashed n-grams of words and of letters |
//! | [`linear`] | the linear model, its training, and its form with one byte a weight |
//! | [`injection`] | the model file, the threshold, the judgement |
//!
//! The model file is trained by `cargo run --release -p learn --example train_injection`; its card
//! stands beside it.

pub mod features;
pub mod injection;
pub mod linear;
pub mod normal;
