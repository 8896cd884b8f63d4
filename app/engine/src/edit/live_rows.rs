//! The rows of the live table while a method works: what the lens says of the last repetition, and how far each layer's
//! weights have moved.

use super::deltas::layer_of;
use crate::model::Model;
use crate::run::{lens, lens_rows_of};
use locus_plugin::StepReport;
use locus_protocol::LayerRow;
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

    /// Takes in what the method has replaced.
    pub fn replace(&mut self, model: &Model, parameters: &[(String, Tensor)]) {
        self.replaced = self.moved(model, parameters).into_iter().collect();
    }

    /// The rows as the last repetition saw the model, with the report's numbers.
    pub fn of(&mut self, model: &Model, report: &StepReport) -> Vec<LayerRow> {
        if let Some(watched) = self.watched.take() {
            self.rows = lens_rows_of(&self.lens_of(model, &watched));
            for (layer, change) in self.moved(model, &watched.parameters) {
                self.rows[layer].weight_change = Some(change);
            }
        }
        let mut rows = self.rows.clone();
        for (&layer, &change) in &self.replaced {
            if let Some(row) = rows.get_mut(layer) {
                row.weight_change.get_or_insert(change);
            }
        }
        for metrics in &report.metrics {
            rows[metrics.layer].metrics.extend(metrics.values.clone());
        }
        rows
    }

    /// Probabilities `[layers, 2]` of the shown tokens; the lens looks once at layers that never change.
    fn lens_of(&mut self, model: &Model, watched: &Watched) -> Tensor {
        let shown = Tensor::from_slice(&self.shown_tokens).to_device(watched.lens.device());
        let changing = watched.lens.index_select(1, &shown).exp();
        let Some(streams) = &watched.below else { return changing };
        let tokens = &self.shown_tokens;
        let below = self.below.entry(watched.suffix).or_insert_with(|| lens(model, streams, tokens));
        Tensor::cat(&[below.shallow_clone(), changing], 0)
    }

    /// The layers of those that are down-projections, and how far each new value is from the model's, relative to its
    /// norm. The device is asked once for all of them.
    fn moved(&mut self, model: &Model, parameters: &[(String, Tensor)]) -> Vec<(usize, f64)> {
        let _guard = tch::no_grad_guard();
        let (mut layers, mut changes) = (Vec::new(), Vec::new());
        for (name, value) in parameters {
            let before = model.parameter(name).filter(|before| before.dim() == 2);
            let (Some(layer), Some(before)) = (layer_of(model, name), before) else { continue };
            let before = before.to_kind(Kind::Float);
            let norm = self.norms.entry(name.clone()).or_insert_with(|| before.norm());
            layers.push(layer);
            changes.push((value.to_kind(Kind::Float) - &before).norm() / &*norm);
        }
        if changes.is_empty() {
            return Vec::new();
        }
        let changes = Tensor::stack(&changes, 0).to_kind(Kind::Double).to_device(Device::Cpu);
        layers.into_iter().zip(Vec::<f64>::try_from(changes).unwrap_or_default()).collect()
    }
}
