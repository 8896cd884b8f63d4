//! Taps: capture, replace or add at named sites, as data.

use super::RowChanges;
use crate::error::Result;
use tch::Tensor;

pub use locus_plugin::Site;

/// What a tap does with the activation.
#[derive(Debug)]
pub enum Action {
    /// Keep a copy for the caller.
    Capture,
    /// Put `[cells, width]` in its place.
    Replace(Tensor),
    /// Add `[cells, width]` to it.
    Add(Tensor),
}

/// One action at one site on some tokens of the batch.
#[derive(Debug)]
pub struct Tap {
    /// Where.
    pub site: Site,
    /// Flat token indices `[cells]` int64 (see [`super::Batch`]); `None` is every token.
    pub cells: Option<Tensor>,
    /// What.
    pub action: Action,
}

impl Tap {
    /// Captures every token at `site`.
    #[must_use]
    pub fn capture(site: Site) -> Self {
        Self { site, cells: None, action: Action::Capture }
    }
}

/// The taps of one run and what they captured.
#[derive(Debug, Default)]
pub struct Taps {
    taps: Vec<Tap>,
    captured: Vec<Option<Tensor>>,
    changes: RowChanges,
}

impl Taps {
    /// Taps that act in the order given.
    #[must_use]
    pub fn new(taps: Vec<Tap>) -> Self {
        let captured = taps.iter().map(|_| None).collect();
        Self { taps, captured, changes: RowChanges::default() }
    }

    /// The same, with changes of down-projections that some rows see.
    #[must_use]
    pub fn with_changes(self, changes: RowChanges) -> Self {
        Self { changes, ..self }
    }

    /// The output `[tokens, hidden]` of the down-projection of `layer` with what the rows' own changes add to it.
    pub(super) fn changed(&self, layer: usize, keys: &Tensor, output: Tensor) -> Result<Tensor> {
        Ok(match self.changes.added(layer, keys)? {
            Some(added) => output.f_add(&added)?,
            None => output,
        })
    }

    /// What tap `index` captured, `[cells, width]`; `None` if its site was not reached.
    #[must_use]
    pub fn captured(&self, index: usize) -> Option<&Tensor> {
        self.captured.get(index)?.as_ref()
    }

    /// Passes the activation `[tokens, width]` of `site` through the taps.
    pub(super) fn visit(&mut self, site: Site, mut activation: Tensor) -> Result<Tensor> {
        for (tap, slot) in self.taps.iter().zip(&mut self.captured) {
            if tap.site != site {
                continue;
            }
            match &tap.action {
                Action::Capture => {
                    *slot = Some(match &tap.cells {
                        Some(cells) => activation.f_index_select(0, cells)?,
                        None => activation.shallow_clone(),
                    });
                }
                Action::Replace(value) => {
                    activation = match &tap.cells {
                        Some(cells) => activation.f_index_copy(0, cells, value)?,
                        None => value.shallow_clone(),
                    };
                }
                Action::Add(value) => {
                    activation = match &tap.cells {
                        Some(cells) => activation.f_index_add(0, cells, value)?,
                        None => activation.f_add(value)?,
                    };
                }
            }
        }
        Ok(activation)
    }
}
