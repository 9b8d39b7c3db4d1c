//! List B: operators written by another hand than the canonicaliser's, opened only to measure.
//!
//! The list is empty until that other hand fills it in; the benchmark then says that it is.

use crate::operators::Operator;

/// The operators of list B.
pub const OPERATORS: &[Operator] = &[];
