//! FIRST EPSS scores (<https://www.first.org/epss/data_stats>): CSV with one comment line.
//!
//! ```text
//! #model_version:v2025.03.14,score_date:2025-08-25T00:00:00Z
//! cve,epss,percentile
//! CVE-1999-0001,0.01141,0.77617
//! ```
//!
//! Probabilities and percentiles become parts per million, so that they are integers in nouns.

use std::io::{BufRead, Read};

use crate::{FormatError, limits};

const FORMAT: &str = "EPSS";

/// What the comment line says; empty where there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EpssHeader {
    /// The model's version, such as `v2025.03.14`.
    pub model_version: String,
    /// The day of the scores, RFC 3339.
    pub score_date: String,
}

/// One score.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpssScore {
    /// The CVE id.
    pub cve: String,
    /// Probability of exploitation within 30 days, parts per million.
    pub probability_ppm: u32,
    /// Share of all CVEs with the same or a lower probability, parts per million.
    pub percentile_ppm: u32,
}

/// A whole file in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Epss {
    /// The comment line.
    pub header: EpssHeader,
    /// The scores, in the order of the file.
    pub scores: Vec<EpssScore>,
}

/// Reads a whole file (decompressed) into memory.
pub fn parse(bytes: &[u8]) -> Result<Epss, FormatError> {
    let mut scores = Vec::new();
    let header = read(bytes, |score| {
        scores.push(score);
        Ok(())
    })?;
    Ok(Epss { header, scores })
}

/// Reads a file line by line and calls `each` with every score. An error from `each` ends it.
pub fn read(
    mut reader: impl BufRead,
    mut each: impl FnMut(EpssScore) -> Result<(), FormatError>,
) -> Result<EpssHeader, FormatError> {
    let mut header = EpssHeader::default();
    let mut bytes_read = 0_u64;
    let mut count = 0;
    let mut columns_seen = false;
    let mut line = Vec::new();
    loop {
        line.clear();
        let cap = u64::try_from(limits::EPSS_LINE_BYTES_MAX).unwrap_or(u64::MAX);
        let read = reader
            .by_ref()
            .take(cap)
            .read_until(b'\n', &mut line)
            .map_err(|error| FormatError::malformed(FORMAT, error))?;
        if read == 0 {
            break;
        }
        bytes_read += u64::try_from(read).unwrap_or(u64::MAX);
        if bytes_read > limits::EPSS_BYTES_MAX {
            return Err(FormatError::TooLarge { format: FORMAT, limit: limits::EPSS_BYTES_MAX });
        }
        if read == limits::EPSS_LINE_BYTES_MAX && line.last() != Some(&b'\n') {
            let (what, limit) = ("bytes in one line", limits::EPSS_LINE_BYTES_MAX);
            return Err(FormatError::TooMany { format: FORMAT, what, limit });
        }
        let text = crate::error::text(FORMAT, &line)?.trim();
        if let Some(comment) = text.strip_prefix('#') {
            header = parse_header(comment);
        } else if !columns_seen && text.starts_with("cve,") {
            columns_seen = true;
        } else if !text.is_empty() {
            count += 1;
            FormatError::check_count(FORMAT, "scores", count, limits::EPSS_ENTRIES_MAX)?;
            each(parse_score(text)?)?;
        }
    }
    if !columns_seen {
        return Err(FormatError::malformed(FORMAT, "the line of column names is missing"));
    }
    Ok(header)
}

fn parse_header(comment: &str) -> EpssHeader {
    let field = |name: &str| {
        comment
            .split(',')
            .find_map(|part| part.trim().strip_prefix(name)?.strip_prefix(':'))
            .unwrap_or_default()
            .to_owned()
    };
    EpssHeader { model_version: field("model_version"), score_date: field("score_date") }
}

fn parse_score(line: &str) -> Result<EpssScore, FormatError> {
    let wrong = || FormatError::malformed(FORMAT, format!("the line `{line}`"));
    let mut fields = line.split(',').map(str::trim);
    let (Some(cve), Some(probability), Some(percentile)) =
        (fields.next(), fields.next(), fields.next())
    else {
        return Err(wrong());
    };
    if !cve.starts_with("CVE-") {
        return Err(wrong());
    }
    Ok(EpssScore {
        cve: cve.to_owned(),
        probability_ppm: parse_ppm(probability).ok_or_else(wrong)?,
        percentile_ppm: parse_ppm(percentile).ok_or_else(wrong)?,
    })
}

/// A decimal in 0..=1, perhaps with an exponent, as parts per million, rounded down.
fn parse_ppm(text: &str) -> Option<u32> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || digits.len() > 40 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let point = i32::try_from(whole.len()).ok()?.checked_add(exponent)?.checked_add(6)?;
    let mut value = 0_u32;
    let mut digits = digits.bytes();
    for _ in 0..point.clamp(0, 64) {
        let digit = digits.next().map_or(0, |b| u32::from(b - b'0'));
        value = value.checked_mul(10)?.checked_add(digit)?;
    }
    let rest_is_zero = digits.all(|b| b == b'0');
    (value < 1_000_000 || (value == 1_000_000 && rest_is_zero)).then_some(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FILE: &str = "#model_version:v2026.01.01,score_date:2026-02-03T00:00:00Z\n\
                        cve,epss,percentile\nCVE-2026-1,0.00097,0.39446\r\nCVE-2026-2,1.0,1\n\n\
                        CVE-2026-3,4.2e-4,9e-2\n";

    #[test]
    fn scores_become_parts_per_million() {
        let file = parse(FILE.as_bytes()).unwrap();
        assert_eq!(file.header.model_version, "v2026.01.01");
        assert_eq!(file.header.score_date, "2026-02-03T00:00:00Z");
        let scores: Vec<_> =
            file.scores.iter().map(|s| (s.probability_ppm, s.percentile_ppm)).collect();
        assert_eq!(scores, [(970, 394_460), (1_000_000, 1_000_000), (420, 90_000)]);
    }

    #[test]
    fn bad_files_are_refused() {
        for bad in ["", "#x\n", "cve,epss,percentile\nCVE-1,2.0,0\n", "cve,a\nCVE-1,0.1\n"] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
        for bad in ["1.0000001", "-1", "", ".", "nan", "1e9", "0.1e99999999999", "1.1"] {
            assert_eq!(parse_ppm(bad), None, "{bad}");
        }
        let long = format!("cve,epss,percentile\nCVE-1,{}", "0".repeat(5_000));
        assert!(matches!(parse(long.as_bytes()), Err(FormatError::TooMany { .. })));
    }

    proptest! {
        #[test]
        fn every_part_per_million_is_read_back(ppm in 0_u32..=1_000_000) {
            let text = format!("{}.{:06}", ppm / 1_000_000, ppm % 1_000_000);
            prop_assert_eq!(parse_ppm(&text), Some(ppm));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC*") {
            let _ = parse(text.as_bytes());
            let _ = parse_ppm(&text);
        }
    }
}
