//! The run from the bottom whose results all repetitions share.

use super::entry::Entry;
use crate::error::{Error, Result};
use crate::model::{Model, Tap, Taps};
use crate::run::Layout;
use crate::run::capture::blocks_below;
use locus_plugin::{Cell, SuffixRequest};
use tch::Tensor;

/// A run from the bottom that stops where repetitions enter.
pub(super) struct States<'a> {
    model: &'a Model,
    layout: &'a Layout,
    watched: i64,
    pub(super) stream: Tensor,
    pub(super) keys: Option<Tensor>,
    pub(super) watched_streams: Vec<Tensor>,
    /// What is captured on the way, for what no repetition changes.
    taps: Taps,
    /// By entry of `capture`: its tap, if it has one.
    tapped: Vec<Option<usize>>,
}

impl<'a> States<'a> {
    pub(super) fn new(
        model: &'a Model,
        request: &'a SuffixRequest,
        layout: &'a Layout,
        watched: Cell,
        entry: Entry,
    ) -> Result<Self> {
        let (mut taps, mut tapped) = (Vec::new(), Vec::new());
        for cells in &request.capture {
            blocks_below(model, cells.site)?;
            tapped.push(entry.fixes(cells.site).then_some(taps.len()));
            if entry.fixes(cells.site) {
                let indices = layout.flat_all(&cells.cells, model.device)?;
                taps.push(Tap { cells: Some(indices), ..Tap::capture(cells.site) });
            }
        }
        let mut taps = Taps::new(taps);
        let ids = layout.ids(&request.rows, model.device)?;
        let stream = model.embed(&ids, &layout.batch, &mut taps)?;
        let watched = layout.flat(watched)?;
        Ok(Self { model, layout, watched, stream, keys: None, watched_streams: Vec::new(), taps, tapped })
    }

    /// By entry of `capture`: the activations, where no repetition changes them.
    pub(super) fn fixed(&self) -> Result<Vec<Option<Tensor>>> {
        let captured = |tap: &Option<usize>| {
            let Some(tap) = tap else { return Ok(None) };
            let captured = self.taps.captured(*tap).map(Tensor::shallow_clone);
            captured.map(Some).ok_or_else(|| Error::Request("a site to capture was not reached".to_owned()))
        };
        self.tapped.iter().map(captured).collect()
    }

    /// Leaves the watched cell's streams after all layers but the last before the entry.
    pub(super) fn run_to(&mut self, entry: Entry) -> Result<()> {
        let (blocks, key) = match entry {
            Entry::Embedding => (0, None),
            Entry::Block(layer) => (layer, None),
            Entry::Key(layer) => (layer, Some(layer)),
        };
        for layer in 0..blocks {
            self.stream = self.model.block(layer, &self.stream, &self.layout.batch, &[], &mut self.taps, false)?.0;
            if key.is_some() || layer + 1 < blocks {
                self.watched_streams.push(self.stream.f_get(self.watched)?);
            }
        }
        if let Some(layer) = key {
            let (stream, keys, _) =
                self.model.block_until_key(layer, &self.stream, &self.layout.batch, &[], &mut self.taps, false)?;
            (self.stream, self.keys) = (stream, Some(keys));
        }
        Ok(())
    }
}
