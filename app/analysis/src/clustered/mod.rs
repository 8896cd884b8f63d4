//! Standard errors clustered by fact: the bias-reduced sandwich (CR2) of Bell and McCaffrey (2002) with Satterthwaite
//! degrees of freedom, as Pustejovsky and Tipton (2018) give them, with the identity as working covariance.
//!
//! The crates for regressions have neither these degrees of freedom nor the joint test, and refuse clusters of leverage 1,
//! which facts with effects of their own have; so the formula is here, on nalgebra's decompositions and statrs'
//! distributions. R's clubSandwich gave the fixtures.

mod models;
mod wald;

pub use models::{Honest, honest};
pub use wald::Wald;

use crate::distributions::{both_tails_of_t, quantile_of_t};
use crate::least_squares::{self, Fit};
use crate::unavailable::{Computed, Unavailable};
use nalgebra::{DMatrix, DVector};
use serde::Serialize;

/// Directions in which a cluster has leverage 1 hold no information about the error.
const NO_INFORMATION: f64 = 1e-12;
/// A variance below this share of a square, or residuals below it, are rounding.
const ROUNDING: f64 = 1e-24;

/// A coefficient with what is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Coefficient {
    pub estimate: f64,
    pub standard_error: f64,
    /// Satterthwaite's degrees of freedom.
    pub freedom: f64,
    pub t: f64,
    /// Two-sided p value of the t test.
    pub p: f64,
    /// Bounds of the interval at the confidence of the settings.
    pub low: f64,
    pub high: f64,
}

impl Coefficient {
    /// Bounds at another confidence.
    ///
    /// # Errors
    ///
    /// Where the degrees of freedom are none.
    pub fn bounds(&self, confidence: f64) -> Computed<(f64, f64)> {
        let reach = quantile_of_t((1.0 - confidence) / 2.0, self.freedom)? * self.standard_error;
        Ok((self.estimate - reach, self.estimate + reach))
    }
}

/// A regression whose errors go together within clusters.
#[derive(Clone, Debug, PartialEq)]
pub struct Clustered {
    fit: Fit,
    /// `[column, column]`: the CR2 covariance.
    covariance: DMatrix<f64>,
    /// Per cluster, `[row, column]`: the residuals' weights in each coefficient.
    weights: Vec<DMatrix<f64>>,
    /// Per cluster, `[column, column]`: Xᵀ times the weights.
    moments: Vec<DMatrix<f64>>,
}

/// Fits `y` by the columns of `x`, with errors clustered by `clusters` (`[row]`, numbered from 0).
///
/// # Errors
///
/// As [`least_squares::fit`], and where there are fewer than two clusters.
pub fn fit(x: &DMatrix<f64>, y: &DVector<f64>, clusters: &[usize]) -> Computed<Clustered> {
    let count = clusters.iter().max().map_or(0, |last| last + 1);
    if count < 2 {
        return Err(Unavailable::TooFewFacts { have: count, need: 2 });
    }
    let fit = least_squares::fit(x, y)?;
    if fit.residuals.norm_squared() <= ROUNDING * y.norm_squared() {
        return Err(Unavailable::ExactFit);
    }
    let columns = x.ncols();
    let mut members = vec![Vec::new(); count];
    clusters.iter().enumerate().for_each(|(row, cluster)| members[*cluster].push(row));
    let mut covariance = DMatrix::zeros(columns, columns);
    let (mut weights, mut moments) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for rows in members.iter().filter(|rows| !rows.is_empty()) {
        let own = x.select_rows(rows);
        let spread = &own * &fit.inverse;
        let leverage = &spread * own.transpose();
        let adjusted = inverse_root(DMatrix::identity(rows.len(), rows.len()) - leverage) * spread;
        let residuals = DVector::from_iterator(rows.len(), rows.iter().map(|row| fit.residuals[*row]));
        let score = adjusted.tr_mul(&residuals);
        covariance += &score * score.transpose();
        moments.push(own.tr_mul(&adjusted));
        weights.push(adjusted);
    }
    Ok(Clustered { fit, covariance, weights, moments })
}

/// The inverse of the symmetric root, over the directions that hold information.
fn inverse_root(matrix: DMatrix<f64>) -> DMatrix<f64> {
    let parts = matrix.symmetric_eigen();
    let root = |value: f64| if value > NO_INFORMATION { value.powf(-0.5) } else { 0.0 };
    let middle = DMatrix::from_diagonal(&parts.eigenvalues.map(root));
    &parts.eigenvectors * middle * parts.eigenvectors.transpose()
}

impl Clustered {
    /// How many clusters there are.
    pub fn clusters(&self) -> usize {
        self.weights.len()
    }

    /// `[column, column]`: the CR2 covariance.
    pub fn covariance(&self) -> &DMatrix<f64> {
        &self.covariance
    }

    /// One coefficient, with its t test.
    ///
    /// # Errors
    ///
    /// [`Unavailable::NoVariance`] where the residuals say nothing about it.
    pub fn coefficient(&self, column: usize, confidence: f64) -> Computed<Coefficient> {
        let estimate = self.fit.coefficients[column];
        let variance = self.covariance[(column, column)];
        if !(variance > ROUNDING * estimate * estimate && variance > 0.0) {
            return Err(Unavailable::NoVariance);
        }
        let freedom = self.freedom(column)?;
        let standard_error = variance.sqrt();
        let t = estimate / standard_error;
        let p = both_tails_of_t(t, freedom)?;
        let reach = quantile_of_t((1.0 - confidence) / 2.0, freedom)? * standard_error;
        Ok(Coefficient { estimate, standard_error, freedom, t, p, low: estimate - reach, high: estimate + reach })
    }

    /// Satterthwaite's degrees of freedom: twice the squared mean of the variance estimate over its variance.
    fn freedom(&self, column: usize) -> Computed<f64> {
        let inverse = &self.fit.inverse;
        let columns = inverse.nrows();
        let (mut trace, mut squares) = (0.0, 0.0);
        let mut outer = DMatrix::zeros(columns, columns);
        for (weights, moments) in self.weights.iter().zip(&self.moments) {
            let own = weights.column(column).norm_squared();
            let moment = moments.column(column);
            let shared = moment.dot(&(inverse * moment));
            trace += own - shared;
            squares += own * own - 2.0 * own * shared;
            outer += moment * moment.transpose();
        }
        let product = inverse * outer;
        squares += (&product * &product).trace();
        let freedom = trace * trace / squares;
        if freedom.is_finite() && freedom > 0.0 && squares > 0.0 { Ok(freedom) } else { Err(Unavailable::NoVariance) }
    }
}
