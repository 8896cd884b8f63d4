//! Whether a second moment can be what it says it is.

use super::spectrum::extremes;
use super::store::SecondMoments;
use crate::error::{Error, Result};
use tch::{Kind, Tensor};

/// Largest difference of mirrored entries, against the largest entry.
const SYMMETRY: f64 = 1e-5;
/// How far below zero rounding may move an eigenvalue, against the largest one.
const ROUNDING: f64 = 1e-5;
/// Largest deviation of a float32 sum from float64.
const DEVIATION: f64 = 1e-4;

/// What was found in the second moment of one layer.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerCheck {
    pub layer: usize,
    /// Keys that never fired: rows of zeros.
    pub dead_keys: i64,
    /// Largest difference of mirrored entries, against the largest entry.
    pub asymmetry: f64,
    /// Smallest eigenvalue among the keys that fire; `None` where there the matrix is singular.
    pub smallest: Option<f64>,
    /// Largest eigenvalue.
    pub largest: f64,
    /// Relative deviation from products that were summed up in float64, where some were.
    pub deviation: Option<f64>,
    /// What is wrong, one sentence each.
    pub problems: Vec<String>,
}

impl LayerCheck {
    /// Condition number among the keys that fire; `None` where there the matrix is singular.
    #[must_use]
    pub fn condition(&self) -> Option<f64> {
        self.smallest.map(|smallest| self.largest / smallest)
    }
}

/// Checks the second moment of one layer of a model whose keys are `inner` wide.
///
/// # Errors
/// There is none for the layer; libtorch's.
pub fn check(moments: &SecondMoments, layer: usize, inner: i64) -> Result<LayerCheck> {
    let _guard = tch::no_grad_guard();
    let mean = moments
        .mean(layer)?
        .ok_or_else(|| Error::Request(format!("there is no second moment for layer {layer}; collect it")))?;
    let mut problems = Vec::new();
    let width = mean.size()[0];
    if width != inner {
        problems.push(format!(
            "it has width {width}, but the model's keys have width {inner}; it belongs to another model"
        ));
    }
    let wide = mean.f_to_kind(Kind::Double)?;
    let largest = |matrix: &Tensor| matrix.f_abs()?.f_max()?.f_double_value(&[]);
    let scale = largest(&wide)?;
    let asymmetry = largest(&wide.f_sub(&wide.f_tr()?)?)? / scale.max(f64::MIN_POSITIVE);
    if asymmetry > SYMMETRY {
        problems.push(format!("it is not symmetric: mirrored entries differ by {asymmetry:.1e} of the largest one"));
    }
    let live = live_keys(&wide)?;
    let dead_keys = width - live.size()[0];
    let (mut smallest, mut largest) = (None, 0.0);
    if live.size()[0] > 0 {
        let live = wide.f_index_select(0, &live)?.f_index_select(1, &live)?;
        (smallest, largest) = extremes(&live)?;
        let identity = Tensor::f_eye(live.size()[0], (Kind::Double, live.device()))?;
        let raised = live.f_add(&identity.f_mul_scalar(ROUNDING * largest)?)?;
        let (_, info) = raised.f_linalg_cholesky_ex(false, false)?;
        if info.f_int64_value(&[])? != 0 {
            problems.push("it is not positive semi-definite, so it is no second moment of any keys".to_owned());
        }
    }
    let deviation = moments.deviation(layer)?;
    if let Some(deviation) = deviation.filter(|&deviation| !deviation.is_finite() || deviation > DEVIATION) {
        problems.push(format!("its sums deviate by {deviation:.1e} from float64; collect it with --float64-sums"));
    }
    Ok(LayerCheck { layer, dead_keys, asymmetry, smallest, largest, deviation, problems })
}

/// Numbers of the keys that fire.
fn live_keys(mean: &Tensor) -> Result<Tensor> {
    Ok(mean.f_diag(0)?.f_ne(0.0)?.f_nonzero()?.f_reshape([-1])?)
}
