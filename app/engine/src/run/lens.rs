//! The logit lens: residual streams of all layers read through the final norm and the unembedding.

use super::capture::{capture, log_probabilities};
use crate::error::Result;
use crate::model::{Model, Site};
use locus_plugin::{Cell, Cells};
use locus_protocol::LayerRow;
use tch::{Device, Kind, Tensor};

/// Probabilities `[layers, tokens]` of `tokens` for residual streams `[layers, hidden]`.
///
/// # Errors
/// Those of libtorch.
pub fn lens(model: &Model, streams: &Tensor, tokens: &[i64]) -> Result<Tensor> {
    let _guard = tch::no_grad_guard();
    let index = Tensor::f_from_slice(tokens)?.f_to_device(streams.device())?;
    Ok(log_probabilities(model, streams)?.f_index_select(1, &index)?.f_exp()?)
}

/// One row per layer for the last token of a prompt: what each layer's residual stream says of the first tokens of
/// the new and the true target.
///
/// # Errors
/// An empty or overlong prompt.
pub fn lens_rows(model: &Model, prompt: &[i64], new: i64, truth: i64) -> Result<Vec<LayerRow>> {
    let last = Cell { row: 0, position: prompt.len().saturating_sub(1) };
    let sites: Vec<Cells> =
        (0..model.architecture.layers).map(|layer| Cells { site: Site::Residual(layer), cells: vec![last] }).collect();
    let streams = Tensor::f_cat(&capture(model, &[prompt.to_vec()], &sites)?, 0)?;
    lens_rows_of(&lens(model, &streams, &[new, truth])?)
}

/// Rows out of lens probabilities `[layers, 2]`, new target first.
///
/// # Errors
/// Those of libtorch.
pub fn lens_rows_of(probabilities: &Tensor) -> Result<Vec<LayerRow>> {
    let flat = probabilities.f_to_device(Device::Cpu)?.f_to_kind(Kind::Double)?.f_reshape([-1])?;
    let values = Vec::<f64>::try_from(flat)?;
    let row = |(layer, pair): (usize, &[f64])| LayerRow {
        layer,
        probability_new: pair[0],
        probability_true: pair[1],
        ..LayerRow::default()
    };
    Ok(values.chunks_exact(2).enumerate().map(row).collect())
}
