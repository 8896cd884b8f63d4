//! The rows of the live table while a method works: what the lens says of the last repetition, and how far each layer's
//! weights have moved.

use super::deltas::layer_of;
use crate::error::{Doing, Result};
use crate::model::Model;
use crate::run::{lens, lens_rows_of};
use locus_plugin::StepReport;
use locus_protocol::LayerRow;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use tch::{Device, Kind, Tensor};

/// What a repetition of a run shows.
pub(super) struct Watched {
    /// The run.
    pub suffix: u64,
    /// What the lens says of the layers that repetitions change, see [`crate::run::Repetition`].
    pub lens: Tensor,
    /// The residual stream after the layers below them, `[layers, hidden]`.
    pub below: Option<Tensor>,
    /// Parameters that the repetition gave anew.
    pub parameters: Vec<(String, Tensor)>,
    /// Whether the run will not be repeated.
    pub released: bool,
}

/// The rows.
pub(super) struct LiveRows {
    /// First tokens of the new and the true target.
    shown_tokens: [i64; 2],
    /// The rows before any step, and the last repetition's.
    rows: Vec<LayerRow>,
    /// The last repetition, until a report asks for it.
    watched: Option<Watched>,
    /// By run: what the lens says of the layers that no repetition changes, `[layers, 2]`.
    below: HashMap<u64, Tensor>,
    /// By layer: how far the parameters that the method replaced have moved.
    replaced: BTreeMap<usize, f64>,
    /// Norms of the model's own parameters, by name.
    norms: HashMap<String, Tensor>,
}

impl LiveRows {
    /// The rows before any step.
    pub fn new(rows: Vec<LayerRow>, shown_tokens: [i64; 2]) -> Self {
        let (below, replaced, norms) = (HashMap::new(), BTreeMap::new(), HashMap::new());
        Self { shown_tokens, rows, watched: None, below, replaced, norms }
    }

    /// Takes in what a repetition shows.
    pub fn watch(&mut self, watched: Watched) {
        self.watched = Some(watched);
    }

    /// Forgets a run that will not be repeated; what its last repetition showed stays until a report asks for it.
    pub fn forget(&mut self, suffix: u64) {
        self.below.remove(&suffix);
        if let Some(watched) = self.watched.as_mut().filter(|watched| watched.suffix == suffix) {
            watched.released = true;
        }
    }

    /// Takes in what the method has replaced.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn replace(&mut self, model: &Model, parameters: &[(String, Tensor)]) -> Result<()> {
        self.replaced = self.moved(model, parameters)?.into_iter().collect();
        Ok(())
    }

    /// The rows as the last repetition saw the model, with the report's numbers.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn of(&mut self, model: &Model, report: &StepReport) -> Result<Vec<LayerRow>> {
        if let Some(watched) = self.watched.take() {
            self.rows = lens_rows_of(&self.lens_of(model, &watched)?)?;
            for (layer, change) in self.moved(model, &watched.parameters)? {
                if let Some(row) = self.rows.get_mut(layer) {
                    row.weight_change = Some(change);
                }
            }
        }
        let mut rows = self.rows.clone();
        for (&layer, &change) in &self.replaced {
            if let Some(row) = rows.get_mut(layer) {
                row.weight_change.get_or_insert(change);
            }
        }
        for metrics in &report.metrics {
            if let Some(row) = rows.get_mut(metrics.layer) {
                row.metrics.extend(metrics.values.clone());
            }
        }
        Ok(rows)
    }

    /// Probabilities `[layers, 2]` of the shown tokens; the lens looks once at layers that never change.
    fn lens_of(&mut self, model: &Model, watched: &Watched) -> Result<Tensor> {
        let shown = Tensor::f_from_slice(&self.shown_tokens)?.f_to_device(watched.lens.device())?;
        let changing = watched.lens.f_index_select(1, &shown)?.f_exp()?;
        let Some(streams) = &watched.below else { return Ok(changing) };
        let below = match self.below.get(&watched.suffix) {
            Some(known) => known.shallow_clone(),
            None => lens(model, streams, &self.shown_tokens)?,
        };
        if !watched.released {
            self.below.insert(watched.suffix, below.shallow_clone());
        }
        Ok(Tensor::f_cat(&[below, changing], 0)?)
    }

    /// The layers of those that are down-projections, and how far each new value is from the model's, relative to its
    /// norm. The device is asked once for all of them.
    fn moved(&mut self, model: &Model, parameters: &[(String, Tensor)]) -> Result<Vec<(usize, f64)>> {
        self.measured(model, parameters).doing(|| "measuring how far the weights have moved".to_owned())
    }

    fn measured(&mut self, model: &Model, parameters: &[(String, Tensor)]) -> Result<Vec<(usize, f64)>> {
        let _guard = tch::no_grad_guard();
        let (mut layers, mut changes) = (Vec::new(), Vec::new());
        for (name, value) in parameters {
            let before = model.parameter(name).filter(|before| before.dim() == 2);
            let (Some(layer), Some(before)) = (layer_of(model, name), before) else { continue };
            let before = before.f_to_kind(Kind::Float)?;
            let norm = match self.norms.entry(name.clone()) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(before.f_norm()?),
            };
            layers.push(layer);
            changes.push(value.f_to_kind(Kind::Float)?.f_sub(&before)?.f_norm()?.f_div(norm)?);
        }
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        let changes = Tensor::f_stack(&changes, 0)?.f_to_kind(Kind::Double)?.f_to_device(Device::Cpu)?;
        Ok(layers.into_iter().zip(Vec::<f64>::try_from(changes)?).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::{LiveRows, Watched};
    use tch::{Kind, Tensor};

    #[test]
    fn nothing_is_kept_of_a_run_that_was_released() {
        let numbers = || Tensor::zeros([1, 2], (Kind::Float, tch::Device::Cpu));
        let watched =
            |suffix| Watched { suffix, lens: numbers(), below: None, parameters: Vec::new(), released: false };
        let mut rows = LiveRows::new(Vec::new(), [0, 0]);
        for suffix in 0..3 {
            rows.below.insert(suffix, numbers());
            rows.watch(watched(suffix));
        }
        rows.forget(0);
        assert!(rows.watched.as_ref().is_some_and(|watched| !watched.released), "another run");
        rows.forget(2);
        assert!(rows.watched.as_ref().is_some_and(|watched| watched.released));
        assert_eq!(rows.below.keys().collect::<Vec<_>>(), [&1]);
    }
}
