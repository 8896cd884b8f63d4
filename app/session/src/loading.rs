//! Loading a model with its facts.

use crate::applying::{self, ToApply};
use crate::defaults::ModelDefaults;
use crate::device::{self, Choice};
use crate::emitter::Emitter;
use crate::error::Error;
use crate::history::edits;
use crate::operations::{self, Recorded, TakenOver};
use crate::worker::{Stopped, Worker};
use locus_engine::Doing;
use locus_engine::edit::{EditStack, model_info, number_format};
use locus_engine::model::{Batch, Checkpoint, Model, Site, Tap, Taps};
use locus_engine::moments::{SecondMoments, fingerprint};
use locus_engine::trace;
use locus_plugin::{Delta, ModelInfo};
use locus_protocol::shown::quoted;
use locus_protocol::{
    Event, Fact, FactsMark, JobId, ModelMark, ModelReady, ModelSource, Phase, Probe, TriedOn, counted,
};
use locus_records::facts;
use locus_records::failure_point::reach;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tch::{Device, Kind, Tensor};

/// Parameters below which one CPU thread is the fastest.
const SMALL_MODEL: u64 = 20_000_000;

/// Tokens that a tokenizer adds to a text at most.
const ADDED: i64 = 8;

/// Facts that are told by name when they do not fit.
const NAMED: usize = 10;

/// What a model takes besides its weights when it is run, as a part of them.
const RUN: u64 = 4;

/// A model that is ready, and what is known of it.
pub struct Loaded {
    /// The folder it was read from.
    pub folder: PathBuf,
    /// The model with its edits.
    pub stack: EditStack,
    /// Its name and which weights it has.
    pub mark: ModelMark,
    /// What plugins may know of it.
    pub info: ModelInfo,
    /// Settings that suit it.
    pub defaults: ModelDefaults,
    /// Second moments, once they were needed.
    pub moments: Option<SecondMoments>,
    /// The facts that belong to it.
    pub facts: Vec<Fact>,
    /// Where they come from.
    facts_source: String,
    /// Both, once an edit was recorded.
    facts_mark: OnceCell<FactsMark>,
    /// Subjects whose embeddings measure the noise.
    subjects: Vec<String>,
    /// Their deviation, once it was needed.
    deviation: OnceCell<f64>,
}

impl Loaded {
    /// The model that an edit is tried on.
    pub fn model_on(&self, on: TriedOn) -> &Model {
        match on {
            TriedOn::Unedited => self.stack.base(),
            TriedOn::AsItIs => self.stack.model(),
        }
    }

    /// What changes of a plugin make of that model.
    pub fn trial_on(&self, on: TriedOn, plugin: &str, deltas: &[Delta]) -> locus_engine::Result<Model> {
        match on {
            TriedOn::Unedited => self.stack.trial_on_unedited(plugin, deltas),
            TriedOn::AsItIs => self.stack.trial(plugin, deltas),
        }
    }

    /// Numbers of the edits that that model has, the oldest first.
    pub fn edits_on(&self, on: TriedOn) -> Vec<u64> {
        on.edits(self.stack.applied().iter().map(|edit| edit.number).collect())
    }

    /// Where its facts come from and what they are.
    ///
    /// # Errors
    /// Those of [`locus_records::operations::facts_mark`].
    pub fn facts_mark(&self) -> Result<FactsMark, Error> {
        if let Some(mark) = self.facts_mark.get() {
            return Ok(mark.clone());
        }
        let mark = locus_records::operations::facts_mark(&self.facts_source, &self.facts)?;
        Ok(self.facts_mark.get_or_init(|| mark).clone())
    }

    /// Standard deviation of the embeddings of all known subjects, or of `subject` where none are known.
    pub fn embedding_deviation(&self, subject: &str) -> Result<f64, Error> {
        if let Some(&deviation) = self.deviation.get() {
            return Ok(deviation);
        }
        if self.subjects.is_empty() {
            return Ok(trace::embedding_deviation(self.stack.base(), &[subject])?);
        }
        let deviation = trace::embedding_deviation(self.stack.base(), &self.subjects)?;
        Ok(*self.deviation.get_or_init(|| deviation))
    }
}

/// Loads a model in place of the one that is there, which stays until all is ready, where there is room for both. Where
/// there is not, it goes once everything but the weights was looked at.
pub fn load(worker: &mut Worker<'_>, job: JobId, source: &ModelSource) -> Result<(), Stopped> {
    let choice = device::choose(worker.options.device, worker.options.number_format)?;
    let folder = match source {
        ModelSource::BuiltIn => {
            locus_demo::materialise(&worker.options.cache.join("built-in-model")).map_err(Error::BuiltIn)?
        }
        ModelSource::Folder(folder) => folder.clone(),
    };
    reach("look at the checkpoint")?;
    let checkpoint = Checkpoint::look(&folder)?;
    let facts = read_facts(worker, source, &folder)?;
    let bytes = checkpoint.bytes(device::kind(worker.options.number_format));
    let makes_room = worker.loaded.is_some() && !fits_beside(bytes, choice.device, locus_engine::available());
    if makes_room {
        worker.loaded = None;
        worker.variants.clear();
    }
    let built = build(worker, job, source, choice, checkpoint, facts);
    built.and_then(|new| install(worker, new)).map_err(|stopped| match makes_room {
        true if stopped.error.is_cancelled() => Stopped { kept: "no model is loaded now".to_owned(), ..stopped },
        true => Stopped { error: Error::NoModelNow(Box::new(stopped.error)), ..stopped },
        false => stopped,
    })
}

/// Whether weights of so many bytes can be read and run while another model stays in memory.
fn fits_beside(bytes: u64, device: Device, available: Option<u64>) -> bool {
    let needed = bytes.saturating_add(bytes / RUN);
    device == Device::Cpu && available.is_some_and(|available| needed < available)
}

/// A model that is ready to take the place of another one.
struct New {
    loaded: Loaded,
    ready: ModelReady,
    /// What earlier sessions left in place on it.
    taken_over: Option<TakenOver>,
}

/// Reads a model and what belongs to it. What is there stays as it is.
fn build(
    worker: &Worker<'_>,
    job: JobId,
    source: &ModelSource,
    choice: Choice,
    checkpoint: Checkpoint,
    (facts_source, records): (String, Vec<Fact>),
) -> Result<New, Stopped> {
    let kind = device::kind(worker.options.number_format);
    let folder = checkpoint.folder.clone();
    reach("read the weights")?;
    let model = checkpoint.load(choice.device, kind, &mut |reading| {
        worker.emitter.progress(job, Phase::Weights, reading.done, reading.total);
        worker.check_cancel()
    })?;
    let asked = if worker.options.reproducible { Some(1) } else { worker.options.threads };
    choose_threads(asked, worker.all_threads, &model);
    for note in &model.notes {
        worker.emitter.log("engine", "warning", note);
    }
    let records = that_fit(&worker.emitter, &model, records);
    worker.check_cancel()?;
    worker.emitter.progress(job, Phase::Probe, 0, 1);
    let read = |fact: &&Fact| model.tokenizer.encode(&fact.prompt()).is_ok();
    let prompt = records.iter().take(NAMED).find(read).map_or_else(|| "The".to_owned(), Fact::prompt);
    reach("probe the model")?;
    let probe = probe(&model, &prompt)?;
    let name = match source {
        ModelSource::BuiltIn => "built-in".to_owned(),
        ModelSource::Folder(folder) => folder_name(folder),
    };
    let info = model_info(&model, &name);
    let defaults = ModelDefaults::of(&model.architecture, model.parameter_count());
    let mark = ModelMark { name, fingerprint: fingerprint(&model)? };
    let ready = ModelReady {
        name: mark.name.clone(),
        family: info.family.clone(),
        layers: info.layers,
        hidden: info.hidden,
        inner: info.inner,
        vocabulary: info.vocabulary,
        parameters: model.parameter_count(),
        number_format: number_format(kind).to_owned(),
        fingerprint: mark.fingerprint.clone(),
        device: choice.info,
        reproducible: worker.options.reproducible,
        probe,
    };
    let mut subjects: Vec<String> = records.iter().map(|fact| fact.subject.clone()).collect();
    subjects.sort();
    subjects.dedup();
    let loaded = Loaded {
        folder,
        stack: EditStack::new(model),
        mark,
        info,
        defaults,
        moments: None,
        facts: records,
        facts_source,
        facts_mark: OnceCell::new(),
        subjects,
        deviation: OnceCell::new(),
    };
    let taken_over = match &worker.operations {
        Some(recorder) => operations::take_over(recorder, &loaded).map_err(|error| Error::TakeOver(Box::new(error)))?,
        None => None,
    };
    Ok(New { loaded, ready, taken_over })
}

/// Puts a model with the edits that belong to it in place of the one that is there. What can fail comes first.
fn install(worker: &mut Worker<'_>, new: New) -> Result<(), Stopped> {
    let New { mut loaded, ready, taken_over } = new;
    let mut numbers = BTreeMap::new();
    let mut told = Vec::new();
    if let Some(TakenOver { after, rows, numbers: known, said }) = taken_over {
        told.extend(said.into_iter().map(|(source, level, text)| log(source, level, text)));
        if !after.applied().is_empty() || !after.undone().is_empty() {
            told.push(edits(&after, rows, &known));
        }
        numbers = known;
        loaded.stack.commit(after);
    }
    let ToApply { steps, mut after, rows, said } = applying::build(&loaded, loaded.stack.now(), &worker.options.apply)?;
    worker.emitter.check()?;
    // from here on only the journal can fail, and it does so before anything else has happened
    let recorded = match worker.operations.as_mut() {
        Some(recorder) => recorder.record_anew(numbers, &loaded, &steps)?,
        None => Recorded::default(),
    };
    if !steps.is_empty() {
        after.renumber(&recorded.renumbered);
        let operations = worker.operations.as_ref().map(|recorder| recorder.numbers.clone()).unwrap_or_default();
        told.push(edits(&after, rows, &operations));
        loaded.stack.commit(after);
    }
    told.extend(
        said.into_iter().map(|(level, text)| log(if level == "info" { "edits" } else { "engine" }, level, text)),
    );
    let (facts_source, records) = (loaded.facts_source.clone(), loaded.facts.clone());
    worker.loaded = Some(loaded);
    worker.variants.clear();
    worker.emitter.tell(Event::Model(ready));
    worker.emitter.tell(Event::Facts { source: facts_source, facts: records });
    tell_plugins(&worker.emitter, worker);
    told.into_iter().for_each(|event| worker.emitter.tell(event));
    Ok(())
}

fn log(source: &str, level: &str, text: String) -> Event {
    Event::Log { source: source.to_owned(), level: level.to_owned(), text }
}

/// Threads inside the products of a small model only wait for one another.
fn choose_threads(asked: Option<i32>, all: i32, model: &Model) {
    let suits = if model.parameter_count() < SMALL_MODEL { 1 } else { all };
    tch::set_num_threads(asked.unwrap_or(suits));
}

/// Tells the plugins again, with the values that suit the model as their defaults.
fn tell_plugins(emitter: &Emitter, worker: &Worker<'_>) {
    let Some(loaded) = &worker.loaded else { return };
    for told in worker.registry.plugins() {
        let mut plugin = told.clone();
        loaded.defaults.lay_over(&mut plugin);
        if plugin != told {
            emitter.tell(Event::Plugin(plugin));
        }
    }
}

/// The facts that were asked for, those in the model's folder, or the built-in ones.
fn read_facts(worker: &Worker<'_>, source: &ModelSource, folder: &Path) -> Result<(String, Vec<Fact>), Error> {
    let own: PathBuf = folder.join("facts.json");
    match (&worker.options.facts, source) {
        (Some(file), _) => {
            let read = facts::read_as(file, &worker.options.reading)?;
            tell_bad(&worker.emitter, file, &read.bad);
            Ok((file.display().to_string(), read.facts))
        }
        (None, ModelSource::BuiltIn) => Ok(("built-in facts".to_owned(), facts::read(&own)?)),
        (None, ModelSource::Folder(_)) if own.exists() => Ok((own.display().to_string(), facts::read(&own)?)),
        (None, ModelSource::Folder(_)) => {
            let built_in = locus_demo::assets().iter().find(|(name, _)| *name == "facts.json");
            let text = built_in.and_then(|(_, bytes)| std::str::from_utf8(bytes).ok()).unwrap_or("[]");
            let facts = facts::parse(text).map_err(Error::Request)?;
            Ok(("built-in facts (the folder has no facts.json)".to_owned(), facts))
        }
    }
}

/// The facts whose prompts the model can read; the others are told by name.
fn that_fit(emitter: &Emitter, model: &Model, facts: Vec<Fact>) -> Vec<Fact> {
    let mut left_out = 0;
    let fitting = facts.into_iter().enumerate().filter_map(|(index, fact)| match fits(model, &fact.prompt()) {
        Ok(()) => Some(fact),
        Err(why) => {
            left_out += 1;
            if left_out <= NAMED {
                let subject = quoted(&fact.subject);
                emitter.log("engine", "warning", format!("fact {index} (“{subject}”): {why}; it is left out"));
            }
            None
        }
    });
    let fitting = fitting.collect();
    if left_out > NAMED {
        emitter.log("engine", "warning", format!("{} left out that do not fit the model", counted(left_out, "fact")));
    }
    fitting
}

/// Whether the model can read a prompt.
fn fits(model: &Model, prompt: &str) -> Result<(), String> {
    let context = model.architecture.context;
    // a token is one byte of the prompt at least, or one of few that the tokenizer adds
    if (prompt.len() as i64) < context - ADDED {
        return Ok(());
    }
    let tokens = model.tokenizer.encode(prompt).map_err(|error| error.to_string())?.len() as i64;
    if (1..=context).contains(&tokens) {
        Ok(())
    } else {
        Err(format!("its prompt has {tokens} tokens and the model reads 1 to {context}"))
    }
}

/// Lists the records that were left out.
fn tell_bad(emitter: &Emitter, file: &Path, bad: &[String]) {
    for complaint in bad {
        emitter.log("engine", "warning", format!("{}: {complaint}; it is left out", file.display()));
    }
    if !bad.is_empty() {
        emitter.log("engine", "warning", format!("{}: {} left out", file.display(), counted(bad.len(), "bad record")));
    }
}

fn trying() -> String {
    "trying the model on a prompt".to_owned()
}

/// Runs a prompt with every site tapped and with none: a trace is about the real model when nothing differs.
fn probe(model: &Model, prompt: &str) -> Result<Probe, Error> {
    let _guard = tch::no_grad_guard();
    let ids = Tensor::f_from_slice(&model.tokenizer.encode(prompt)?).and_then(|ids| ids.f_to_device(model.device));
    let ids = ids.doing(trying)?;
    let batch = Batch::whole(1, ids.size()[0]);
    let sites = (0..model.architecture.layers)
        .flat_map(|layer| [Site::Residual(layer), Site::AttentionOut(layer), Site::MlpOut(layer), Site::MlpKey(layer)]);
    let mut taps = Taps::new([Site::Embedding].into_iter().chain(sites).map(Tap::capture).collect());
    let tapped = model.logits(&model.forward(&ids, &batch, &mut taps)?)?;
    let untapped = model.logits(&model.forward(&ids, &batch, &mut Taps::default())?)?;
    let largest = |difference: Tensor| difference.f_abs()?.f_max()?.f_to_kind(Kind::Double)?.f_double_value(&[]);
    let deviation = tapped.f_sub(&untapped).and_then(largest).doing(trying)?;
    let answer = untapped.f_get(-1).and_then(|last| last.f_argmax(None, false)?.f_int64_value(&[])).doing(trying)?;
    Ok(Probe { prompt: prompt.to_owned(), deviation, answer: model.tokenizer.decode(&[answer])? })
}

fn folder_name(folder: &Path) -> String {
    let whole = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    whole.file_name().map_or_else(|| whole.display().to_string(), |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::fits_beside;
    use tch::Device;

    #[test]
    fn another_model_stays_where_the_weights_and_a_run_of_them_fit_beside_it() {
        assert!(fits_beside(100, Device::Cpu, Some(126)));
        assert!(!fits_beside(100, Device::Cpu, Some(125)), "nothing is left to run it");
        assert!(!fits_beside(100, Device::Cpu, None) && !fits_beside(100, Device::Cuda(0), Some(u64::MAX)));
        assert!(!fits_beside(u64::MAX, Device::Cpu, Some(u64::MAX)));
    }
}
