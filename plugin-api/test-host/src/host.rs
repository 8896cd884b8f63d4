//! The services on the tiny model.

use crate::model::{self, END, Model, Taps, check_cell, check_layer};
use crate::noise::Noises;
use crate::random::Random;
use crate::tokenizer::{VOCABULARY, holding, text, tokens};
use locus_plugin::call::{Answer, Arguments};
use locus_plugin::object::ObjectiveInstance;
use locus_plugin::services::{Services, name, serve};
use locus_plugin::suffix::{added_and_parameters, named};
use locus_plugin::tch::{Device, Kind, Tensor, no_grad};
use locus_plugin::{
    Cell, Cells, Error, Goal, Host, Level, ModelInfo, NoisedSubject, PromptTokens, Reduction, Result, SampleRequest,
    Site, StepReport, Suffix, SuffixOutput, SuffixRequest, fill,
};
use std::cell::{Cell as Place, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Text from which the second moments are computed.
const TEXT: &str = "The quick brown fox jumps over the lazy dog. Pack my box with five dozen jugs; sphinx of black quartz, \
                    judge my vow! In 1984 the capital of France was Paris, and Rome was that of Italy.";

/// A host with a tiny model.
pub struct TestHost {
    model: Rc<Model>,
    /// The model with the parameters that the plugin replaced.
    variant: RefCell<Rc<Model>>,
    objective: RefCell<Option<Box<dyn ObjectiveInstance>>>,
    noises: RefCell<Option<Noises>>,
    prepared: RefCell<BTreeMap<u64, (SuffixRequest, Rc<Model>)>>,
    next: Place<u64>,
    /// Layers whose second moments may be requested; `None` for all.
    moments: RefCell<Option<Vec<usize>>>,
    /// Unedited parameters that were handed out; another request gets the same handle.
    handed: RefCell<BTreeMap<String, Tensor>>,
    /// Step reports, in order.
    pub reports: RefCell<Vec<StepReport>>,
    /// Log messages and the progress of phases, in order.
    pub log: RefCell<Vec<String>>,
    /// Number of reports after which the user cancels.
    pub cancel_after: Place<usize>,
}

impl Default for TestHost {
    fn default() -> Self {
        Self::new()
    }
}

impl TestHost {
    /// A fresh host with unedited weights.
    ///
    /// # Panics
    /// libtorch cannot create the model's parameters.
    #[must_use]
    pub fn new() -> Self {
        let model = Rc::new(Model::new().unwrap_or_else(|error| panic!("the tiny model: {error}")));
        Self {
            variant: RefCell::new(Rc::clone(&model)),
            model,
            objective: RefCell::default(),
            noises: RefCell::default(),
            prepared: RefCell::default(),
            next: Place::new(0),
            moments: RefCell::default(),
            handed: RefCell::default(),
            reports: RefCell::default(),
            log: RefCell::default(),
            cancel_after: Place::new(usize::MAX),
        }
    }

    /// Sets the objective that computes losses.
    pub fn set_objective(&self, objective: Box<dyn ObjectiveInstance>) {
        *self.objective.borrow_mut() = Some(objective);
    }

    /// Number of runs that are prepared and not yet released.
    #[must_use]
    pub fn prepared(&self) -> usize {
        self.prepared.borrow().len()
    }

    /// Name of a host parameter that was written into, if there is one.
    #[must_use]
    pub fn written(&self) -> Option<String> {
        let same = |(name, theirs): &(&String, &Tensor)| self.model.parameter(name).is_ok_and(|ours| ours == *theirs);
        self.handed.borrow().iter().find(|handed| !same(handed)).map(|(name, _)| name.clone())
    }

    /// The unedited value of a parameter.
    ///
    /// # Errors
    /// [`Error::Request`] if there is no such parameter.
    pub fn unedited(&self, name: &str) -> Result<Tensor> {
        Ok(self.model.parameter(name)?.copy())
    }

    /// Probability of `target` after a prompt, the geometric mean over its tokens, with changes of the parameters; under
    /// the objective's noise, where it has one.
    ///
    /// # Errors
    /// A change of the wrong shape.
    pub fn probability(
        &self,
        [template, subject, target]: [&str; 3],
        changes: impl IntoIterator<Item = (String, Tensor)>,
    ) -> Result<f64> {
        let tokens = Services::tokenize_prompt(self, template, subject, target)?;
        let changed = self.model.with(changes)?;
        let run = no_grad(|| self.noised(&changed, std::slice::from_ref(&tokens.ids), &[], &Taps::default()))?;
        let read = tokens.target().iter().enumerate().map(|(index, &token)| {
            let place = (tokens.prompt + index - 1) as i64;
            Ok(run.log_probabilities[0].f_get(place)?.f_get(token)?.f_double_value(&[])?)
        });
        let read = read.collect::<Result<Vec<f64>>>()?;
        Ok((read.iter().sum::<f64>() / read.len() as f64).exp())
    }

    /// Limits second moments to those of a plan, and noises the subjects as the goals say.
    pub(crate) fn begin(&self, moments: Vec<usize>, goals: &[(&str, &Goal)]) -> Result<()> {
        *self.moments.borrow_mut() = Some(moments);
        let subjects = goals.iter().map(|(subject, _)| (*subject).to_owned()).collect();
        let noise = goals.first().and_then(|(_, goal)| goal.noise.clone());
        *self.noises.borrow_mut() = match noise {
            Some(noise) => Some(Noises::new(noise, self.model.info()?.embedding_deviation, subjects)),
            None => None,
        };
        Ok(())
    }

    fn noised(&self, model: &Model, rows: &[Vec<i64>], facts: &[usize], taps: &Taps<'_>) -> Result<model::Run> {
        match &*self.noises.borrow() {
            Some(noises) => run_noised(model, noises, rows, facts, taps),
            None => model.run(rows, taps),
        }
    }

    /// `C` of a layer, in float64.
    fn moment(&self, layer: usize) -> Result<Tensor> {
        check_layer(layer)?;
        if self.moments.borrow().as_ref().is_some_and(|layers| !layers.contains(&layer)) {
            let message = format!("there is no second moment of layer {layer}; name it in the plan's second_moments");
            return Err(Error::Request(message));
        }
        let row = tokens(TEXT);
        let cells = (0..row.len()).map(|position| Cell { row: 0, position }).collect();
        let capture = [Cells { site: Site::MlpKey(layer), cells }];
        let keys = no_grad(|| self.model.run(&[row], &Taps { capture: &capture, ..Taps::default() }))?;
        let keys = keys.captured[0].f_to_kind(Kind::Double)?;
        let mean = keys.f_tr()?.f_matmul(&keys)?.f_div_scalar(keys.size()[0])?;
        let ridge = Tensor::f_eye(mean.size()[0], (Kind::Double, Device::Cpu))?.f_mul_scalar(1e-3)?;
        Ok(mean.f_add(&ridge)?)
    }

    /// Noise for one subject.
    fn noises_of(&self, subject: &NoisedSubject) -> Result<Noises> {
        let deviation = self.model.info()?.embedding_deviation;
        Ok(Noises::new(subject.noise.clone(), deviation, vec![subject.subject.clone()]))
    }
}

/// Runs rows with noise on their subjects.
fn run_noised(
    model: &Model,
    noises: &Noises,
    rows: &[Vec<i64>],
    facts: &[usize],
    taps: &Taps<'_>,
) -> Result<model::Run> {
    let (cells, noise) = noises.draw(rows, facts, model.info()?.hidden)?;
    let add = std::iter::once((&cells, &noise)).chain(taps.add.iter().copied()).collect();
    model.run(rows, &Taps { add, capture: taps.capture })
}

impl Host for TestHost {
    fn call(&self, service: &str, arguments: Arguments<'_>) -> Result<Answer> {
        if service != name::RELEASE_SUFFIX {
            self.checkpoint()?;
        }
        serve(self, service, arguments)
    }

    fn log(&self, level: Level, text: &str) {
        self.log.borrow_mut().push(format!("{level:?}: {text}"));
    }

    fn cancelled(&self) -> bool {
        self.reports.borrow().len() >= self.cancel_after.get()
    }
}

impl Services for TestHost {
    fn report(&self, report: &StepReport) -> Result<()> {
        let metrics = report.metrics.iter();
        [report.layer].into_iter().chain(metrics.clone().map(|layer| layer.layer)).try_for_each(check_layer)?;
        if !report.losses.contains_key("loss") {
            let step = report.step;
            let message = format!("the report of step {step} has no loss; add one with .loss(\"loss\", value)");
            return Err(Error::Request(message));
        }
        let mut numbers = report.losses.iter().chain(metrics.flat_map(|layer| &layer.values));
        if let Some((name, value)) = numbers.find(|(_, value)| !(**value as f32).is_finite()) {
            let step = report.step;
            let message = format!("`{name}` in the report of step {step} is {value}, not a finite number of float32");
            return Err(Error::Request(message));
        }
        self.reports.borrow_mut().push(report.clone());
        Ok(())
    }

    fn progress(&self, phase: &str, done: u64, total: u64) -> Result<()> {
        self.log.borrow_mut().push(format!("{phase} {done}/{total}"));
        Ok(())
    }

    fn model(&self) -> Result<ModelInfo> {
        self.model.info()
    }

    fn tokenize(&self, text: &str, _start: bool) -> Result<Vec<i64>> {
        Ok(tokens(text))
    }

    fn tokenize_prompt(&self, template: &str, subject: &str, target: &str) -> Result<PromptTokens> {
        let (prompt, place) = fill(template, subject);
        let missing = || Error::Request(format!("the subject `{subject}` has no token of its own in `{template}`"));
        // a template without `{}` is the prompt itself
        let last = || prompt.rfind(subject.trim()).map(|start| start..start + subject.trim().len());
        let place = place.or_else(last).filter(|place| !place.is_empty()).ok_or_else(missing)?;
        let whole = match target.trim() {
            "" if target.is_empty() => prompt.clone(),
            "" => return Err(Error::Request("the target is blank; give the answer's text".to_owned())),
            _ => format!("{prompt} {}", target.trim_start_matches(' ')),
        };
        let ids = tokens(&whole);
        Ok(PromptTokens { subject: holding(&ids, &place)?, ids, prompt: tokens(&prompt).len() })
    }

    fn detokenize(&self, ids: &[i64]) -> Result<String> {
        text(ids)
    }

    fn replace_parameters(&self, names: &[String], values: &[Tensor]) -> Result<()> {
        let lent = |(name, value): (String, Tensor)| Ok((name, value.f_detach()?.copy()));
        let changed = named(names, values)?.into_iter().map(lent).collect::<Result<Vec<_>>>()?;
        *self.variant.borrow_mut() = Rc::new(self.model.with(changed)?);
        Ok(())
    }

    fn parameter(&self, name: &str) -> Result<Tensor> {
        let now = Rc::clone(&self.variant.borrow());
        let ours = now.parameter(name)?;
        if !ours.f_is_set_to(self.model.parameter(name)?)? {
            return Ok(ours.copy());
        }
        let mut handed = self.handed.borrow_mut();
        Ok(handed.entry(name.to_owned()).or_insert_with(|| ours.copy()).shallow_clone())
    }

    fn capture_of(&self, facts: &[usize], rows: &[Vec<i64>], cells: &[Cells]) -> Result<Vec<Tensor>> {
        let now = Rc::clone(&self.variant.borrow());
        let taps = Taps { capture: cells, ..Taps::default() };
        Ok(no_grad(|| self.noised(&now, rows, facts, &taps))?.captured)
    }

    fn prepare_suffix(&self, request: &SuffixRequest) -> Result<Suffix> {
        let now = Rc::clone(&self.variant.borrow());
        // whatever is not there is found out before the first repetition
        request.parameters.iter().try_for_each(|name| now.parameter(name).map(drop))?;
        let sites = request.add.iter().chain(&request.capture).cloned().collect::<Vec<Cells>>();
        no_grad(|| now.run(&request.rows, &Taps { capture: &sites, ..Taps::default() }))?;
        let read = request.read.iter().map(|read| &read.cell);
        read.chain(&request.distributions).try_for_each(|cell| check_cell(cell, &request.rows))?;
        let number = self.next.replace(self.next.get() + 1);
        self.prepared.borrow_mut().insert(number, (request.clone(), now));
        Ok(Suffix(number))
    }

    fn run_suffix(&self, suffix: Suffix, added: usize, tensors: &[Tensor]) -> Result<SuffixOutput> {
        let (added, parameters) = added_and_parameters(added, tensors)?;
        let prepared = self.prepared.borrow();
        let (request, model) = prepared.get(&suffix.0).ok_or_else(|| not_prepared(suffix))?;
        if added.len() != request.add.len() {
            let (got, wanted) = (added.len(), request.add.len());
            return Err(Error::Request(format!("{got} tensors are added, and the run was prepared for {wanted}")));
        }
        let model = model.with(named(&request.parameters, parameters)?)?;
        let taps = Taps { add: request.add.iter().zip(added).collect(), capture: &request.capture };
        let run = self.noised(&model, &request.rows, &request.facts, &taps)?;
        let at = |cell: &Cell| Ok::<_, Error>(run.log_probabilities[cell.row].f_get(cell.position as i64)?);
        let read = request.read.iter().map(|read| Ok(at(&read.cell)?.f_get(read.token)?));
        let distributions = request.distributions.iter().map(at);
        Ok(SuffixOutput {
            log_probabilities: stacked(&read.collect::<Result<Vec<_>>>()?, &[0])?,
            distributions: stacked(&distributions.collect::<Result<Vec<_>>>()?, &[0, VOCABULARY])?,
            captured: run.captured,
        })
    }

    fn fixed_captures(&self, suffix: Suffix) -> Result<Vec<Tensor>> {
        let prepared = self.prepared.borrow();
        let (request, model) = prepared.get(&suffix.0).ok_or_else(|| not_prepared(suffix))?;
        let lowest = request.add.iter().map(|cells| height(cells.site)).min().unwrap_or(usize::MAX);
        let is_fixed = request.capture.iter().all(|cells| height(cells.site) <= lowest);
        if !is_fixed || !request.parameters.is_empty() || self.noises.borrow().is_some() {
            return Err(Error::Request("repetitions change what the run captures; run it to capture it".to_owned()));
        }
        let taps = Taps { capture: &request.capture, ..Taps::default() };
        Ok(no_grad(|| model.run(&request.rows, &taps))?.captured)
    }

    fn release_suffix(&self, suffix: Suffix) -> Result<()> {
        self.prepared.borrow_mut().remove(&suffix.0).map(drop).ok_or_else(|| not_prepared(suffix))
    }

    fn solve_second_moment(&self, layer: usize, keys: &Tensor) -> Result<Tensor> {
        let solved = keys.f_to_kind(Kind::Double)?.f_matmul(&self.moment(layer)?.f_inverse()?)?;
        Ok(solved.f_to_kind(keys.f_kind()?)?)
    }

    fn second_moment(&self, layer: usize) -> Result<Tensor> {
        Ok(self.moment(layer)?.f_to_kind(Kind::Float)?)
    }

    fn noised_prediction(&self, prompt: &str, subject: &NoisedSubject) -> Result<Tensor> {
        let tokens = Services::tokenize_prompt(self, prompt, &subject.subject, "")?;
        let rows = vec![tokens.ids; subject.noise.copies.max(1)];
        let now = Rc::clone(&self.variant.borrow());
        let run = no_grad(|| run_noised(&now, &self.noises_of(subject)?, &rows, &[], &Taps::default()))?;
        let last = run.log_probabilities.iter().map(|row| Ok(row.f_get(-1)?.f_exp()?)).collect::<Result<Vec<_>>>()?;
        Ok(Tensor::f_stack(&last, 0)?.f_mean_dim(0, false, None)?)
    }

    fn sample(&self, request: &SampleRequest) -> Result<Vec<String>> {
        let mut random = Random::new(request.seed);
        let now = Rc::clone(&self.variant.borrow());
        let noises = request.noised.as_ref().map(|noised| self.noises_of(noised)).transpose()?;
        let prompt = match &request.noised {
            Some(noised) => fill(&request.prompt, &noised.subject).0,
            None => request.prompt.clone(),
        };
        let start = if prompt.is_empty() { vec![END] } else { tokens(&prompt) };
        let mut one = || {
            let mut ids = start.clone();
            while ids.len() < request.tokens {
                self.checkpoint()?;
                let rows = [ids];
                let run = no_grad(|| match &noises {
                    Some(noises) => run_noised(&now, noises, &rows, &[], &Taps::default()),
                    None => now.run(&rows, &Taps::default()),
                })?;
                let (best, which) = run.log_probabilities[0].f_get(-1)?.f_exp()?.f_topk(5, -1, true, true)?;
                let mut left = random.uniform() * best.f_sum(Kind::Float)?.f_double_value(&[])?;
                let mut drawn = 0;
                while drawn < 4 && left > best.f_double_value(&[drawn])? {
                    left -= best.f_double_value(&[drawn])?;
                    drawn += 1;
                }
                let [row] = rows;
                ids = row;
                ids.push(which.f_int64_value(&[drawn])?);
            }
            text(if prompt.is_empty() { &ids[1..] } else { &ids })
        };
        (0..request.count).map(|_| one()).collect()
    }

    fn objective_loss(&self, log_probabilities: &Tensor, reduction: Reduction) -> Result<Tensor> {
        let mut objective = self.objective.borrow_mut();
        let objective = objective.as_mut().ok_or_else(|| Error::Failed("no objective was chosen".to_owned()))?;
        objective.loss(log_probabilities, reduction)
    }
}

/// Tensors of one size, or none of `size`.
fn stacked(tensors: &[Tensor], size: &[i64]) -> Result<Tensor> {
    match tensors {
        [] => Ok(Tensor::f_zeros(size, (Kind::Float, Device::Cpu))?),
        tensors => Ok(Tensor::f_stack(tensors, 0)?),
    }
}

/// The order in which a run comes to a site.
fn height(site: Site) -> usize {
    match site {
        Site::Embedding => 0,
        Site::AttentionOut(layer) => 4 * layer + 1,
        Site::MlpKey(layer) => 4 * layer + 2,
        Site::MlpOut(layer) => 4 * layer + 3,
        Site::Residual(layer) => 4 * layer + 4,
    }
}

fn not_prepared(suffix: Suffix) -> Error {
    Error::Request(format!("no run {} was prepared, or it was released; prepare it before running it", suffix.0))
}
