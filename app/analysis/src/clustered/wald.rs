//! The joint test of several coefficients: approximate Hotelling's T² (HTZ of Tipton and Pustejovsky 2015).

use super::Clustered;
use crate::distributions::tail_of_f;
use crate::unavailable::{Computed, Unavailable};
use nalgebra::DMatrix;
use serde::Serialize;

/// A direction with less than this share of a coefficient's variance has none.
const ROUNDING: f64 = 1e-10;

/// A joint F test that several coefficients are 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Wald {
    pub f: f64,
    /// How many coefficients are tested.
    pub first_freedom: f64,
    /// From the number of clusters and how they lie.
    pub second_freedom: f64,
    pub p: f64,
}

impl Clustered {
    /// Whether some coefficients are all 0.
    ///
    /// # Errors
    ///
    /// Where the clusters are too few, or residuals say nothing about the coefficients.
    pub fn wald(&self, columns: &[usize]) -> Computed<Wald> {
        let count = columns.len();
        let too_few = Unavailable::TooFewFactsForSlopes { facts: self.clusters(), slopes: count };
        let root = self.fit.inverse.clone().cholesky().ok_or(Unavailable::Collinear)?.l();
        let moments = self.moments.iter().map(|moments| root.tr_mul(&moments.select_columns(columns)));
        let moments: Vec<DMatrix<f64>> = moments.collect();
        let own = self.weights.iter().map(|weights| weights.select_columns(columns));
        let own: Vec<DMatrix<f64>> = own.map(|weights| weights.tr_mul(&weights)).collect();

        // what the variance estimate is on average, if errors were independent
        let mut expected = DMatrix::zeros(count, count);
        own.iter().zip(&moments).for_each(|(own, moments)| expected += own - moments.tr_mul(moments));
        let whiten = expected.cholesky().ok_or(too_few.clone())?.l();
        let whiten = whiten.solve_lower_triangular(&DMatrix::identity(count, count)).ok_or(too_few.clone())?;
        let own: Vec<DMatrix<f64>> = own.iter().map(|own| &whiten * own * whiten.transpose()).collect();
        let moments: Vec<DMatrix<f64>> = moments.iter().map(|moments| moments * whiten.transpose()).collect();

        let slopes = count as f64;
        let freedom = slopes * (slopes + 1.0) / variance(&own, &moments);
        let second_freedom = freedom - slopes + 1.0;
        if !(second_freedom.is_finite() && second_freedom > 0.0) {
            return Err(too_few);
        }
        let estimates = self.fit.coefficients.select_rows(columns);
        let covariance = self.covariance.select_rows(columns).select_columns(columns);
        let variances = covariance.diagonal();
        let factor = covariance.cholesky().ok_or(Unavailable::NoVariance)?;
        // what rounding leaves of a direction without variance
        let is_rounding = |(left, whole): (&f64, &f64)| left * left <= ROUNDING * whole;
        if factor.l_dirty().diagonal().iter().zip(variances.iter()).any(is_rounding) {
            return Err(Unavailable::NoVariance);
        }
        let solved = factor.solve(&estimates);
        let f = estimates.dot(&solved) * second_freedom / (freedom * slopes);
        Ok(Wald { f, first_freedom: slopes, second_freedom, p: tail_of_f(f, slopes, second_freedom)? })
    }
}

/// The summed variance of all entries of the whitened variance estimate: over pairs of clusters, (tr B)² + tr(B B),
/// with B the product of their weights. Columns that share no direction are passed over: in a regression by layer each
/// slope has directions of its own, which saves all but one entry in a row.
fn variance(own: &[DMatrix<f64>], moments: &[DMatrix<f64>]) -> f64 {
    let (directions, count) = moments[0].shape();
    let uses = |column: usize, direction: usize| moments.iter().any(|moments| moments[(direction, column)] != 0.0);
    let used: Vec<Vec<bool>> = (0..count).map(|column| (0..directions).map(|at| uses(column, at)).collect()).collect();
    let mut entries = Vec::new();
    for (one, of_one) in used.iter().enumerate() {
        for (two, of_two) in used.iter().enumerate() {
            let shared: Vec<usize> = (0..directions).filter(|at| of_one[*at] && of_two[*at]).collect();
            if !shared.is_empty() {
                entries.push((one, two, shared));
            }
        }
    }
    let square = |block: &DMatrix<f64>| {
        let trace = block.trace();
        let crossed: f64 = entries.iter().map(|(one, two, _)| block[(*one, *two)] * block[(*two, *one)]).sum();
        trace * trace + crossed
    };
    let mut sum = 0.0;
    let mut block = DMatrix::zeros(count, count);
    for (first, of_first) in moments.iter().enumerate() {
        let alone = &own[first] - of_first.tr_mul(of_first);
        sum += alone.trace().powi(2) + (&alone * &alone).trace();
        for of_second in &moments[first + 1..] {
            for (one, two, shared) in &entries {
                let dot: f64 = shared.iter().map(|at| of_first[(*at, *one)] * of_second[(*at, *two)]).sum();
                block[(*one, *two)] = -dot;
            }
            sum += 2.0 * square(&block);
        }
    }
    sum
}
