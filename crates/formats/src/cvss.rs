//! CVSS base scores (<https://www.first.org/cvss/>), version 2, 3.0, 3.1 and 4.0, in tenths.

use serde::{Deserialize, Serialize};

use crate::{FormatError, limits};

const FORMAT: &str = "CVSS";

/// The qualitative rating of a score (CVSS 3.1 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// 0.0.
    None,
    /// 0.1 to 3.9.
    Low,
    /// 4.0 to 6.9.
    Medium,
    /// 7.0 to 8.9.
    High,
    /// 9.0 to 10.0.
    Critical,
}

impl Severity {
    /// The rating of a score in tenths.
    pub const fn of_tenths(tenths: u8) -> Self {
        match tenths {
            0 => Self::None,
            1..=39 => Self::Low,
            40..=69 => Self::Medium,
            70..=89 => Self::High,
            _ => Self::Critical,
        }
    }

    /// The rating's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// The base score of a vector in tenths, 0 to 100. For version 4.0 it is the score of the whole
/// vector, which that version does not split.
pub fn score_tenths(vector: &str) -> Result<u8, FormatError> {
    let limit = limits::CVSS_BYTES_MAX;
    FormatError::check_count(FORMAT, "bytes", vector.len(), limit)?;
    let parsed: cvss::Cvss =
        vector.trim().parse().map_err(|error| FormatError::malformed(FORMAT, error))?;
    let score = match &parsed {
        cvss::Cvss::CvssV30(base) | cvss::Cvss::CvssV31(base) => {
            check_v3_is_whole(vector)?;
            base.base_score().value()
        }
        other => other.score(),
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the value is clamped to 0..=100 first"
    )]
    let tenths = (score * 10.0).round().clamp(0.0, 100.0) as u8;
    Ok(tenths)
}

/// A vector that lacks a base metric must not score 0.0 and read as harmless (CVSS 3.1 §6: all
/// base metrics must be there).
fn check_v3_is_whole(vector: &str) -> Result<(), FormatError> {
    for metric in ["AV:", "AC:", "PR:", "UI:", "S:", "C:", "I:", "A:"] {
        if !vector.split('/').any(|part| part.starts_with(metric)) {
            let metric = metric.trim_end_matches(':');
            return Err(FormatError::malformed(
                FORMAT,
                format!("the metric `{metric}` is missing"),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_scores_come_out() {
        for (vector, tenths) in [
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 98),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 100),
            ("CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", 78),
            ("CVSS:3.0/AV:N/AC:H/PR:N/UI:R/S:U/C:N/I:N/A:N", 0),
            ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", 93),
            ("AV:N/AC:L/Au:N/C:P/I:P/A:P", 75),
        ] {
            assert_eq!(score_tenths(vector).unwrap(), tenths, "{vector}");
        }
        assert_eq!(Severity::of_tenths(98), Severity::Critical);
    }

    #[test]
    fn bad_vectors_are_refused() {
        for bad in ["", "CVSS:3.1", "CVSS:3.1/AV:N", "CVSS:9.9/AV:N", "x".repeat(5_000).as_str()] {
            assert!(score_tenths(bad).is_err(), "{bad}");
        }
    }
}
