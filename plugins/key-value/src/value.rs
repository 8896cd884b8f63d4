//! Values: what should be found at the facts' tokens (Meng et al. 2022, equation 4).
//!
//! The vectors of all facts are optimized together. Adam works by entry and the losses are summed, so that each fact
//! takes the steps it would take alone; one that is good enough keeps its vector while the others go on.

use crate::batch::Batch;
use crate::limits::{self, ValueLimit};
use crate::{Contexts, Placed};
use locus_plugin::tch::nn::{Adam, OptimizerConfig, VarStore};
use locus_plugin::tch::{Device, Kind, Tensor, no_grad};
use locus_plugin::{
    Course, Edit, Error, FactToken, Host, PreparedSuffix, Reduction, Result, Site, StepReport, SuffixOutput,
};

/// How values are optimized.
#[derive(Clone, Copy, Debug)]
pub struct ValueSettings {
    /// Steps; the last one only measures.
    pub steps: i64,
    /// Step size of Adam.
    pub learning_rate: f64,
    /// Weight of `‖δ‖ / ‖start‖²` in the loss.
    pub weight_decay: f64,
    /// Longest `δ`, in lengths of the start.
    pub clamp: f64,
    /// Weight of the divergence of "{subject} is a" from the unedited model.
    pub kl_factor: f64,
    /// A fact is done once its loss is below this.
    pub stop_below: f64,
    /// The last step's update is made where the objective asks for all steps.
    pub updates_last: bool,
    /// The token that stands for the fact.
    pub token: FactToken,
}

/// Optimized values of some facts.
pub struct Values {
    /// The activation at the fact's token of the bare prompt, where the optimization started, `[facts, hidden]`.
    pub start: Tensor,
    /// What was added to it, `[facts, hidden]`.
    pub delta: Tensor,
    /// By fact: the target's probability in the last step.
    pub probabilities: Vec<f64>,
    /// By fact: the whole loss in the last step.
    pub losses: Vec<f64>,
    /// By fact: whether the loss had stopped falling far from its aim.
    pub stalled: Vec<bool>,
    /// By fact: whether the loss was low enough before anything was changed, so that nothing was.
    pub idle: Vec<bool>,
    /// By fact: what kept its value from going further.
    pub limits: Vec<Option<ValueLimit>>,
}

impl Values {
    /// What should be found, `[facts, hidden]`.
    pub fn wanted(&self) -> Tensor {
        &self.start + &self.delta
    }

    /// The values of one fact alone.
    #[must_use]
    pub fn of(&self, fact: usize) -> Self {
        let place = fact as i64;
        Self {
            start: self.start.narrow(0, place, 1),
            delta: self.delta.narrow(0, place, 1),
            probabilities: vec![self.probabilities[fact]],
            losses: vec![self.losses[fact]],
            stalled: vec![self.stalled[fact]],
            idle: vec![self.idle[fact]],
            limits: vec![self.limits[fact]],
        }
    }

    /// What kept the facts from going further, in a sentence for each kind of it. `reached` says what to do where the
    /// value gives the target and the weights may not.
    #[must_use]
    pub fn limits(&self, edits: &[Edit], reached: &str) -> Vec<String> {
        limits::words(&self.limits, edits, reached)
    }

    /// The same about one fact of `edits`, as if it were the only one.
    #[must_use]
    pub fn complaints_about(&self, edits: &[Edit], fact: usize) -> Vec<String> {
        self.of(fact).complaints(&edits[fact..=fact])
    }

    /// Sentences about the facts whose optimization stalled, and about those that needed none.
    #[must_use]
    pub fn complaints(&self, edits: &[Edit]) -> Vec<String> {
        let about = |which: &[bool]| {
            let facts: Vec<usize> = (0..edits.len()).filter(|&fact| which[fact]).collect();
            let first = *facts.first()?;
            let subject = &edits[first].subject;
            let who = match facts.len() {
                1 => subject.clone(),
                more => format!("{more} of {} facts ({subject} is the first)", edits.len()),
            };
            Some((first, who))
        };
        let stalled = about(&self.stalled).map(|(first, who)| {
            format!(
                "the optimization of {who} stalled at p(target) = {:.3}: its loss no longer falls. Raise clamp, \
                 learning_rate or steps, lower weight_decay, or edit an earlier layer",
                self.probabilities[first]
            )
        });
        let idle = about(&self.idle).map(|(first, who)| {
            format!(
                "the loss of {who} was below stop_below before anything was changed, at p(target) = {:.3}: no value was optimized",
                self.probabilities[first]
            )
        });
        stalled.into_iter().chain(idle).collect()
    }
}

/// A search for vectors which, added at a site at the facts' tokens, lower the objective's loss: prepared, not begun.
pub struct Search<'a> {
    edits: &'a [Edit],
    settings: ValueSettings,
    host: &'a dyn Host,
    layer: usize,
    hidden: i64,
    device: Device,
    batch: Batch,
    suffix: PreparedSuffix<'a>,
}

impl<'a> Search<'a> {
    /// Prepares it; `first` is the number of the first of `edits` in the request. It can tell [`Self::keys`] of the layer
    /// `keys`.
    ///
    /// # Errors
    /// Those of the host.
    pub fn new(
        edits: &'a [Edit],
        first: usize,
        (site, keys): (Site, Option<usize>),
        contexts: &Contexts,
        settings: ValueSettings,
        host: &'a dyn Host,
    ) -> Result<Self> {
        let batch = Batch::new(edits, first, (site, keys), contexts, settings.token, host)?;
        let model = host.model()?;
        let layer = layer_of(site);
        let projection = model.down_projections.get(layer);
        let missing =
            || Error::Request(format!("there is no layer {layer}; the model has layers 0 to {}", model.layers - 1));
        let device = host.parameter(&projection.ok_or_else(missing)?.weight)?.device();
        let suffix = PreparedSuffix::new(host, &batch.request)?;
        Ok(Self { edits, settings, host, layer, hidden: model.hidden, device, batch, suffix })
    }

    /// Keys at the facts' tokens of `placed`, which [`crate::context_rows`] gave for the same facts and contexts: `[rows,
    /// inner]`. `None` where this run does not have them, so that they have to be captured.
    ///
    /// # Errors
    /// Those of the host.
    pub fn keys(&self, placed: &Placed) -> Result<Option<Tensor>> {
        if self.batch.request.capture.len() < 2 || !self.batch.begins_like(placed) {
            return Ok(None);
        }
        Ok(self.suffix.fixed()?.and_then(|captured| captured.into_iter().nth(1)))
    }

    /// Optimizes the values of all facts.
    ///
    /// # Errors
    /// Those of the host; a loss that is not finite from the start.
    pub fn values(self) -> Result<Values> {
        let Self { edits, settings, host, layer, hidden, device, mut batch, suffix } = self;
        let owners = batch.owners.to_device(device);
        let variables = VarStore::new(device);
        let mut delta = variables.root().f_zeros("delta", &[edits.len() as i64, hidden])?;
        let mut adam = Adam::default().build(&variables, settings.learning_rate)?;
        let mut progress = Progress::new(edits, &settings);
        let mut unchanged: Option<Unchanged> = None;
        for step in 0..settings.steps {
            let output = suffix.run(&[delta.f_index_select(0, &owners)?], &[])?;
            let (main, probabilities) = batch.targets.losses(&output.log_probabilities, Reduction::Mean, host)?;
            let unchanged = match &mut unchanged {
                Some(known) => known,
                none => none.insert(Unchanged::new(&output, &settings)?),
            };
            let divergence = unchanged.divergence(&output.distributions)? * settings.kl_factor;
            let length = delta.f_norm_scalaropt_dim(2, 1i64, false)?;
            let decay = &length / &unchanged.square * settings.weight_decay;
            let stretched = length.detach() / unchanged.longest.squeeze_dim(1);
            let losses = &main + &divergence + &decay;
            // one look at the device per step
            let shown = Tensor::stack(&[&losses, &main, &divergence, &decay, &probabilities, &stretched], 0);
            let shown =
                Vec::<f64>::try_from(shown.detach().to_kind(Kind::Double).to_device(Device::Cpu).reshape([-1]))?;
            let shown: Vec<&[f64]> = shown.chunks_exact(edits.len()).collect();
            host.report(&progress.report(step, layer, &shown))?;
            let moving = progress.moving(step, &shown);
            if !moving.contains(&true) {
                break;
            }
            adam.zero_grad();
            losses.f_sum(Kind::Float)?.f_backward()?;
            let before = (moving.contains(&false)).then(|| delta.detach().copy());
            adam.step();
            no_grad(|| {
                let lengths = delta.f_norm_scalaropt_dim(2, 1i64, true)?;
                let mut next = &delta * (&unchanged.longest / lengths).clamp_max(1.0);
                if let Some(before) = &before {
                    let moving = Tensor::from_slice(&moving).to_device(device).unsqueeze(1);
                    next = next.f_where_self(&moving, before)?;
                }
                delta.f_copy_(&next)
            })?;
        }
        let start = unchanged.map(|known| known.start);
        let start = start.ok_or_else(|| Error::Request("steps must be at least 1".to_owned()))?;
        let stalled = (0..edits.len()).map(|fact| progress.stalled(fact)).collect();
        let limits = (0..edits.len()).map(|fact| progress.limit(fact)).collect();
        let Progress { probabilities, losses, idle, .. } = progress;
        Ok(Values { start, delta: delta.detach(), probabilities, losses, stalled, idle, limits })
    }
}

/// Finds the vectors which, added at `site` at the facts' tokens, lower the objective's loss; `first` is the number of
/// the first of `edits` in the request.
///
/// # Errors
/// Those of [`Search::new`] and [`Search::values`].
pub fn optimize(
    edits: &[Edit],
    first: usize,
    site: Site,
    contexts: &Contexts,
    settings: &ValueSettings,
    host: &dyn Host,
) -> Result<Values> {
    Search::new(edits, first, (site, None), contexts, *settings, host)?.values()
}

fn layer_of(site: Site) -> usize {
    match site {
        Site::Embedding => 0,
        Site::Residual(layer) | Site::AttentionOut(layer) | Site::MlpOut(layer) | Site::MlpKey(layer) => layer,
    }
}

/// What the first step sees, before anything was added.
struct Unchanged {
    /// `[facts, hidden]`.
    start: Tensor,
    /// `‖start‖²`, `[facts]`.
    square: Tensor,
    /// Longest `δ`, `[facts, 1]`.
    longest: Tensor,
    /// Log-probabilities `[facts, vocabulary]` that the divergence is taken from.
    distributions: Tensor,
}

impl Unchanged {
    fn new(output: &SuffixOutput, settings: &ValueSettings) -> Result<Self> {
        let missing = || Error::Failed("the host captured nothing".to_owned());
        let start = output.captured.first().ok_or_else(missing)?.detach().to_kind(Kind::Float);
        let square = start.square().f_sum_dim_intlist(1i64, false, Kind::Float)?;
        let longest = square.sqrt().unsqueeze(1) * settings.clamp;
        Ok(Self { start, square, longest, distributions: output.distributions.detach() })
    }

    /// `KL(now ‖ before)` of each fact's distribution.
    fn divergence(&self, now: &Tensor) -> Result<Tensor> {
        Ok((now.exp() * (now - &self.distributions)).f_sum_dim_intlist(1i64, false, Kind::Float)?)
    }
}

/// How far each fact has come.
struct Progress {
    steps: i64,
    stop_below: f64,
    /// By fact: a low loss does not stop it.
    runs_all: Vec<bool>,
    /// By fact: the last step's update is made.
    updates_last: Vec<bool>,
    done: Vec<bool>,
    /// By fact: the loss was low enough in the first step.
    idle: Vec<bool>,
    /// By fact: the objective's loss in the first step, three quarters on, and now.
    watched: Vec<[f64; 3]>,
    /// By fact: the objective's loss in every step.
    objectives: Vec<Vec<f64>>,
    /// By fact: the step from which on its δ was as long as it may be.
    clamped: Vec<Option<i64>>,
    probabilities: Vec<f64>,
    losses: Vec<f64>,
}

/// Below this probability a target that an edit is to bring about counts as not reached.
const UNLIKELY: f64 = 0.2;

impl Progress {
    fn new(edits: &[Edit], settings: &ValueSettings) -> Self {
        let runs_all: Vec<bool> = edits.iter().map(|edit| edit.runs_all_steps).collect();
        Self {
            steps: settings.steps,
            stop_below: settings.stop_below,
            updates_last: runs_all.iter().map(|all| *all && settings.updates_last).collect(),
            runs_all,
            done: vec![false; edits.len()],
            idle: vec![false; edits.len()],
            watched: vec![[f64::NAN; 3]; edits.len()],
            objectives: vec![Vec::new(); edits.len()],
            clamped: vec![None; edits.len()],
            probabilities: vec![f64::NAN; edits.len()],
            losses: vec![f64::NAN; edits.len()],
        }
    }

    /// The step's row: means over the facts that are not done. `shown` has loss, objective, divergence, decay,
    /// probability and the length of δ in the longest that it may have, by fact.
    fn report(&self, step: i64, layer: usize, shown: &[&[f64]]) -> StepReport {
        let active: Vec<usize> = (0..self.done.len()).filter(|&fact| !self.done[fact]).collect();
        let mean = |term: &[f64]| active.iter().map(|&fact| term[fact]).sum::<f64>() / active.len().max(1) as f64;
        let report = StepReport::new(step.unsigned_abs(), self.steps.unsigned_abs(), layer);
        let names = ["loss", "objective", "kl", "decay", "p(target)"];
        let report = names.iter().zip(shown).fold(report, |report, (name, term)| report.loss(name, mean(term)));
        if self.done.len() > 1 { report.loss("facts left", active.len() as f64) } else { report }
    }

    /// Takes the step's numbers in and says which facts move on.
    fn moving(&mut self, step: i64, shown: &[&[f64]]) -> Vec<bool> {
        let going: Vec<usize> = (0..self.done.len()).filter(|&fact| !self.done[fact]).collect();
        for fact in going {
            let (loss, objective) = (shown[0][fact], shown[1][fact]);
            let watched = &mut self.watched[fact];
            if step == 0 {
                watched[0] = objective;
            }
            if step == 3 * self.steps / 4 {
                watched[1] = objective;
            }
            watched[2] = objective;
            self.objectives[fact].push(objective);
            // float32 leaves a clamped δ a little shorter or longer
            let is_clamped = shown[5][fact] > 1.0 - 1e-4;
            self.clamped[fact] = if is_clamped { self.clamped[fact].or(Some(step)) } else { None };
            self.probabilities[fact] = shown[4][fact];
            self.losses[fact] = loss;
            let enough = loss < self.stop_below && !self.runs_all[fact];
            self.idle[fact] |= enough && step == 0;
            let last = step + 1 == self.steps && !self.updates_last[fact];
            self.done[fact] = enough || last || !loss.is_finite();
        }
        self.done.iter().map(|done| !done).collect()
    }

    /// What kept a fact's value from going further.
    fn limit(&self, fact: usize) -> Option<ValueLimit> {
        let [first, _, last] = self.watched[fact];
        let is_reached = if self.runs_all[fact] { last < 0.5 * first } else { self.probabilities[fact] > 0.5 };
        match self.clamped[fact] {
            _ if self.idle[fact] => Some(ValueLimit::Idle),
            _ if is_reached => Some(ValueLimit::Reached),
            Some(step) => Some(ValueLimit::Clamp(step)),
            None => Course::of(&self.objectives[fact]).map(ValueLimit::Loss),
        }
    }

    /// Whether a fact's loss no longer fell although its aim was far.
    fn stalled(&self, fact: usize) -> bool {
        let [first, earlier, last] = self.watched[fact];
        let flat = earlier - last < 0.02 * earlier.abs();
        let far = if self.runs_all[fact] { last > 0.5 * first } else { self.probabilities[fact] < UNLIKELY };
        flat && far && !self.idle[fact]
    }
}
