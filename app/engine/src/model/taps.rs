//! Taps: capture, replace or add at named sites, as data.

use super::RowChanges;
use super::places::{Place, across};
use crate::error::{Error, Result};
use tch::{Device, Tensor};

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
    pub site: Site,
    /// Flat token indices `[cells]` int64 (see [`super::Batch`]); `None` is every token.
    pub cells: Option<Tensor>,
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
    captured: Vec<Option<Captured>>,
    changes: RowChanges,
    /// The layer whose block runs for some tokens alone behind its keys and values, and their flat indices.
    alone: Option<(usize, Tensor)>,
    mlp: Option<(usize, Tensor)>,
}

/// What a tap captured: where its layer is, and at home.
#[derive(Debug)]
struct Captured {
    there: Tensor,
    home: Tensor,
}

impl Taps {
    /// Taps that act in the order given.
    #[must_use]
    pub fn new(taps: Vec<Tap>) -> Self {
        let captured = taps.iter().map(|_| None).collect();
        Self { taps, captured, changes: RowChanges::default(), alone: None, mlp: None }
    }

    /// The same, with changes of down-projections that some rows see.
    #[must_use]
    pub fn with_changes(self, changes: RowChanges) -> Self {
        Self { changes, ..self }
    }

    /// From now on the block of `layer` runs for the tokens `cells` alone behind its keys and values, until this is told
    /// `None`.
    ///
    /// # Errors
    /// A tap is there: its cells are flat indices of all tokens.
    pub(super) fn read_alone(&mut self, alone: Option<(usize, &Tensor)>) -> Result<()> {
        let is_behind = |site: Site, layer: usize| match site {
            Site::AttentionOut(at) | Site::MlpKey(at) | Site::MlpOut(at) | Site::Residual(at) => at == layer,
            Site::Embedding => false,
        };
        if let Some((layer, _)) = alone
            && self.taps.iter().any(|tap| is_behind(tap.site, layer))
        {
            return Err(Error::Request(format!("block {layer} runs for some tokens only, and a tap looks at others")));
        }
        self.alone = alone.map(|(layer, cells)| (layer, cells.shallow_clone()));
        Ok(())
    }

    /// The MLP of `layer` runs for the tokens `cells` alone: taps put something in the place of its output at all others.
    pub fn run_mlp_for(&mut self, layer: usize, cells: Tensor) {
        self.mlp = Some((layer, cells));
    }

    /// The tokens that the MLP of `layer` runs for, if not all.
    pub(super) fn mlp_cells(&self, layer: usize, device: Device) -> Result<Option<Tensor>> {
        let cells = self.mlp.as_ref().filter(|(known, _)| *known == layer);
        cells.map(|(_, cells)| Ok(cells.f_to_device(device)?)).transpose()
    }

    /// The output `[tokens, hidden]` of the down-projection of `layer` with what the rows' own changes add to it.
    pub(super) fn changed(&self, layer: usize, keys: &Tensor, output: Tensor) -> Result<Tensor> {
        let alone = self.alone.as_ref().filter(|(known, _)| *known == layer).map(|(_, cells)| cells);
        Ok(match self.changes.added(layer, keys, alone)? {
            Some(added) => output.f_add(&added)?,
            None => output,
        })
    }

    /// What tap `index` captured, `[cells, width]`; `None` if its site was not reached.
    #[must_use]
    pub fn captured(&self, index: usize) -> Option<&Tensor> {
        self.captured.get(index)?.as_ref().map(|captured| &captured.home)
    }

    /// The same where its layer is: what the run went on with, so that it has a gradient.
    #[must_use]
    pub fn captured_there(&self, index: usize) -> Option<&Tensor> {
        self.captured.get(index)?.as_ref().map(|captured| &captured.there)
    }

    /// Passes the activation `[tokens, width]` of `site` through the taps, which are at `home`.
    pub(super) fn visit(&mut self, site: Site, mut activation: Tensor, home: Place) -> Result<Tensor> {
        for (tap, slot) in self.taps.iter().zip(&mut self.captured) {
            if tap.site != site {
                continue;
            }
            // taps are at home, and so is what they capture; the activation is where its layer is
            let there = Place { device: activation.device(), kind: activation.kind() };
            let cells = tap.cells.as_ref().map(|cells| across(cells, there)).transpose()?;
            match (&tap.action, &cells) {
                (Action::Capture, cells) => {
                    let there = match cells {
                        Some(cells) => activation.f_index_select(0, cells)?,
                        None => activation.shallow_clone(),
                    };
                    *slot = Some(Captured { home: across(&there, home)?, there });
                }
                (Action::Replace(value), Some(cells)) => {
                    activation = activation.f_index_copy(0, cells, &across(value, there)?)?;
                }
                (Action::Replace(value), None) => activation = across(value, there)?,
                (Action::Add(value), Some(cells)) => {
                    activation = activation.f_index_add(0, cells, &across(value, there)?)?;
                }
                (Action::Add(value), None) => activation = activation.f_add(&across(value, there)?)?,
            }
        }
        Ok(activation)
    }
}
