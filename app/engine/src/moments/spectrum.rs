//! Extreme eigenvalues of a symmetric matrix, exactly where it is small and by iteration where it is large.

use crate::error::Result;
use tch::{Kind, Tensor};

/// Width up to which all eigenvalues are computed.
const SMALL: i64 = 2048;
/// Vectors and rounds of the iteration.
const VECTORS: i64 = 8;
const ROUNDS: usize = 60;

/// The smallest and the largest eigenvalue of a symmetric float64 matrix. The smallest is `None` where the matrix is
/// not positive definite.
///
/// # Errors
/// libtorch's.
pub fn extremes(matrix: &Tensor) -> Result<(Option<f64>, f64)> {
    let (lower, info) = matrix.f_linalg_cholesky_ex(false, false)?;
    let definite = info.f_int64_value(&[])? == 0;
    if matrix.size()[0] <= SMALL {
        let values = matrix.f_linalg_eigvalsh("L")?;
        let (smallest, largest) = (values.f_min()?.f_double_value(&[])?, values.f_max()?.f_double_value(&[])?);
        return Ok((definite.then_some(smallest).filter(|&value| value > 0.0), largest));
    }
    let largest = dominant(matrix, |vectors| Ok(matrix.f_matmul(vectors)?))?;
    let smallest = match definite {
        true => Some(1.0 / dominant(matrix, |vectors| Ok(vectors.f_cholesky_solve(&lower, false)?))?),
        false => None,
    };
    Ok((smallest, largest))
}

/// The largest eigenvalue of the symmetric map that `apply` is, by subspace iteration.
fn dominant(like: &Tensor, apply: impl Fn(&Tensor) -> Result<Tensor>) -> Result<f64> {
    // any start does that is not orthogonal to what is looked for; this one is the same in every run
    let size = like.size()[0];
    let numbers = Tensor::f_arange(size * VECTORS, (Kind::Double, like.device()))?.f_reshape([size, VECTORS])?;
    let mut vectors = numbers.f_mul_scalar(12.9898)?.f_sin()?;
    let mut value = 0.0;
    for _ in 0..ROUNDS {
        let (orthogonal, _) = Tensor::f_linalg_qr(&vectors, "reduced")?;
        vectors = apply(&orthogonal)?;
        let projected = orthogonal.f_tr()?.f_matmul(&vectors)?;
        let now = projected.f_linalg_eigvalsh("L")?.f_max()?.f_double_value(&[])?;
        let settled = (now - value).abs() <= 1e-9 * now.abs();
        value = now;
        if settled {
            break;
        }
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::{dominant, extremes};
    use crate::test_numbers::Numbers;

    #[test]
    fn iteration_finds_what_the_exact_way_finds() {
        let keys = Numbers::new(5).wide(&[400, 150]);
        let matrix = keys.tr().matmul(&keys) / 400.0;
        let (smallest, largest) = extremes(&matrix).expect("extremes");
        let smallest = smallest.expect("definite");
        let lower = matrix.linalg_cholesky(false);
        let by_iteration = dominant(&matrix, |vectors| Ok(matrix.f_matmul(vectors)?)).expect("largest");
        let inverse = dominant(&matrix, |vectors| Ok(vectors.f_cholesky_solve(&lower, false)?)).expect("smallest");
        assert!((by_iteration / largest - 1.0).abs() < 1e-3, "{by_iteration} {largest}");
        assert!((1.0 / inverse / smallest - 1.0).abs() < 1e-3, "{inverse} {smallest}");
        let (smallest, _) = extremes(&(matrix - 0.9 * largest)).expect("extremes");
        assert_eq!(smallest, None);
    }
}
