//! One run of many prompts, only as far up as something is read.

use super::layout::{Layout, check_rows};
use crate::error::{Doing, Error, Result};
use crate::model::{Action, Model, Site, Tap, Taps};
use locus_plugin::{Cell, Cells};
use tch::{Kind, Tensor};

/// Runs `rows` and captures the activations at `cells`: one `[cells, width]` tensor for each entry.
///
/// # Errors
/// [`Error::Request`] for a row, cell or layer that is not there.
pub fn capture(model: &Model, rows: &[Vec<i64>], cells: &[Cells]) -> Result<Vec<Tensor>> {
    capture_noised(model, rows, cells, None)
}

/// Like [`capture`], with noise `[noised, hidden]` in float64 on the embeddings of some cells: added in float64, then
/// rounded.
///
/// # Errors
/// Those of [`capture`].
pub fn capture_noised(
    model: &Model,
    rows: &[Vec<i64>],
    cells: &[Cells],
    noised: Option<(&[Cell], &Tensor)>,
) -> Result<Vec<Tensor>> {
    check_rows(model, rows)?;
    let _guard = tch::no_grad_guard();
    let layout = Layout::whole(rows).together(model.device)?;
    let mut taps = Vec::with_capacity(cells.len());
    let mut layers = 0;
    for entry in cells {
        layers = layers.max(blocks_below(model, entry.site)?);
        let indices = layout.flat_all(&entry.cells, model.device)?;
        taps.push(Tap { cells: Some(indices), ..Tap::capture(entry.site) });
    }
    let captures = taps.len();
    let noise = noise_tap(model, rows, &layout, noised)?;
    let before = usize::from(noise.is_some());
    let mut taps = Taps::new(noise.into_iter().chain(taps).collect());
    let mut stream = model.embed(&layout.ids(rows, model.device)?, &layout.batch, &mut taps)?;
    for layer in 0..layers {
        stream = model.block(layer, &stream, &layout.batch, &[], &mut taps, false)?.0;
    }
    let captured = (before..before + captures).map(|index| taps.captured(index).map(Tensor::shallow_clone));
    captured.collect::<Option<_>>().ok_or_else(|| Error::Request("a site was not reached".to_owned()))
}

/// The tap that noises the embeddings of some cells.
pub(crate) fn noise_tap(
    model: &Model,
    rows: &[Vec<i64>],
    layout: &Layout,
    noised: Option<(&[Cell], &Tensor)>,
) -> Result<Option<Tap>> {
    let Some((cells, noise)) = noised.filter(|(cells, _)| !cells.is_empty()) else { return Ok(None) };
    let indices = layout.flat_all(cells, model.device)?;
    let tokens: Vec<i64> = cells.iter().map(|cell| rows[cell.row][cell.position]).collect();
    let tokens = Tensor::f_from_slice(&tokens)?.f_to_device(model.device)?;
    let action = Action::Replace(model.noised_embeddings(&tokens, noise)?);
    Ok(Some(Tap { site: Site::Embedding, cells: Some(indices), action }))
}

/// Log-probabilities of the next token after each cell, `[cells, vocabulary]` in float32 at least.
///
/// # Errors
/// [`Error::Request`] for a row or cell that is not there.
pub fn next_token_log_probabilities(model: &Model, rows: &[Vec<i64>], cells: &[Cell]) -> Result<Tensor> {
    noised_log_probabilities(model, rows, cells, None)
}

/// Like [`next_token_log_probabilities`], with noise as in [`capture_noised`].
///
/// # Errors
/// Those of [`next_token_log_probabilities`].
pub fn noised_log_probabilities(
    model: &Model,
    rows: &[Vec<i64>],
    cells: &[Cell],
    noised: Option<(&[Cell], &Tensor)>,
) -> Result<Tensor> {
    check_rows(model, rows)?;
    let _guard = tch::no_grad_guard();
    let layout = Layout::whole(rows).together(model.device)?;
    let ids = layout.ids(rows, model.device)?;
    let mut taps = Taps::new(noise_tap(model, rows, &layout, noised)?.into_iter().collect());
    let stream = model.forward(&ids, &layout.batch, &mut taps)?;
    let read = stream.f_index_select(0, &layout.flat_all(cells, model.device)?)?;
    log_probabilities(model, &read)
}

/// Log-probabilities `[.., vocabulary]` of final residual streams `[.., hidden]`, in float32 at least.
pub(crate) fn log_probabilities(model: &Model, stream: &Tensor) -> Result<Tensor> {
    let wide = if model.kind == Kind::Double { Kind::Double } else { Kind::Float };
    let logits = model.logits(stream)?;
    let normalised = logits.f_to_kind(wide).and_then(|logits| logits.f_log_softmax(-1, None));
    normalised.doing(|| "reading probabilities".to_owned())
}

/// How many blocks have to run before `site` has been reached.
///
/// # Errors
/// [`Error::Request`] for a layer that the model does not have.
pub(super) fn blocks_below(model: &Model, site: Site) -> Result<usize> {
    let layer = match site {
        Site::Embedding => return Ok(0),
        Site::Residual(layer) | Site::AttentionOut(layer) | Site::MlpOut(layer) | Site::MlpKey(layer) => layer,
    };
    check_layer(model, layer)?;
    Ok(layer + 1)
}

/// Refuses a layer that the model does not have.
pub(crate) fn check_layer(model: &Model, layer: usize) -> Result<()> {
    let layers = model.architecture.layers;
    if layer < layers {
        return Ok(());
    }
    Err(Error::Request(format!("there is no layer {layer}; the model has layers 0 to {}", layers.saturating_sub(1))))
}
