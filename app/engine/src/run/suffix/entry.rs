//! Where repetitions enter the network: the highest place below everything that changes.

use super::super::capture::blocks_below;
use crate::error::{Error, Result};
use crate::model::{Model, Site};
use locus_plugin::{Cell, SuffixRequest};

/// Where repetitions enter the network.
#[derive(Clone, Copy)]
pub(super) enum Entry {
    /// At the token embedding.
    Embedding,
    /// At the residual stream that enters this block; `layers` is the unembedding.
    Block(usize),
    /// At the MLP key of this layer, or at what its experts read.
    Key(usize),
}

impl Entry {
    /// The first block that every repetition runs from its start.
    pub(super) fn first_block(self) -> usize {
        match self {
            Self::Embedding => 0,
            Self::Block(layer) => layer,
            Self::Key(layer) => layer + 1,
        }
    }

    /// Whether the activation at `site` is the same in all repetitions, before anything is added there.
    pub(super) fn fixes(self, site: Site) -> bool {
        let place = match self {
            Self::Embedding => return false,
            Self::Block(layer) => 8 * layer,
            Self::Key(layer) => 8 * layer + 6,
        };
        let made = match site {
            Site::Embedding => 0,
            Site::AttentionOut(layer) => 8 * layer + 2,
            Site::MlpKey(layer) => 8 * layer + 6,
            Site::MlpOut(layer) => 8 * layer + 7,
            Site::Residual(layer) => 8 * layer + 8,
        };
        made <= place
    }
}

/// The highest place from which a repetition can run.
pub(super) fn entry(model: &Model, request: &SuffixRequest, noised: &[Cell]) -> Result<Entry> {
    let layers = model.architecture.layers;
    // a change of the stream after block l enters before block l + 1, in eighths: 8 l + 6 is a key, 8 l + 8 a block
    let mut lowest = if noised.is_empty() { 8 * layers } else { 0 };
    for cells in &request.add {
        blocks_below(model, cells.site)?;
        lowest = lowest.min(match cells.site {
            Site::Embedding => 0,
            Site::Residual(layer) => 8 * layer + 8,
            // the stream after the block is captured as it is with what was added to it
            Site::MlpOut(layer)
                if model.architecture.adds_mlp_output_as_it_is()
                    && request.capture.iter().all(|captured| captured.site != Site::Residual(layer)) =>
            {
                8 * layer + 8
            }
            Site::MlpOut(layer) => 8 * layer + 6,
            Site::AttentionOut(layer) | Site::MlpKey(layer) => (8 * layer).max(1),
        });
    }
    for name in &request.parameters {
        if model.parameter(name).is_none() {
            return Err(Error::Request(format!("the model has no parameter `{name}`")));
        }
        let owner = model.architecture.blocks.iter().position(|block| block.mlp.ends_with(name));
        lowest = lowest.min(owner.map_or(0, |layer| 8 * layer + 6));
    }
    Ok(match lowest {
        0 => Entry::Embedding,
        place if place % 8 == 6 => Entry::Key(place / 8),
        place => Entry::Block(place / 8),
    })
}

/// Whether what is added at `site` can be added to the stream at the entry: an MLP without a norm after it writes to the
/// stream by addition, and a run enters above the MLP only then.
pub(super) fn folds(site: Site, entry: &Entry) -> bool {
    matches!((site, entry), (Site::Residual(layer) | Site::MlpOut(layer), Entry::Block(block)) if layer + 1 == *block)
}

/// By row: the first position that a repetition must run.
pub(super) fn cuts(request: &SuffixRequest, entry: Entry, noised: &[Cell]) -> Vec<i64> {
    if !request.parameters.is_empty() || matches!(entry, Entry::Key(_)) {
        return vec![0; request.rows.len()];
    }
    let mut cuts: Vec<i64> = request.rows.iter().map(|row| row.len() as i64 - 1).collect();
    let added = request.add.iter().chain(&request.capture).flat_map(|cells| &cells.cells);
    let read = request.read.iter().map(|read| &read.cell).chain(&request.distributions);
    for cell in added.chain(read).chain(noised) {
        if let Some(cut) = cuts.get_mut(cell.row) {
            *cut = (*cut).min(cell.position as i64);
        }
    }
    cuts
}
