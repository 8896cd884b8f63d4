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
use std::rc::Rc;
use std::time::{Duration, Instant};
use tch::{Device, Kind, Tensor};

/// What a repetition of a run shows.
pub(super) struct Watched {
    /// Number of the prepared run.
    pub suffix: u64,
    /// The model of the run, where it is not the unedited one.
    pub model: Option<Rc<Model>>,
    /// The residual stream after the layers that repetitions change, `[layers, hidden]`, see [`crate::run::Repetition`].
    pub above: Tensor,
    /// The residual stream after the layers below them, `[layers, hidden]`.
    pub below: Option<Tensor>,
    /// Parameters that the repetition gave anew.
    pub parameters: Vec<(String, Tensor)>,
    /// Whether the run will not be repeated.
    pub released: bool,
}

/// How somebody looks at the rows of the steps of a method.
#[derive(Clone, Debug)]
pub struct Looking {
    /// The rows before any step.
    pub rows: Vec<LayerRow>,
    /// First tokens of the new and the true target.
    pub tokens: [i64; 2],
    /// The rows are made anew no sooner than so long after they were; a step between has none, and those before it stay.
    pub every: Duration,
}

/// Rows of the live table while a method runs.
pub(super) struct LiveRows {
    /// First tokens of the new and the true target.
    shown_tokens: [i64; 2],
    /// The rows before any step, and the last repetition's.
    rows: Vec<LayerRow>,
    /// The last repetition, until a report asks for it.
    watched: Option<Watched>,
    /// By run: what [`lens`] gives of the layers that no repetition changes.
    below: HashMap<u64, Tensor>,
    /// By layer: how far the parameters that the method replaced have moved.
    replaced: BTreeMap<usize, f64>,
    /// Norms of the model's own parameters, by name.
    norms: HashMap<String, Tensor>,
    /// The least time from one look to the next.
    every: Duration,
    /// When the rows were last made.
    made: Option<Instant>,
}

impl LiveRows {
    /// The rows before any step.
    pub fn new(Looking { rows, tokens, every }: Looking) -> Self {
        let (below, replaced, norms) = (HashMap::new(), BTreeMap::new(), HashMap::new());
        Self { shown_tokens: tokens, rows, watched: None, below, replaced, norms, every, made: None }
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

    /// The rows as the last repetition saw the model, with the report's numbers; none where those before it are too new. The
    /// last step that was announced has them always, and so does a report with numbers of a layer.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn of(&mut self, model: &Model, report: &StepReport) -> Result<Vec<LayerRow>> {
        let is_last = report.step.saturating_add(1) >= report.steps || !report.metrics.is_empty();
        if !is_last && self.made.is_some_and(|made| made.elapsed() < self.every) {
            return Ok(Vec::new());
        }
        self.made = Some(Instant::now());
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

    /// Probabilities and ranks of the shown tokens in all layers, as the repetition's own model reads them; the lens looks
    /// once at layers that never change.
    fn lens_of(&mut self, model: &Model, watched: &Watched) -> Result<Tensor> {
        let model = watched.model.as_deref().unwrap_or(model);
        // what the lens reads with belongs to no block, and where repetitions change it, no layer is below
        let variant;
        let model = if watched.parameters.iter().all(|(name, _)| layer_of(model, name).is_some()) {
            model
        } else {
            variant = model.with_parameters(&watched.parameters)?;
            &variant
        };
        let changing = lens(model, &watched.above, &self.shown_tokens)?;
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
            let before = model.at_home(&before)?.f_to_kind(Kind::Float)?;
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
    use super::{LiveRows, Looking, Watched};
    use crate::model::Model;
    use crate::test_numbers::Numbers;
    use locus_plugin::StepReport;
    use locus_protocol::LayerRow;
    use std::path::Path;
    use std::rc::Rc;
    use std::time::Duration;
    use tch::{Device, Kind, Tensor};

    fn looking(every: Duration) -> Looking {
        Looking { rows: vec![LayerRow::default()], tokens: [0, 0], every }
    }

    #[test]
    fn rows_are_made_no_oftener_than_asked_and_for_the_last_step() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/arch/gpt2/model");
        let model = Model::load(&folder, Device::Cpu, Kind::Float).expect("a golden model");
        let report = |step| StepReport::new(step, 4, 0).loss("loss", 1.0);
        let with_rows = |every, reports: &[StepReport]| -> Vec<usize> {
            let mut rows = LiveRows::new(looking(every));
            reports.iter().map(|report| rows.of(&model, report).expect("rows").len()).collect()
        };
        let steps: Vec<StepReport> = (0..4).map(report).collect();
        assert_eq!(with_rows(Duration::ZERO, &steps), [1, 1, 1, 1]);
        assert_eq!(with_rows(Duration::from_secs(3600), &steps), [1, 0, 0, 1]);
        let told = [report(0), report(1).metric(0, "residual", 2.0), report(2)];
        assert_eq!(with_rows(Duration::from_secs(3600), &told), [1, 1, 0], "numbers of a layer are told");
    }

    #[test]
    fn the_lens_is_that_of_the_model_of_the_repetition() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/arch/gpt2/model");
        let model = Model::load(&folder, Device::Cpu, Kind::Float).expect("a golden model");
        let name = model.name_of("ln_f.weight").expect("a final norm");
        // a norm under which the first half of the stream counts alone
        let hidden = model.architecture.hidden;
        let weight = Tensor::ones(hidden, (Kind::Float, Device::Cpu)) * 8.0;
        let _ = weight.narrow(0, hidden / 2, hidden - hidden / 2).zero_();
        let other = Rc::new(model.with_parameters(&[(name.clone(), weight.shallow_clone())]).expect("a variant"));
        let above = Numbers::new(1).normal(&[1, hidden]);
        let probability = |with: Option<Rc<Model>>, parameters: Vec<(String, Tensor)>| {
            let mut rows = LiveRows::new(looking(Duration::ZERO));
            let above = above.shallow_clone();
            rows.watch(Watched { suffix: 0, model: with, above, below: None, parameters, released: false });
            rows.of(&model, &StepReport::new(0, 1, 0)).expect("rows")[0].probability_new
        };
        let wanted = crate::run::lens(&other, &above, &[0, 0]).expect("a lens").double_value(&[0, 0]);
        let off = |found: f64| (found / wanted - 1.0).abs();
        assert!(off(probability(Some(other), Vec::new())) < 1e-5);
        assert!(off(probability(None, vec![(name, weight)])) < 1e-5);
        let plain = off(probability(None, Vec::new()));
        assert!(plain > 0.1, "the norm does something: {plain}");
    }

    #[test]
    fn nothing_is_kept_of_a_run_that_was_released() {
        let numbers = || Tensor::zeros([1, 2], (Kind::Float, Device::Cpu));
        let watched = |suffix| Watched {
            suffix,
            model: None,
            above: numbers(),
            below: None,
            parameters: Vec::new(),
            released: false,
        };
        let mut rows = LiveRows::new(looking(Duration::ZERO));
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
