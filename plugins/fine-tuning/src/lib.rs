//! Constrained fine-tuning (Zhu et al. 2020, as run by Meng et al. 2022 and Hase et al. 2023): gradient descent on
//! the down-projections of chosen layers or on the subject's embeddings, every entry kept near its old value.

mod progress;
mod prompt;
mod weights;

use locus_plugin::tch::nn::{Adam, Optimizer, OptimizerConfig};
use locus_plugin::tch::{Device, Kind, Tensor};
use locus_plugin::{
    EditMethod, EditRequest, Edited, Error, Host, Info, ModelInfo, Plan, PreparedSuffix, Reduction, Result, StepReport,
    SuffixOutput, SuffixRequest, TargetReads, parameters,
};
use progress::Progress;
use weights::Weights;

/// A constraint that is taken from the weights themselves.
const FROM_WEIGHTS: f64 = -1.0;

parameters! {
    /// Hyperparameters of constrained fine-tuning; the defaults are the published ones, but for the constraint, which was
    /// published for two models.
    pub struct FineTuningParameters {
        trains: String = "down_projections", choice("down_projections", "subject_embeddings"), "what is trained: the layers' down-projections, or the embeddings of the subject's tokens";
        steps: i64 = 25, integer(1..=10000), "maximum number of optimization steps";
        learning_rate: f64 = 5e-4, float(1e-7..=1.0), "step size of Adam";
        norm_constraint: f64 = FROM_WEIGHTS, float(-1.0..=10.0), "largest change of any entry; 0 is unconstrained, -1 derives it from the weights' own size";
        weight_decay: f64 = 0.0, float(0.0..=1.0), "L2 weight decay of Adam";
        stop_below: f64 = 0.01, float(0.0..=100.0), "no step is made while the loss is below this", unit "nats";
        patience: i64 = 5, integer(1..=1000), "stop after this many losses in a row below stop_below";
        facts_at_once: i64 = 128, integer(1..=4096), "facts per update, if there are many: bounds the memory, and changes the result";
        target_positions: String = "teacher_forced", choice("teacher_forced", "last_prompt_token"), "where the target's tokens are scored";
    }
}

impl FineTuningParameters {
    fn teacher_forced(&self) -> bool {
        self.target_positions == "teacher_forced"
    }

    fn trains_embeddings(&self) -> bool {
        self.trains == "subject_embeddings"
    }

    /// The published code sums over tokens where it forces the target, and averages where it does not.
    fn reduction(&self) -> Reduction {
        if self.teacher_forced() { Reduction::Sum } else { Reduction::Mean }
    }
}

/// Constrained fine-tuning (Zhu et al. 2020).
#[derive(Default)]
pub struct FineTuning;

impl EditMethod for FineTuning {
    type Parameters = FineTuningParameters;

    fn info() -> Info {
        Info::new("fine-tuning", "Constrained fine-tuning")
            .cite("Zhu et al. 2020, arXiv 2012.00363")
            .summary("gradient descent on down-projections, entries kept near their old values")
    }

    fn plan(request: &EditRequest, parameters: &FineTuningParameters, model: &ModelInfo) -> Result<Plan> {
        let near = parameters.norm_constraint;
        if near < 0.0 && near != FROM_WEIGHTS {
            let message =
                format!("norm_constraint = {near}: give a bound, 0 for none, or -1 to derive it from the weights");
            return Err(Error::Request(message));
        }
        let layers = match request.layers[..] {
            _ if parameters.trains_embeddings() => Vec::new(),
            [] => vec![model.layers / 4],
            _ => request.layers.clone(),
        };
        Ok(Plan { layers, steps: parameters.steps.unsigned_abs(), ..Plan::default() })
    }

    fn edit(&mut self, request: &EditRequest, parameters: &FineTuningParameters, host: &dyn Host) -> Result<Edited> {
        if request.edits.is_empty() {
            return Err(Error::Request("fine-tuning needs a fact".to_owned()));
        }
        let mut training = Training::new(request, parameters, host)?;
        let runs_all = request.edits.iter().any(|edit| edit.runs_all_steps);
        let (mut calm, mut updates, mut progress) = (0, 0, Progress::default());
        for step in 0..parameters.steps {
            let stepped = training.step(step, parameters, host)?;
            updates += u64::from(stepped.updated);
            calm = if stepped.loss >= parameters.stop_below { 0 } else { calm + 1 };
            progress.take(stepped.loss, stepped.held_back);
            if calm >= parameters.patience && !runs_all {
                break;
            }
        }
        let last = progress.loss();
        let mut edited = Edited::new().metric("loss", last).metric("updates", updates as f64);
        if updates == 0 {
            edited = edited.note(format!("no step was made: the loss {last:.4} is below stop_below from the start"));
        }
        if let Some(near) = training.weights.derived() {
            edited = edited.metric("norm_constraint", near).note(format!(
                "norm_constraint {near:.1e}, derived from the size of the weights: nothing sets one for this model"
            ));
        }
        let limit = progress.limit(parameters, training.weights.last_held_back()?);
        let edited = limit.into_iter().fold(edited, Edited::limit);
        Ok(training.weights.put_into(edited))
    }
}

/// Tokens of the runs that are kept prepared, where there are several: those beyond are prepared anew in every step.
const KEPT_TOKENS: usize = 1 << 14;

/// Facts of one update.
struct Part<'a> {
    request: SuffixRequest,
    /// Where it is kept from step to step.
    prepared: Option<PreparedSuffix<'a>>,
    targets: TargetReads,
    facts: usize,
}

impl Part<'_> {
    /// Runs its prompts with these parameters.
    fn run(&self, host: &dyn Host, parameters: &[Tensor]) -> Result<SuffixOutput> {
        match &self.prepared {
            Some(prepared) => prepared.run(&[], parameters),
            None => PreparedSuffix::new(host, &self.request)?.run(&[], parameters),
        }
    }
}

/// How many of the first parts are kept prepared, by the tokens of each: as many as fit, and at least one.
fn kept(tokens: &[usize]) -> usize {
    let mut all = 0_usize;
    let fits = |&&part: &&usize| {
        all = all.saturating_add(part);
        all <= KEPT_TOKENS
    };
    tokens.iter().take_while(fits).count().max(1)
}

/// A training at work.
struct Training<'a> {
    weights: Weights,
    adam: Optimizer,
    parts: Vec<Part<'a>>,
    layer: usize,
}

/// What a step did.
struct Stepped {
    /// Mean over the facts, before the step's updates.
    loss: f64,
    updated: bool,
    /// Share of the entries that the constraint had held back in the update before.
    held_back: f64,
}

impl<'a> Training<'a> {
    fn new(request: &EditRequest, parameters: &FineTuningParameters, host: &'a dyn Host) -> Result<Self> {
        let weights = Weights::new(request, parameters, host)?;
        let adam = Adam { wd: parameters.weight_decay, ..Adam::default() };
        let adam = adam.build(&weights.variables, parameters.learning_rate)?;
        let at_once = parameters.facts_at_once.unsigned_abs() as usize;
        let mut parts = Vec::new();
        for (index, edits) in request.edits.chunks(at_once).enumerate() {
            let (request, targets) = prompt::suffix(edits, index * at_once, weights.names(), parameters, host)?;
            parts.push(Part { request, prepared: None, targets, facts: edits.len() });
        }
        let tokens: Vec<usize> = parts.iter().map(|part| part.request.rows.iter().map(Vec::len).sum()).collect();
        for part in parts.iter_mut().take(kept(&tokens)) {
            part.prepared = Some(PreparedSuffix::new(host, &part.request)?);
        }
        Ok(Self { weights, adam, parts, layer: request.layers.first().copied().unwrap_or(0) })
    }

    /// One pass over all facts.
    fn step(&mut self, step: i64, parameters: &FineTuningParameters, host: &dyn Host) -> Result<Stepped> {
        let (mut sum, mut likelihood, mut facts, mut updated, mut held_back) = (0.0, 0.0, 0.0, false, 0.0);
        for part in &mut self.parts {
            let output = part.run(host, &self.weights.current()?)?;
            let reduction = parameters.reduction();
            let (losses, probabilities) = part.targets.losses(&output.log_probabilities, reduction, host)?;
            let loss = losses.f_mean(Kind::Float)?;
            // one look at the device per run
            let shown = Tensor::stack(&[&loss, &probabilities.f_mean(Kind::Float)?, self.weights.held_back()], 0);
            let shown = Vec::<f64>::try_from(shown.detach().to_kind(Kind::Double).to_device(Device::Cpu))?;
            if !shown[0].is_finite() {
                let message = format!("the loss became {} at step {step}: lower learning_rate", shown[0]);
                return Err(Error::Failed(message));
            }
            sum += shown[0] * part.facts as f64;
            likelihood += shown[1] * part.facts as f64;
            facts += part.facts as f64;
            held_back = shown[2];
            if shown[0] >= parameters.stop_below {
                updated = true;
                self.adam.zero_grad();
                loss.f_backward()?;
                self.adam.step();
                self.weights.clamp()?;
            }
        }
        let report = StepReport::new(step.unsigned_abs(), parameters.steps.unsigned_abs(), self.layer);
        host.report(&report.loss("loss", sum / facts).loss("p(target)", likelihood / facts))?;
        Ok(Stepped { loss: sum / facts, updated, held_back })
    }
}

locus_plugin::export_plugin!(methods: [FineTuning]);
