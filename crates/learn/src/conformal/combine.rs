//! Several p-values of one thing become one.

/// Fisher's statistic: minus twice the sum of the logarithms. The p-values of several views of one
/// session hang together, so the statistic is no p-value yet; calibrate it like any other score.
pub fn fisher(p_values: &[f64]) -> f64 {
    -2.0 * p_values.iter().map(|p| p.max(f64::MIN_POSITIVE).ln()).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::fisher;

    #[test]
    fn two_small_values_weigh_more_than_one() {
        assert!(fisher(&[0.01, 0.01]) > fisher(&[0.01, 0.5]));
        assert!(fisher(&[]).abs() < 1e-12);
        assert!(fisher(&[0.0]).is_finite());
    }
}
