//! What is kept of the surprises of one session.

use serde::{Deserialize, Serialize};

/// Symbols of the sliding window.
const WINDOW: usize = 20;

/// Bits from which on a symbol is foreign.
const FOREIGN_BITS: f32 = 4.0;

/// Views of one session, in bits a symbol. They are kept apart because they answer different
/// questions: is the session foreign as a whole, is there anything in it that never happens, is
/// there a stretch of it that is foreign.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SequenceScore {
    /// The mean surprise.
    pub mean: f64,
    /// The mean of the most surprising twentieth, and of one symbol at least.
    pub top: f64,
    /// The largest mean of any 20 symbols in a row.
    pub window: f64,
    /// The share of symbols that surprise by 4 bits and more.
    pub foreign: f64,
}

impl SequenceScore {
    /// The scores of the surprises of a session.
    pub fn of(surprises: &[f32]) -> Self {
        if surprises.is_empty() {
            return Self::default();
        }
        let mut sorted = surprises.to_vec();
        sorted.sort_by(|a, b| b.total_cmp(a));
        sorted.truncate(surprises.len().div_ceil(20));
        let windows = surprises.windows(WINDOW.min(surprises.len()));
        Self {
            mean: mean(surprises),
            top: mean(&sorted),
            window: windows.map(mean).fold(0.0, f64::max),
            foreign: foreign(surprises),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "sessions are bounded")]
fn foreign(values: &[f32]) -> f64 {
    let foreign = values.iter().filter(|bits| **bits >= FOREIGN_BITS).count();
    foreign as f64 / values.len() as f64
}

#[expect(clippy::cast_precision_loss, reason = "sessions are bounded")]
fn mean(values: &[f32]) -> f64 {
    values.iter().map(|value| f64::from(*value)).sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_strange_symbol_moves_the_top_and_hardly_the_mean() {
        let mut session = vec![1.0_f32; 100];
        session[50] = 21.0;
        let score = SequenceScore::of(&session);
        assert!((score.mean - 1.2).abs() < 1e-6);
        assert!((score.top - 5.0).abs() < 1e-6, "the five most surprising of a hundred");
        assert!((score.window - 2.0).abs() < 1e-6);
    }

    #[test]
    fn a_short_session_is_one_window() {
        let score = SequenceScore::of(&[2.0, 4.0]);
        assert!((score.window - 3.0).abs() < 1e-9 && (score.top - 4.0).abs() < 1e-9);
    }
}
