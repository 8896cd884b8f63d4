//! The logit lens: residual streams of all layers read through the final norm and the unembedding.

use super::capture::{capture, log_probabilities};
use crate::error::Result;
use crate::model::{Model, Site};
use locus_plugin::{Cell, Cells};
use locus_protocol::LayerRow;
use tch::{Device, Kind, Tensor};

/// Probabilities `[layers, tokens]` of `tokens` for residual streams `[layers, hidden]`.
pub fn lens(model: &Model, streams: &Tensor, tokens: &[i64]) -> Tensor {
    let _guard = tch::no_grad_guard();
    let index = Tensor::from_slice(tokens).to_device(streams.device());
    log_probabilities(model, streams).index_select(1, &index).exp()
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
    let streams = Tensor::cat(&capture(model, &[prompt.to_vec()], &sites)?, 0);
    Ok(lens_rows_of(&lens(model, &streams, &[new, truth])))
}

/// Rows out of lens probabilities `[layers, 2]`, new target first.
#[must_use]
pub fn lens_rows_of(probabilities: &Tensor) -> Vec<LayerRow> {
    let flat = probabilities.to_device(Device::Cpu).to_kind(Kind::Double).reshape([-1]);
    let values = Vec::<f64>::try_from(flat).unwrap_or_default();
    let rows = values.chunks_exact(2).enumerate();
    rows.map(|(layer, pair)| LayerRow {
        layer,
        probability_new: pair[0],
        probability_true: pair[1],
        ..LayerRow::default()
    })
    .collect()
}
