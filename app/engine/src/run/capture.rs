//! One run of many prompts, only as far up as something is read.

use super::layout::{Layout, check_rows};
use super::parts::{Noised, in_parts};
use crate::error::{Doing, Error, Result};
use crate::model::{Action, Model, Reading, Site, Tap, Taps};
use locus_plugin::{Cell, Cells};
use std::rc::Rc;
use tch::{Kind, Tensor};

/// Logits that are held at once where one token is read of each row.
pub(crate) const LOGITS_AT_ONCE: i64 = 1 << 24;
/// Rows that are normalized at once on a CPU: more do not stay in its cache.
const ROWS_NORMALIZED: i64 = 32;

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
    let sites: Vec<Site> = cells.iter().map(|entry| entry.site).collect();
    let lists: Vec<&[Cell]> = cells.iter().map(|entry| &entry.cells[..]).collect();
    let noised = noised.map(|(cells, noise)| Noised { cells, noise });
    in_parts(rows, &lists, noised, &|rows, cells, noised| capture_at(model, rows, &sites, cells, noised))
}

/// `rows` up to the last of the cells that are read of each, of which all lists together: what comes after it changes nothing
/// there.
fn until_last(model: &Model, rows: &[Vec<i64>], lists: &[&[Cell]]) -> Result<Layout> {
    let mut ends = vec![1; rows.len()];
    for cell in lists.iter().flat_map(|cells| cells.iter()) {
        ends[cell.row] = ends[cell.row].max(cell.position as i64 + 1);
    }
    Layout::before(rows, &ends).together(model.device)
}

/// Captures the activations at some cells of each site, of all rows in one run.
fn capture_at(
    model: &Model,
    rows: &[Vec<i64>],
    sites: &[Site],
    cells: &[&[Cell]],
    noised: Option<(&[Cell], &Tensor)>,
) -> Result<Vec<Tensor>> {
    let layout = until_last(model, rows, cells)?;
    let below = sites.iter().map(|&site| blocks_below(model, site)).collect::<Result<Vec<_>>>()?;
    let layers = below.iter().copied().max().unwrap_or(0);
    // the last block runs for the cells that are read behind its keys and values, and no further than the last site
    let last = || below.iter().zip(sites.iter().zip(cells)).filter(|(below, _)| **below == layers && layers > 0);
    let read = last().map(|(_, (_, cells))| layout.flats(cells)).collect::<Result<Vec<_>>>()?.concat();
    let reading = Rc::new(Reading::of(&layout.batch, &read, model.device)?);
    let ends_at_key = last().all(|(_, (site, _))| matches!(site, Site::AttentionOut(_) | Site::MlpKey(_)));
    let mut taps = Vec::with_capacity(cells.len());
    for ((&site, cells), &below) in sites.iter().zip(cells).zip(&below) {
        let mut indices = layout.flats(cells)?;
        if below == layers && layers > 0 {
            indices = indices.iter().filter_map(|&index| reading.place(index)).collect();
        }
        let indices = Tensor::f_from_slice(&indices)?.f_to_device(model.device)?;
        taps.push(Tap { cells: Some(indices), ..Tap::capture(site) });
    }
    let captures = taps.len();
    let noise = noise_tap(model, rows, &layout, noised)?;
    let before = usize::from(noise.is_some());
    let mut taps = Taps::new(noise.into_iter().chain(taps).collect());
    let mut stream = model.embed(&layout.ids(rows, model.device)?, &layout.batch, &mut taps)?;
    for layer in 0..layers.saturating_sub(1) {
        stream = model.block_there(layer, &stream, &layout.batch, &[], &mut taps, false)?.0;
    }
    if let Some(layer) = layers.checked_sub(1) {
        let batch = if read.is_empty() { layout.batch.clone() } else { layout.batch.read(&reading) };
        if ends_at_key {
            let _ = model.block_until_key(layer, &stream, &batch, &[], &mut taps, false)?;
        } else {
            let _ = model.block_there(layer, &stream, &batch, &[], &mut taps, false)?;
        }
    }
    let captured = (before..before + captures).map(|index| taps.captured(index).map(Tensor::shallow_clone));
    captured.collect::<Option<_>>().ok_or_else(|| Error::Request("a site was not reached".to_owned()))
}

/// The tap that noises the embeddings of some cells.
pub(super) fn noise_tap(
    model: &Model,
    rows: &[Vec<i64>],
    layout: &Layout,
    noised: Option<(&[Cell], &Tensor)>,
) -> Result<Option<Tap>> {
    let Some((cells, noise)) = noised.filter(|(cells, _)| !cells.is_empty()) else { return Ok(None) };
    // rows may be run up to a place before some of them, which then change nothing that is read
    let is_there = |cell: &Cell| rows.get(cell.row).is_some_and(|row| cell.position < row.len());
    let within = |cell: &Cell| !is_there(cell) || layout.flat(*cell).is_ok();
    let places: Vec<i64> = (0..).zip(cells).filter(|(_, cell)| within(cell)).map(|(place, _)| place).collect();
    let cells: Vec<Cell> = cells.iter().copied().filter(within).collect();
    if cells.is_empty() {
        return Ok(None);
    }
    let noise = &noise.f_index_select(0, &Tensor::f_from_slice(&places)?.f_to_device(noise.device())?)?;
    let indices = layout.flat_all(&cells, model.device)?;
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
    let noised = noised.map(|(cells, noise)| Noised { cells, noise });
    let read = |rows: &[Vec<i64>], cells: &[&[Cell]], noised: Option<(&[Cell], &Tensor)>| {
        let layout = until_last(model, rows, cells)?;
        let ids = layout.ids(rows, model.device)?;
        let mut taps = Taps::new(noise_tap(model, rows, &layout, noised)?.into_iter().collect());
        let read = |cells: &&[Cell]| {
            let stream = model.forward_to(&ids, &layout.batch, &mut taps, &layout.flats(cells)?)?;
            log_probabilities(model, &stream)
        };
        cells.iter().map(read).collect()
    };
    let found = in_parts(rows, &[cells], noised, &read)?.pop();
    found.ok_or_else(|| Error::Request("nothing was read".to_owned()))
}

/// Log-probabilities `[.., vocabulary]` of final residual streams `[.., hidden]`, in float32 at least.
pub(crate) fn log_probabilities(model: &Model, stream: &Tensor) -> Result<Tensor> {
    let wide = if model.kind == Kind::Double { Kind::Double } else { Kind::Float };
    let logits = model.logits(stream)?;
    let normalized = logits.f_to_kind(wide).and_then(|logits| logits.f_log_softmax(-1, None));
    normalized.doing(|| "reading probabilities".to_owned())
}

/// Log-probability of one token after each of some final residual streams `[rows, hidden]`, `tokens` `[rows]`: `[rows]`, in
/// float32 at least. Distributions are never there as a whole, where nothing is differentiated.
pub(crate) fn log_probabilities_of(model: &Model, streams: &Tensor, tokens: &Tensor) -> Result<Tensor> {
    let tokens = tokens.f_unsqueeze(1)?;
    if streams.requires_grad() {
        return Ok(log_probabilities(model, streams)?.f_gather(1, &tokens, false)?.f_squeeze_dim(1)?);
    }
    let rows = streams.size()[0];
    let at_once = (LOGITS_AT_ONCE / model.architecture.vocabulary.max(1)).max(1);
    let normalized_at_once = if model.device.is_cuda() { at_once } else { ROWS_NORMALIZED.min(at_once) };
    let wide = if model.kind == Kind::Double { Kind::Double } else { Kind::Float };
    let parts = |rows: i64, most: i64| {
        (0..rows).step_by(usize::try_from(most).unwrap_or(1)).map(move |first| (first, most.min(rows - first)))
    };
    let mut found = Vec::new();
    for (first, count) in parts(rows, at_once) {
        let logits = model.logits(&streams.f_narrow(0, first, count)?)?;
        for (begun, some) in parts(count, normalized_at_once) {
            let read = || -> Result<Tensor> {
                let logits = logits.f_narrow(0, begun, some)?.f_to_kind(wide)?;
                let tokens = tokens.f_narrow(0, first + begun, some)?;
                Ok(logits.f_log_softmax(-1, None)?.f_gather(1, &tokens, false)?)
            };
            found.push(read().doing(|| "reading probabilities".to_owned())?);
        }
    }
    Ok(Tensor::f_cat(&found, 0)?.f_squeeze_dim(1)?)
}

/// How many blocks have to run before `site` has been reached.
///
/// # Errors
/// [`Error::Request`] for a layer that the model does not have, and for keys where there are several MLPs.
pub(super) fn blocks_below(model: &Model, site: Site) -> Result<usize> {
    let layer = match site {
        Site::Embedding => return Ok(0),
        Site::Residual(layer) | Site::AttentionOut(layer) | Site::MlpOut(layer) | Site::MlpKey(layer) => layer,
    };
    check_layer(model, layer)?;
    match model.architecture.experts_of(layer) {
        Some(experts) if matches!(site, Site::MlpKey(_)) => Err(Error::Request(format!(
            "{}, each with its own keys, so there is no single key to read; read the input or output of the MLP",
            experts.said(layer)
        ))),
        _ => Ok(layer + 1),
    }
}

/// Refuses a layer that the model does not have.
pub(crate) fn check_layer(model: &Model, layer: usize) -> Result<()> {
    let layers = model.architecture.layers;
    if layer < layers {
        return Ok(());
    }
    Err(Error::Request(format!("there is no layer {layer}; the model has layers 0 to {}", layers.saturating_sub(1))))
}
