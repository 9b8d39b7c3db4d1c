//! Screening the weights of small models: statistics of each tensor, and rows that stand far from
//! the others. Nobody can tell a backdoor from weights alone; what is found here is where a person
//! looks first, and finding nothing clears nothing.

use crate::provenance::drift::Kind;
use crate::remark::{Remark, Weight};

/// Numbers of one tensor that are read; a larger one is told as unknown.
pub const VALUES_MAX: usize = 16 << 20;
/// A row is told if its length is so many robust deviations from the median.
const ROW_DEVIATIONS: f64 = 12.0;
/// A number is told if it is so many deviations from zero.
const VALUE_DEVIATIONS: f64 = 60.0;
/// Rows that a matrix needs for its rows to be compared.
const ROWS_MIN: usize = 8;

const NEXT: &str = "compare with the model that it was made from, and ask its maker";

/// What the numbers of a tensor are like.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Statistics {
    /// How many numbers there are.
    pub count: usize,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation.
    pub deviation: f64,
    /// The largest distance from zero.
    pub largest: f64,
    /// Fourth moment over the square of the second, less 3: 0 for a normal distribution.
    pub kurtosis: f64,
    /// The share that is exactly zero.
    pub zeros: f64,
    /// How many are not finite.
    pub not_finite: usize,
}

/// The numbers of a tensor, from bytes in little-endian order. `None`: the type is not read here,
/// or
/// there are too many.
pub fn numbers(dtype: &str, bytes: &[u8]) -> Option<Vec<f32>> {
    let kind = Kind::of(dtype)?;
    if bytes.len() / kind.bytes() > VALUES_MAX {
        return None;
    }
    bytes.chunks_exact(kind.bytes()).map(|value| kind.read(value)).collect()
}

/// The statistics of numbers.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub fn statistics(values: &[f32]) -> Statistics {
    let finite = || values.iter().filter(|value| value.is_finite()).map(|value| f64::from(*value));
    let count = finite().count();
    let n = count.max(1) as f64;
    let mean = finite().sum::<f64>() / n;
    let moment = |power: i32| finite().map(|value| (value - mean).powi(power)).sum::<f64>() / n;
    let variance = moment(2);
    Statistics {
        count: values.len(),
        mean,
        deviation: variance.sqrt(),
        largest: finite().fold(0.0, |max, value| max.max(value.abs())),
        kurtosis: if variance > 0.0 { moment(4) / (variance * variance) - 3.0 } else { 0.0 },
        zeros: finite().filter(|value| *value == 0.0).count() as f64 / n,
        not_finite: values.len() - count,
    }
}

/// What stands out in a tensor of this shape.
pub fn screen(name: &str, shape: &[usize], values: &[f32]) -> Vec<Remark> {
    let mut remarks = Vec::new();
    let mut say = |rule, weight, why: String| {
        remarks.push(Remark::new(rule, weight, 0, why, name, NEXT));
    };
    let all = statistics(values);
    if all.not_finite > 0 {
        let why = format!("{} of its numbers are not finite", all.not_finite);
        say("weights.not_finite", Weight::Suspicious, why);
    }
    if all.deviation > 0.0 && all.largest > VALUE_DEVIATIONS * all.deviation && all.count >= 1_000 {
        let why = format!(
            "one number is {:.0} deviations from zero (screening evidence only)",
            all.largest / all.deviation
        );
        say("weights.spike", Weight::Note, why);
    }
    let columns = shape.last().copied().unwrap_or(0);
    if shape.len() < 2 || columns == 0 || values.len() / columns < ROWS_MIN {
        return remarks;
    }
    let lengths: Vec<f64> = values
        .chunks_exact(columns)
        .map(|row| row.iter().map(|v| f64::from(*v) * f64::from(*v)).sum::<f64>().sqrt())
        .collect();
    for (row, deviations) in outliers(&lengths).into_iter().take(5) {
        let why = format!(
            "row {row} is {deviations:.0} robust deviations longer than the usual row (screening \
             evidence only)"
        );
        say("weights.row", Weight::Note, why);
    }
    remarks
}

/// Values far above the median, in units of the median absolute deviation, largest first.
fn outliers(values: &[f64]) -> Vec<(usize, f64)> {
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(0.0)
    };
    let middle = median(values.to_vec());
    let spread = 1.4826 * median(values.iter().map(|value| (value - middle).abs()).collect());
    let spread = spread.max(middle.abs() * 0.01).max(f64::MIN_POSITIVE);
    let mut found: Vec<(usize, f64)> = values
        .iter()
        .map(|value| (value - middle) / spread)
        .enumerate()
        .filter(|(_, deviations)| *deviations > ROW_DEVIATIONS)
        .collect();
    found.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that look random, between -1 and 1.
    fn noise(count: usize) -> Vec<f32> {
        let mut state = 7_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f32::from(u16::try_from(state >> 16).unwrap()) / 32_768.0 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    fn rules(values: &[f32]) -> Vec<&'static str> {
        screen("w", &[64, 32], values).into_iter().map(|remark| remark.rule).collect()
    }

    #[test]
    fn even_noise_is_not_told_and_a_planted_row_is() {
        let mut values = noise(64 * 32);
        assert!(rules(&values).is_empty());
        values[32 * 9..32 * 10].iter_mut().for_each(|value| *value *= 8.0);
        let remarks = screen("w", &[64, 32], &values);
        assert!(remarks[0].reason.starts_with("row 9 is"), "{}", remarks[0].reason);
        assert!(remarks[0].reason.contains("screening evidence only"));
    }

    #[test]
    fn numbers_that_are_none_are_told() {
        let mut values = noise(64 * 32);
        values[3] = f32::NAN;
        assert_eq!(rules(&values), ["weights.not_finite"]);
    }

    #[test]
    fn statistics_are_right() {
        let found = statistics(&[1.0, -1.0, 1.0, -1.0, 0.0, 0.0]);
        assert!(found.mean.abs() < 1e-9 && (found.zeros - 1.0 / 3.0).abs() < 1e-9);
        assert!((found.deviation - (4.0_f64 / 6.0).sqrt()).abs() < 1e-9);
        assert_eq!(statistics(&[]).count, 0);
        assert_eq!(numbers("F32", &1.5_f32.to_le_bytes()), Some(vec![1.5]));
        assert_eq!(numbers("I64", &[0; 8]), None);
    }
}
