//! The services of the engine for a plugin that is at work.

use super::bounds;
use super::handed::{Handed, lent};
use super::live_rows::{LiveRows, Looking, Watched};
use super::losses::Losses;
use crate::error::Error as EngineError;
use crate::model::Model;
use crate::moments::SecondMoments;
use crate::noise::LegacyRandom;
use crate::number_formats::number_format;
use crate::run::{
    Placement, Prepared, SubjectNoises, Trunks, capture_noised, noised_log_probabilities, resolved, sample_noised,
};
use locus_plugin::call::{Answer, Arguments};
use locus_plugin::object::ObjectiveInstance;
use locus_plugin::services::{Services, name, serve};
use locus_plugin::suffix::{added_and_parameters, named};
use locus_plugin::{
    Cells, DownProjection, Error, Host, Level, ModelInfo, NoisedSubject, PromptTokens, Reduction, Result,
    SampleRequest, StepReport, Suffix, SuffixOutput, SuffixRequest,
};
use locus_protocol::LayerRow;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::rc::Rc;
use tch::{Device, Tensor};

/// What a plugin tells while it works.
#[derive(Debug)]
pub enum HostEvent {
    /// A step, with the rows of the model as the step saw it; none where nobody looks at them, or where they were made
    /// just before.
    Step(StepReport, Vec<LayerRow>),
    /// How far a phase is.
    Progress {
        /// The phase in the plugin's words.
        phase: String,
        /// How much is done.
        done: u64,
        /// How much there is; 0 when nobody knows.
        total: u64,
    },
    /// A line for the log.
    Log(Level, String),
}

/// What makes a plugin's result worthless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// It wrote into this, which is the host's.
    Wrote(String),
    /// It asked for something, or said something, that is beyond what is allowed: the sentence it was answered.
    Refused(String),
    /// The objective's fault: numbers were given, and its loss was none.
    NoLoss,
}

impl fmt::Display for Violation {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wrote(what) => {
                write!(to, "it wrote into {what}, which belongs to the host; the host's bits are unchanged")
            }
            Self::Refused(sentence) => to.write_str(sentence),
            Self::NoLoss => to.write_str("its loss is not finite in float32 (NaN or infinity)"),
        }
    }
}

/// The engine as a plugin sees it, for one call.
pub struct EngineHost<'a> {
    model: &'a Model,
    info: ModelInfo,
    moments: Option<&'a SecondMoments>,
    /// Whether the user wants to stop.
    cancelled: &'a dyn Fn() -> bool,
    objective: RefCell<Option<Box<dyn ObjectiveInstance>>>,
    listener: RefCell<Box<dyn FnMut(HostEvent) + 'a>>,
    /// Noise that the objective puts on the subjects.
    noises: RefCell<Option<SubjectNoises>>,
    /// The model with the parameters that the plugin replaced.
    variant: RefCell<Option<Rc<Model>>>,
    /// Names of the parameters that it replaced.
    replaced: RefCell<HashSet<String>>,
    /// What captures have run of the variant, or of the model where there is none.
    trunks: RefCell<Trunks>,
    suffixes: RefCell<HashMap<u64, PreparedRun>>,
    next_suffix: Cell<u64>,
    /// The live table, where somebody looks at it.
    rows: RefCell<Option<LiveRows>>,
    /// The first request that was beyond its bounds, should the plugin go on as if nothing had happened.
    refused: RefCell<Option<String>>,
    /// Whether the objective's losses are numbers.
    losses: Losses,
    /// That memory did not suffice for the last service.
    shortage: RefCell<Option<EngineError>>,
    /// Tensors of the host that the plugin has.
    handed: Handed,
    /// Parameters that are on another device than the plugin's, copied to that.
    moved: RefCell<HashMap<String, Tensor>>,
    /// Lines of the log that it has written.
    lines: Cell<usize>,
    /// The phase that it told last, and how much of it was done of how much.
    told: RefCell<Option<(String, u64, u64)>>,
}

/// A prepared run, with the model it was prepared on where that is not the unedited one.
struct PreparedRun {
    prepared: Prepared,
    variant: Option<Rc<Model>>,
    /// Where noise goes in its rows, if it goes anywhere.
    noised: Option<Placement>,
}

impl<'a> EngineHost<'a> {
    /// Services on `model`; `live` says how somebody looks at the rows of the steps, if anybody does.
    pub fn new(
        model: &'a Model,
        info: ModelInfo,
        moments: Option<&'a SecondMoments>,
        cancelled: &'a dyn Fn() -> bool,
        live: Option<Looking>,
        listener: impl FnMut(HostEvent) + 'a,
    ) -> Self {
        Self {
            model,
            info,
            moments,
            cancelled,
            objective: RefCell::default(),
            noises: RefCell::default(),
            variant: RefCell::default(),
            replaced: RefCell::default(),
            listener: RefCell::new(Box::new(listener)),
            trunks: RefCell::default(),
            suffixes: RefCell::default(),
            next_suffix: Cell::new(0),
            rows: RefCell::new(live.map(LiveRows::new)),
            refused: RefCell::default(),
            losses: Losses::default(),
            shortage: RefCell::default(),
            handed: Handed::default(),
            moved: RefCell::default(),
            lines: Cell::new(0),
            told: RefCell::default(),
        }
    }

    /// What makes the plugin's result worthless, even if it swallowed the error it got for it.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn violation(&self) -> crate::Result<Option<Violation>> {
        if self.losses.are_spoiled()? {
            return Ok(Some(Violation::NoLoss));
        }
        let refused = self.refused.borrow().clone().map(Violation::Refused);
        Ok(refused.or_else(|| self.handed.written().map(Violation::Wrote)))
    }

    /// A request within its bounds; one beyond them makes the plugin's result worthless, whatever it makes of the error.
    fn bounded(&self, checked: Result<()>) -> Result<()> {
        checked.inspect_err(|error| {
            self.refused.borrow_mut().get_or_insert_with(|| error.to_string());
        })
    }

    /// The objective, once the method is done with it.
    #[must_use]
    pub fn take_objective(&self) -> Option<Box<dyn ObjectiveInstance>> {
        self.objective.borrow_mut().take()
    }

    /// Sets the objective whose loss the method asks for.
    pub fn set_objective(&self, objective: Box<dyn ObjectiveInstance>) {
        *self.objective.borrow_mut() = Some(objective);
    }

    /// Has every run noise the subjects of the request's facts.
    pub fn set_noises(&self, noises: SubjectNoises) {
        *self.noises.borrow_mut() = Some(noises);
    }

    /// The variant that the plugin made, if it made one.
    fn variant(&self) -> Option<Rc<Model>> {
        self.variant.borrow().clone()
    }

    /// Forgets what was run above the parameters in which `next` differs from the variant that there is now.
    fn forget_above_changes(&self, next: Option<&Model>, replaced: &[(String, Tensor)]) -> crate::Result<()> {
        let mut trunks = self.trunks.borrow_mut();
        if trunks.is_empty() {
            return Ok(());
        }
        let (now, before) = (self.variant(), self.replaced.borrow());
        let (now, next) = (now.as_deref().unwrap_or(self.model), next.unwrap_or(self.model));
        let names: BTreeSet<&String> = before.iter().chain(replaced.iter().map(|(name, _)| name)).collect();
        for name in names {
            let same = match (now.parameter(name), next.parameter(name)) {
                (Some(now), Some(next)) => now.f_equal(&next)?,
                _ => false,
            };
            if !same {
                trunks.forget(self.model, &self.model.name_of(name).unwrap_or_else(|| name.clone()));
            }
        }
        Ok(())
    }

    /// The noise of one subject of one prompt.
    fn noises_of(&self, model: &Model, template: &str, subject: &NoisedSubject) -> crate::Result<SubjectNoises> {
        let noise = resolved(subject.noise.clone(), self.info.embedding_deviation);
        SubjectNoises::new(model, noise, [(template, subject.subject.as_str())])
    }

    /// A parameter at home; one that is elsewhere is copied once, so that whoever asks again has the same.
    fn at_home(&self, name: &str, parameter: &Tensor) -> crate::Result<Tensor> {
        if parameter.device() == self.model.device || self.replaced.borrow().contains(name) {
            return self.model.at_home(parameter);
        }
        if let Some(known) = self.moved.borrow().get(name) {
            return Ok(known.shallow_clone());
        }
        let moved = self.model.at_home(parameter)?;
        self.moved.borrow_mut().insert(name.to_owned(), moved.shallow_clone());
        Ok(moved)
    }

    /// The engine's errors as a plugin sees them. That memory did not suffice is kept besides, until the next service is
    /// asked for: it is no fault of the plugin's, whatever that makes of it.
    fn result<T>(&self, result: crate::Result<T>) -> Result<T> {
        result.map_err(|error| {
            let told = match &error {
                EngineError::Cancelled => Error::Cancelled,
                EngineError::Request(message) => Error::Request(message.clone()),
                other => Error::Failed(other.to_string()),
            };
            if error.is_out_of_memory() {
                *self.shortage.borrow_mut() = Some(error);
            }
            told
        })
    }

    /// That memory did not suffice for the last service that the plugin asked for, should its call end with an error; it is
    /// told once, so that the next call is not blamed on it.
    #[must_use]
    pub fn shortage(&self) -> Option<EngineError> {
        self.shortage.borrow_mut().take()
    }

    /// Counts tokens that are sampled into the phase that was told last, where it counts tokens: what is left of it has room
    /// for all of the request's.
    fn tell_sampled(&self, sampled: u64, tokens: u64) {
        let told = self.told.borrow().clone();
        if let Some((phase, done, total)) = told.filter(|(_, done, total)| *total >= done.saturating_add(tokens)) {
            self.tell(HostEvent::Progress { phase, done: done.saturating_add(sampled.min(tokens)), total });
        }
    }

    fn tell(&self, event: HostEvent) {
        if let Ok(mut listener) = self.listener.try_borrow_mut() {
            listener(event);
        }
    }
}

impl Host for EngineHost<'_> {
    fn call(&self, service: &str, arguments: Arguments<'_>) -> Result<Answer> {
        // a run that is released is no work: a PreparedSuffix does so on its way out of whatever has failed
        if service != name::RELEASE_SUFFIX {
            // whoever asks for more has got over what there was no room for
            *self.shortage.borrow_mut() = None;
            self.checkpoint()?;
        }
        serve(self, service, arguments)
    }

    fn log(&self, level: Level, text: &str) {
        if self.bounded(bounds::line(text, &self.lines)).is_ok() {
            self.tell(HostEvent::Log(level, text.to_owned()));
        }
    }

    fn cancelled(&self) -> bool {
        (self.cancelled)()
    }
}

impl Services for EngineHost<'_> {
    fn report(&self, report: &StepReport) -> Result<()> {
        let layers = self.info.layers;
        let named = [report.layer].into_iter().chain(report.metrics.iter().map(|metrics| metrics.layer));
        if let Some(layer) = named.into_iter().find(|&layer| layer >= layers) {
            let message =
                format!("a report names layer {layer}; the model has layers 0 to {}", layers.saturating_sub(1));
            return self.bounded(Err(Error::Request(message)));
        }
        if let Err(error) = bounds::report(report) {
            // a loss that the method only passes on
            if self.result(self.losses.are_spoiled())? {
                return Err(Error::Failed(format!("the objective gave no loss: {}", Violation::NoLoss)));
            }
            return self.bounded(Err(error));
        }
        let rows = self.rows.borrow_mut().as_mut().map(|rows| rows.of(self.model, report)).transpose();
        let rows = self.result(rows)?.unwrap_or_default();
        self.tell(HostEvent::Step(report.clone(), rows));
        Ok(())
    }

    fn progress(&self, phase: &str, done: u64, total: u64) -> Result<()> {
        self.bounded(bounds::phase(phase))?;
        self.told.replace(Some((phase.to_owned(), done, total)));
        self.tell(HostEvent::Progress { phase: phase.to_owned(), done, total });
        Ok(())
    }

    fn model(&self) -> Result<ModelInfo> {
        Ok(self.info.clone())
    }

    fn tokenize(&self, text: &str, start: bool) -> Result<Vec<i64>> {
        self.bounded(bounds::tokenized(text))?;
        let tokenizer = &self.model.tokenizer;
        self.result(if start { tokenizer.encode(text) } else { tokenizer.encode_following(text) })
    }

    fn tokenize_prompt(&self, template: &str, subject: &str, target: &str) -> Result<PromptTokens> {
        self.bounded([template, subject, target].into_iter().try_for_each(bounds::tokenized))?;
        let target = Some(target).filter(|target| !target.is_empty());
        let tokens = self.result(self.model.tokenizer.prompt(template, subject, target))?;
        Ok(PromptTokens { ids: tokens.ids, subject: tokens.subject, prompt: tokens.prompt })
    }

    fn detokenize(&self, ids: &[i64]) -> Result<String> {
        self.bounded(bounds::ids(ids.len()))?;
        self.result(self.model.tokenizer.decode(ids))
    }

    fn replace_parameters(&self, names: &[String], values: &[Tensor]) -> Result<()> {
        self.bounded(bounds::parameters(names.len()))?;
        // what the plugin does with its tensors later is its own affair
        let lend = |(name, value): (String, Tensor)| Ok((name, lent(&value)?));
        let detached: Vec<(String, Tensor)> = self.result(named(names, values)?.into_iter().map(lend).collect())?;
        let variant =
            if detached.is_empty() { None } else { Some(Rc::new(self.result(self.model.with_parameters(&detached))?)) };
        self.result(self.forget_above_changes(variant.as_deref(), &detached))?;
        let replaced = self.rows.borrow_mut().as_mut().map_or(Ok(()), |rows| rows.replace(self.model, &detached));
        self.result(replaced)?;
        *self.variant.borrow_mut() = variant;
        *self.replaced.borrow_mut() = detached.into_iter().map(|(name, _)| name).collect();
        Ok(())
    }

    fn parameter(&self, name: &str) -> Result<Tensor> {
        let missing = || Error::Request(format!("the model has no parameter `{name}`"));
        let variant = self.variant();
        let now = variant.as_deref().unwrap_or(self.model).parameter(name).ok_or_else(missing)?;
        // a plugin sees one device, whichever its layer is on
        let now = self.result(self.at_home(name, &now))?;
        // what the plugin has replaced is its own: nobody minds what it does with it
        self.result(match self.replaced.borrow().contains(name) {
            true => lent(&now),
            false => self.handed.hand_out(&format!("`{name}`"), &now),
        })
    }

    fn capture_of(&self, facts: &[usize], rows: &[Vec<i64>], cells: &[Cells]) -> Result<Vec<Tensor>> {
        self.bounded(bounds::rows(rows, facts).and_then(|()| bounds::cells(cells)))?;
        let variant = self.variant();
        let model = variant.as_deref().unwrap_or(self.model);
        let noises = self.noises.borrow();
        let noise = match noises.as_ref() {
            Some(noises) => {
                let placement = self.result(noises.place(model, rows, facts))?;
                Some((placement.cells(), self.result(noises.draw(&placement))?))
            }
            None => None,
        };
        self.result(match noise {
            Some((noised, noise)) => capture_noised(model, rows, cells, Some((&noised, &noise))),
            None => self.trunks.borrow_mut().capture(model, rows, cells),
        })
    }

    fn prepare_suffix(&self, request: &SuffixRequest) -> Result<Suffix> {
        self.bounded(bounds::suffix(request, self.suffixes.borrow().len()))?;
        let variant = self.variant();
        let model = variant.as_deref().unwrap_or(self.model);
        let noises = self.noises.borrow();
        let place = |noises: &SubjectNoises| self.result(noises.place(model, &request.rows, &request.facts));
        let noised = noises.as_ref().map(place).transpose()?;
        let cells = noised.as_ref().map(Placement::cells).unwrap_or_default();
        let prepared = self.result(Prepared::noised(model, request.clone(), &cells))?;
        let prepared = PreparedRun { prepared, variant, noised: noised.filter(|_| !cells.is_empty()) };
        let id = self.next_suffix.get();
        self.next_suffix.set(id + 1);
        self.suffixes.borrow_mut().insert(id, prepared);
        Ok(Suffix(id))
    }

    fn run_suffix(&self, suffix: Suffix, added: usize, tensors: &[Tensor]) -> Result<SuffixOutput> {
        let (added, parameters) = added_and_parameters(added, tensors)?;
        let suffixes = self.suffixes.borrow();
        let PreparedRun { prepared, variant, noised } = suffixes.get(&suffix.0).ok_or_else(|| not_prepared(suffix))?;
        let model = variant.as_deref().unwrap_or(self.model);
        let noises = self.noises.borrow();
        let noise = noises.as_ref().zip(noised.as_ref()).map(|(noises, placement)| noises.draw(placement));
        let noise = self.result(noise.transpose())?;
        let repetition = self.result(prepared.repeat_noised(model, added, parameters, noise.as_ref()))?;
        if let Some(rows) = self.rows.borrow_mut().as_mut() {
            let names = prepared.parameters().iter().cloned();
            let detached = parameters.iter().map(|value| Ok(value.f_detach()?)).collect::<crate::Result<Vec<Tensor>>>();
            rows.watch(Watched {
                suffix: suffix.0,
                model: variant.clone(),
                above: repetition.watched,
                below: prepared.watched_below(),
                parameters: names.zip(self.result(detached)?).collect(),
                released: false,
            });
        }
        let mut output = repetition.output;
        for captured in output.captured.iter_mut().filter(|captured| !captured.requires_grad()) {
            // the same in all repetitions, and kept for the next
            *captured = self.result(lent(captured))?;
        }
        Ok(output)
    }

    fn fixed_captures(&self, suffix: Suffix) -> Result<Vec<Tensor>> {
        let suffixes = self.suffixes.borrow();
        let PreparedRun { prepared, .. } = suffixes.get(&suffix.0).ok_or_else(|| not_prepared(suffix))?;
        let changing = || Error::Request("repetitions change what the run captures; run it to capture it".to_owned());
        let fixed = prepared.fixed().ok_or_else(changing)?;
        // kept for the repetitions
        self.result(fixed.iter().map(lent).collect())
    }

    fn release_suffix(&self, suffix: Suffix) -> Result<()> {
        if let Some(rows) = self.rows.borrow_mut().as_mut() {
            rows.forget(suffix.0);
        }
        let released = self.suffixes.borrow_mut().remove(&suffix.0);
        released.map(drop).ok_or_else(|| not_prepared(suffix))
    }

    fn solve_second_moment(&self, layer: usize, keys: &Tensor) -> Result<Tensor> {
        let moments = self.moments.ok_or_else(|| {
            let message = format!("no second moments were collected; name layer {layer} in the plan's second_moments");
            Error::Request(message)
        })?;
        self.result(moments.solve(layer, keys))
    }

    fn second_moment(&self, layer: usize) -> Result<Tensor> {
        let mean = self.moments.map(|moments| moments.mean(layer)).transpose();
        let mean = self.result(mean)?.flatten().ok_or_else(|| {
            Error::Request(format!("there is no second moment of layer {layer}; name it in the plan's second_moments"))
        })?;
        self.result(self.handed.hand_out(&format!("the second moment of layer {layer}"), mean))
    }

    fn noised_prediction(&self, prompt: &str, subject: &NoisedSubject) -> Result<Tensor> {
        self.bounded(bounds::tokenized(prompt).and_then(|()| bounds::noised(subject)))?;
        let variant = self.variant();
        let model = variant.as_deref().unwrap_or(self.model);
        let predict = || {
            let noises = self.noises_of(model, prompt, subject)?;
            let rows = vec![model.tokenizer.prompt(prompt, &subject.subject, None)?.ids; subject.noise.copies.max(1)];
            let placement = noises.place(model, &rows, &[])?;
            let last = |row| locus_plugin::Cell { row, position: rows[row].len().saturating_sub(1) };
            let cells: Vec<_> = (0..rows.len()).map(last).collect();
            let (noised, noise) = (placement.cells(), noises.draw(&placement)?);
            let read = noised_log_probabilities(model, &rows, &cells, Some((&noised, &noise)))?;
            Ok(read.f_exp()?.f_mean_dim(0, false, None)?)
        };
        self.result(predict())
    }

    fn sample(&self, request: &SampleRequest) -> Result<Vec<String>> {
        self.bounded(bounds::sample(request))?;
        let variant = self.variant();
        let model = variant.as_deref().unwrap_or(self.model);
        let mut random = LegacyRandom::new(request.seed as u32);
        let SampleRequest { prompt, count, tokens, noised, .. } = request;
        let noises = noised.as_ref().map(|subject| self.noises_of(model, prompt, subject)).transpose();
        let noises = self.result(noises)?;
        let filled = noised.as_ref().map(|subject| locus_protocol::fill(prompt, &subject.subject).0);
        let prompt = filled.as_ref().unwrap_or(prompt);
        let mut sampled = 0;
        self.result(sample_noised(model, prompt, *count, *tokens, &mut random, noises.as_ref(), &mut || {
            self.tell_sampled(sampled, *tokens as u64);
            sampled += 1;
            if self.cancelled() { Err(EngineError::Cancelled) } else { Ok(()) }
        }))
    }

    fn objective_loss(&self, log_probabilities: &Tensor, reduction: Reduction) -> Result<Tensor> {
        let busy = |_| Error::Failed("the objective cannot ask for its own loss".to_owned());
        let mut objective = self.objective.try_borrow_mut().map_err(busy)?;
        let objective = objective.as_mut().ok_or_else(|| Error::Failed("no objective was chosen".to_owned()))?;
        let loss = objective.loss(log_probabilities, reduction)?;
        self.result(self.losses.note(log_probabilities, &loss))?;
        Ok(loss)
    }
}

fn not_prepared(suffix: Suffix) -> Error {
    Error::Request(format!("no run {} was prepared, or it was released; prepare it before running it", suffix.0))
}

/// What a plugin may know of `model`, called `name`.
#[must_use]
pub fn model_info(model: &Model, name: &str) -> ModelInfo {
    let architecture = &model.architecture;
    let down = |layer: usize| DownProjection {
        weight: architecture.down_projection(layer).unwrap_or_default(),
        bias: model.down_projection_bias(layer),
        stored_input_first: architecture.special.stored_input_first,
        experts: architecture.experts_of(layer).map_or(0, |experts| experts.count as usize),
    };
    ModelInfo {
        name: name.to_owned(),
        family: architecture.family.clone(),
        layers: architecture.layers,
        hidden: architecture.hidden,
        inner: model.architecture.inner,
        vocabulary: model.architecture.vocabulary,
        context: architecture.context,
        device: device_name(model.device),
        number_format: number_format(model.kind).to_owned(),
        end_of_text: model.tokenizer.end_of_text(),
        token_embedding: format!("{}.weight", architecture.token_embedding),
        embedding_deviation: 0.0,
        down_projections: (0..architecture.layers).map(down).collect(),
    }
}

/// Name of a device, such as `cpu` or `cuda:0`.
#[must_use]
pub fn device_name(device: Device) -> String {
    match device {
        Device::Cuda(index) => format!("cuda:{index}"),
        Device::Cpu => "cpu".to_owned(),
        other => format!("{other:?}").to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::{EngineHost, model_info};
    use crate::error::Error;
    use crate::model::Model;
    use locus_plugin::Host;
    use std::path::Path;
    use tch::{Device, Kind};

    #[test]
    fn a_shortage_that_a_plugin_has_got_over_is_blamed_for_nothing_later() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/arch/gpt2/model");
        let model = Model::load(&folder, Device::Cpu, Kind::Float).expect("a golden model");
        let host = EngineHost::new(&model, model_info(&model, "m"), None, &|| false, None, |_| {});
        let run_short = || {
            let short = Error::OutOfMemory { doing: "running block 1".to_owned(), asked: None, free: None };
            assert!(host.result::<()>(Err(short)).is_err());
        };
        run_short();
        assert!(host.shortage().is_some_and(|short| short.to_string().contains("running block 1")));
        assert!(host.shortage().is_none(), "the next call is blamed on it");
        run_short();
        host.tokenize("a", true).expect("tokens");
        assert!(host.shortage().is_none(), "what went well after it is forgotten");
        run_short();
        assert!(host.parameter("nothing").is_err());
        assert!(host.shortage().is_none(), "another failure is blamed on it");
    }
}
