//! Captures of rows that were captured before: they go on from where a changed parameter is first read, instead of from the
//! embedding. What is kept are the runs' own tensors, of which none is copied.

use super::capture::{blocks_below, capture};
use super::layout::{Layout, check_rows};
use crate::error::{Error, Result};
use crate::model::{Model, Site, Tap, Taps};
use locus_plugin::Cells;
use std::collections::BTreeMap;
use tch::Tensor;

/// Bytes that are kept of one list of rows: of the highest layers, if all have more.
const OF_ROWS: usize = 128 << 20;
/// Bytes that are kept of all.
const OF_ALL: usize = 256 << 20;

/// What is kept of runs of one model.
#[derive(Debug, Default)]
pub struct Trunks {
    /// The oldest first.
    kept: Vec<Trunk>,
}

/// What is kept of some rows.
#[derive(Debug)]
struct Trunk {
    rows: Vec<Vec<i64>>,
    layout: Layout,
    /// By layer: the residual stream without the MLP's output, and what the down-projection reads.
    states: BTreeMap<usize, [Tensor; 2]>,
}

impl Trunk {
    fn new(model: &Model, rows: &[Vec<i64>]) -> Result<Self> {
        let layout = Layout::whole(rows).together(model.device)?;
        Ok(Self { rows: rows.to_vec(), layout, states: BTreeMap::new() })
    }

    fn bytes(&self) -> usize {
        let bytes = |tensor: &Tensor| tensor.numel() * tensor.kind().elt_size_in_bytes();
        self.states.values().flatten().map(bytes).sum()
    }
}

impl Trunks {
    /// Captures as [`capture`] does, from the highest state that is kept of the same rows below all cells.
    ///
    /// # Errors
    /// Those of [`capture`].
    pub fn capture(&mut self, model: &Model, rows: &[Vec<i64>], cells: &[Cells]) -> Result<Vec<Tensor>> {
        check_rows(model, rows)?;
        if bytes_of_layer(model, rows) > OF_ROWS {
            return capture(model, rows, cells);
        }
        let known = self.kept.iter().position(|trunk| trunk.rows == rows).map(|place| self.kept.remove(place));
        let went_on = known.map_or_else(|| Trunk::new(model, rows), Ok).and_then(|mut trunk| {
            let captured = run(model, &mut trunk, cells)?;
            Ok((trunk, captured))
        });
        match went_on {
            Ok((trunk, captured)) => {
                self.kept.extend((!trunk.states.is_empty()).then_some(trunk));
                while self.kept.iter().map(Trunk::bytes).sum::<usize>() > OF_ALL {
                    self.kept.remove(0);
                }
                Ok(captured)
            }
            // part by part
            Err(error) if error.is_out_of_memory() => {
                self.kept.clear();
                capture(model, rows, cells)
            }
            Err(error) => Err(error),
        }
    }

    /// Forgets what a change of a parameter makes wrong: all above the layer whose down-projection it belongs to, or
    /// everything.
    pub fn forget(&mut self, model: &Model, parameter: &str) {
        match model.architecture.blocks.iter().position(|block| block.mlp.ends_with(parameter)) {
            Some(layer) => self.kept.retain_mut(|trunk| {
                drop(trunk.states.split_off(&(layer + 1)));
                !trunk.states.is_empty()
            }),
            None => self.kept.clear(),
        }
    }

    /// Whether anything is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }
}

/// The highest layer from whose state a run comes to a site.
fn below(site: Site) -> Option<usize> {
    match site {
        Site::Embedding => None,
        Site::AttentionOut(layer) | Site::MlpKey(layer) => layer.checked_sub(1),
        Site::MlpOut(layer) | Site::Residual(layer) => Some(layer),
    }
}

/// Bytes of the state of one layer.
fn bytes_of_layer(model: &Model, rows: &[Vec<i64>]) -> usize {
    let width = (model.architecture.hidden + model.architecture.inner) as usize;
    rows.iter().map(Vec::len).sum::<usize>() * width * model.kind.elt_size_in_bytes()
}

/// Runs the rows as far up as there are cells, and leaves states.
fn run(model: &Model, trunk: &mut Trunk, cells: &[Cells]) -> Result<Vec<Tensor>> {
    let _guard = tch::no_grad_guard();
    let Trunk { rows, layout, states } = trunk;
    let (mut taps, mut layers, mut reads_top) = (Vec::with_capacity(cells.len()), 0, false);
    for Cells { site, cells } in cells {
        let blocks = blocks_below(model, *site)?;
        let reads = below(*site).is_some_and(|layer| layer + 1 == blocks);
        reads_top = if blocks > layers { reads } else { reads_top || blocks == layers && reads };
        layers = layers.max(blocks);
        taps.push(Tap { cells: Some(layout.flat_all(cells, model.device)?), ..Tap::capture(*site) });
    }
    let mut taps = Taps::new(taps);
    let lowest = cells.iter().map(|cells| below(cells.site)).min().flatten();
    let start = lowest.and_then(|lowest| states.range(..=lowest).next_back());
    let (mut stream, first) = match start {
        Some((&layer, [stream, key])) => (model.block_from_key(layer, stream, key, &mut taps)?, layer + 1),
        None => (model.embed(&layout.ids(rows, model.device)?, &layout.batch, &mut taps)?, 0),
    };
    let bytes = bytes_of_layer(model, rows);
    for layer in first..layers {
        let (after, key, _) = model.block_until_key(layer, &stream, &layout.batch, &[], &mut taps, false)?;
        // a capture of the same rows goes on from here at the lowest, until parameters below are changed
        if lowest.is_none_or(|lowest| layer >= lowest) {
            while !states.contains_key(&layer) && bytes.saturating_mul(states.len() + 1) > OF_ROWS {
                states.pop_first();
            }
            states.insert(layer, [after.shallow_clone(), key.shallow_clone()]);
        }
        if layer + 1 < layers || reads_top {
            stream = model.block_from_key(layer, &after, &key, &mut taps)?;
        }
    }
    let captured = (0..cells.len()).map(|index| taps.captured(index).map(Tensor::shallow_clone));
    captured.collect::<Option<_>>().ok_or_else(|| Error::Request("a site was not reached".to_owned()))
}
