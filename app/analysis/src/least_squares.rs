//! Least squares by nalgebra's orthogonal decomposition.

use crate::unavailable::{Computed, Unavailable};
use nalgebra::{DMatrix, DVector};

/// A column that has less than this share of its length beyond the others depends on them (R's `lm` takes the same).
const DEPENDENT: f64 = 1e-7;

#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    /// `[column]`.
    pub coefficients: DVector<f64>,
    /// `[row]`.
    pub residuals: DVector<f64>,
    /// `[column, column]`: (XᵀX)⁻¹.
    pub inverse: DMatrix<f64>,
}

/// Fits `y` by the columns of `x` (`[row, column]`, with a column of ones if there is to be an intercept).
///
/// # Errors
///
/// [`Unavailable::NoFreedom`] where there are no more rows than columns, [`Unavailable::Collinear`] where columns
/// depend on each other.
pub fn fit(x: &DMatrix<f64>, y: &DVector<f64>) -> Computed<Fit> {
    let (rows, coefficients) = x.shape();
    if rows <= coefficients {
        return Err(Unavailable::NoFreedom { rows, coefficients });
    }
    let lengths: Vec<f64> = x.column_iter().map(|column| column.norm()).collect();
    if lengths.iter().any(|length| *length <= 0.0) {
        return Err(Unavailable::Collinear);
    }
    let mut scaled = x.clone();
    scaled.column_iter_mut().zip(&lengths).for_each(|(mut column, length)| column /= *length);
    let (q, r) = scaled.qr().unpack();
    if r.diagonal().iter().any(|left| left.abs() < DEPENDENT) {
        return Err(Unavailable::Collinear);
    }
    let unscale = DMatrix::from_diagonal(&DVector::from_iterator(coefficients, lengths.iter().map(|l| 1.0 / l)));
    let solved = r.solve_upper_triangular(&(q.transpose() * y)).ok_or(Unavailable::Collinear)?;
    let root =
        r.solve_upper_triangular(&DMatrix::identity(coefficients, coefficients)).ok_or(Unavailable::Collinear)?;
    let root = &unscale * root;
    let solved = unscale * solved;
    let residuals = y - x * &solved;
    Ok(Fit { coefficients: solved, residuals, inverse: &root * root.transpose() })
}
