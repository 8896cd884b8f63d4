//! Tail probabilities and quantiles, of statrs, with the checks that keep a bad number out.

use crate::unavailable::{Computed, Unavailable};
use statrs::distribution::{ContinuousCDF, FisherSnedecor, StudentsT};

/// P(F > value) with two degrees of freedom.
///
/// # Errors
///
/// Where a degree of freedom is not a positive number.
pub fn tail_of_f(value: f64, first: f64, second: f64) -> Computed<f64> {
    let distribution = FisherSnedecor::new(first, second).map_err(|_| Unavailable::NoVariance)?;
    finite(distribution.sf(value.max(0.0)))
}

/// P(|t| > |value|).
///
/// # Errors
///
/// Where the degree of freedom is not a positive number.
pub fn both_tails_of_t(value: f64, freedom: f64) -> Computed<f64> {
    Ok((2.0 * tail_of_t(value.abs(), freedom)?).min(1.0))
}

/// P(t > value).
///
/// # Errors
///
/// Where the degree of freedom is not a positive number.
pub fn tail_of_t(value: f64, freedom: f64) -> Computed<f64> {
    finite(students(freedom)?.sf(value))
}

/// The value that t exceeds with probability `tail`.
///
/// # Errors
///
/// Where the degree of freedom is not a positive number.
pub fn quantile_of_t(tail: f64, freedom: f64) -> Computed<f64> {
    finite(students(freedom)?.inverse_cdf(1.0 - tail))
}

fn students(freedom: f64) -> Computed<StudentsT> {
    StudentsT::new(0.0, 1.0, freedom).map_err(|_| Unavailable::NoVariance)
}

fn finite(value: f64) -> Computed<f64> {
    if value.is_finite() { Ok(value) } else { Err(Unavailable::NoVariance) }
}

/// The quantile of sorted values, between neighbors as R's type 7. Nothing of an empty list.
pub fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = share.clamp(0.0, 1.0) * (sorted.len().checked_sub(1)? as f64);
    let (below, part) = (place.floor() as usize, place.fract());
    let (low, high) = (sorted[below], sorted[(below + 1).min(sorted.len() - 1)]);
    Some(low + part * (high - low))
}

/// The distance between the first and third quartile.
pub fn interquartile_range(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    Some(quantile(&sorted, 0.75)? - quantile(&sorted, 0.25)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_from_tables() {
        assert!((tail_of_f(4.0, 2.0, 10.0).expect("p") - 0.0529_2214).abs() < 1e-7);
        assert!((both_tails_of_t(2.0, 5.0).expect("p") - 0.1019_3948).abs() < 1e-7);
        assert!((quantile_of_t(0.025, 5.0).expect("t") - 2.570_581_836).abs() < 1e-8);
        // of R, far out
        let near = |ours: f64, theirs: f64| assert!((ours / theirs - 1.0).abs() < 1e-9, "{ours} {theirs}");
        near(tail_of_f(30.0, 9.0, 5850.0).expect("p"), 1.040_936_477_723_02e-51);
        near(tail_of_t(12.0, 40.5).expect("p"), 3.236_132_922_836_44e-15);
        near(tail_of_t(-3.0, 7.3).expect("p"), 0.990_509_724_488_433);
        assert_eq!(quantile(&[1.0, 2.0, 3.0, 4.0], 0.25), Some(1.75));
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(tail_of_f(1.0, 0.0, 3.0), Err(Unavailable::NoVariance));
    }
}
