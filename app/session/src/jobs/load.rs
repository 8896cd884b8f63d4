//! Loading a model with its facts.

use crate::error::{Error, Stopped};
use crate::model::device::{self, ChosenDevices};
use crate::model::facts;
use crate::model::loaded::Loaded;
use crate::record::applying::{self, ToApply};
use crate::record::placing::{self, TakenOver};
use crate::record::recording::Recorded;
use crate::record::telling::edits;
use crate::worker::Worker;
use locus_engine::Doing;
use locus_engine::edit::{model_info, number_format};
use locus_engine::model::{Batch, Checkpoint, Model, Site, Tap, Taps};
use locus_engine::moments::fingerprint;
use locus_hub::{Hub, Named};
use locus_protocol::{
    Event, Fact, JobId, Load, LogLevel, ModelMark, ModelReady, ModelSource, Phase, Probe, folder_name,
};
use locus_records::ModelDefaults;
use locus_records::failure_point::reach;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tch::{Kind, Tensor};

/// Parameters below which one CPU thread is the fastest.
const SMALL_MODEL: u64 = 20_000_000;

/// Runs of the probe: with every site tapped, and with none.
const PROBES: u64 = 2;

/// Facts that are looked at for one whose prompt the model reads.
const TRIED: usize = 10;

/// What a model takes besides its weights when it is run, as a part of them.
const RUN: u64 = 4;

/// Loads a model in place of the one that is there, which stays until all is ready, where there is room for both. Where
/// there is not, it goes once everything but the weights was looked at.
pub fn run(worker: &mut Worker<'_>, job: JobId, load: &Load) -> Result<(), Stopped> {
    let Load { source } = load;
    let choice = device::choose(&worker.options.start.device, worker.options.start.number_format)?;
    let folder = match source {
        ModelSource::BuiltIn => {
            locus_demo::materialize(&worker.options.cache.join("built-in-model")).map_err(Error::BuiltIn)?
        }
        ModelSource::Folder(named) => folder_named(named)?,
    };
    reach("look at the checkpoint")?;
    let checkpoint = Checkpoint::look(&folder)?;
    let reading = (worker.options.start.facts.as_deref(), &worker.options.start.reading);
    let facts = facts::read(&worker.pace.emitter, reading, source, &folder)?;
    let bytes = checkpoint.bytes(device::kind(worker.options.start.number_format));
    let makes_room = worker.loaded.is_some() && !fits_beside(bytes, choice.are_cpu(), locus_engine::available());
    if makes_room {
        worker.loaded = None;
        worker.variants.clear();
        worker.pace.tell(Event::Unloaded);
    }
    let built = build(worker, job, source, choice, checkpoint, facts);
    built.and_then(|new| install(worker, new)).map_err(|stopped| match makes_room {
        true if stopped.error.is_cancelled() => Stopped { kept: "no model is loaded now".to_owned(), ..stopped },
        true => Stopped { error: Error::NoModelNow(Box::new(stopped.error)), ..stopped },
        false => stopped,
    })
}

/// Whether weights of so many bytes can be read and run while another model stays in memory.
fn fits_beside(bytes: u64, on_cpu: bool, available: Option<u64>) -> bool {
    let needed = bytes.saturating_add(bytes / RUN);
    on_cpu && available.is_some_and(|available| needed < available)
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
    choice: ChosenDevices,
    checkpoint: Checkpoint,
    (facts_source, records): (String, Vec<Fact>),
) -> Result<New, Stopped> {
    let kind = device::kind(worker.options.start.number_format);
    let folder = checkpoint.folder.clone();
    reach("read the weights")?;
    let places = choice.lay(&checkpoint, kind);
    let model = checkpoint.load_at(places, &mut |reading| {
        worker.pace.emitter.progress(job, Phase::Weights, reading.done, reading.total);
        worker.pace.check_cancel()
    })?;
    let asked = if worker.options.start.reproducible { Some(1) } else { worker.options.start.threads };
    choose_threads(asked, worker.all_threads, &model);
    for note in &model.notes {
        worker.pace.log("engine", LogLevel::Warning, note);
    }
    let records = facts::that_fit(&worker.pace.emitter, &model, records);
    let probed = |runs: u64| {
        worker.pace.emitter.progress(job, Phase::Probe, runs, PROBES);
        worker.pace.check_cancel()
    };
    probed(0)?;
    let read = |fact: &&Fact| model.tokenizer.encode(&fact.prompt()).is_ok();
    let prompt = records.iter().take(TRIED).find(read).map_or_else(|| "The".to_owned(), Fact::prompt);
    reach("probe the model")?;
    let probe = probe(&model, &prompt, &probed)?;
    probed(PROBES)?;
    let name = match source {
        ModelSource::BuiltIn => "built-in".to_owned(),
        ModelSource::Folder(_) => folder_name(&folder.canonicalize().unwrap_or_else(|_| folder.clone())),
    };
    let info = model_info(&model, &name);
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
        device: choice.told(&model.places),
        reproducible: worker.options.start.reproducible,
        probe,
        // the number is one of the facts that come with the model
        first_fact: ModelDefaults::of(&info.family, info.layers, info.hidden)
            .first_fact
            .filter(|_| worker.options.start.facts.is_none()),
    };
    let loaded = Loaded::new(folder, model, mark, info, (facts_source, records));
    let taken_over = match &worker.operations {
        Some(recorder) => placing::take_over(recorder, &loaded).map_err(|error| Error::TakeOver(Box::new(error)))?,
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
    let ToApply { steps, mut after, rows, said } =
        applying::build(&loaded, loaded.stack.now(), &worker.options.start.apply)?;
    worker.pace.emitter.check()?;
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
        said.into_iter()
            .map(|(level, text)| log(if level == LogLevel::Info { "edits" } else { "engine" }, level, text)),
    );
    let (facts_source, records) = (loaded.facts_source.clone(), loaded.facts.clone());
    worker.loaded = Some(loaded);
    worker.variants.clear();
    worker.pace.tell(Event::Model(ready));
    worker.pace.tell(Event::Facts { source: facts_source, facts: records });
    tell_plugins(worker);
    told.into_iter().for_each(|event| worker.pace.tell(event));
    Ok(())
}

fn log(source: &str, level: LogLevel, text: String) -> Event {
    Event::Log { source: source.to_owned(), level, text }
}

/// Threads inside the products of a small model only wait for one another.
fn choose_threads(asked: Option<i32>, all: i32, model: &Model) {
    let suits = if model.parameter_count() < SMALL_MODEL { 1 } else { all };
    tch::set_num_threads(asked.unwrap_or(suits));
}

/// Tells the plugins again, with the values that suit the model as their defaults.
fn tell_plugins(worker: &Worker<'_>) {
    let Some(loaded) = &worker.loaded else { return };
    for told in worker.registry.plugins() {
        let mut plugin = told.clone();
        loaded.defaults.lay_over(&mut plugin);
        if plugin != told {
            worker.pace.tell(Event::Plugin(plugin));
        }
    }
}

fn trying() -> String {
    "testing the model on a prompt".to_owned()
}

/// Runs a prompt with every site tapped and with none: a trace is about the real model when nothing differs.
fn probe(model: &Model, prompt: &str, probed: &dyn Fn(u64) -> locus_engine::Result<()>) -> Result<Probe, Error> {
    let _guard = tch::no_grad_guard();
    let ids = Tensor::f_from_slice(&model.tokenizer.encode(prompt)?).and_then(|ids| ids.f_to_device(model.device));
    let ids = ids.doing(trying)?;
    let batch = Batch::whole(1, ids.size()[0]);
    let sites = (0..model.architecture.layers)
        .flat_map(|layer| [Site::Residual(layer), Site::AttentionOut(layer), Site::MlpOut(layer), Site::MlpKey(layer)]);
    let mut taps = Taps::new([Site::Embedding].into_iter().chain(sites).map(Tap::capture).collect());
    let tapped = model.logits(&model.forward(&ids, &batch, &mut taps)?)?;
    probed(1)?;
    let untapped = model.logits(&model.forward(&ids, &batch, &mut Taps::default())?)?;
    let largest = |difference: Tensor| difference.f_abs()?.f_max()?.f_to_kind(Kind::Double)?.f_double_value(&[]);
    let deviation = tapped.f_sub(&untapped).and_then(largest).doing(trying)?;
    let answer = untapped.f_get(-1).and_then(|last| last.f_argmax(None, false)?.f_int64_value(&[])).doing(trying)?;
    Ok(Probe { prompt: prompt.to_owned(), deviation, answer: model.tokenizer.decode(&[answer])? })
}

/// The folder that was named: as it is, or the snapshot that the hub's cache on this machine has of an id. Nothing is
/// downloaded here.
fn folder_named(named: &Path) -> Result<PathBuf, Error> {
    let id = match Named::of(named) {
        Named::Folder(folder) => return Ok(folder),
        Named::Id(id) => id,
    };
    match Hub::from_environment().and_then(|hub| hub.find_only(&id)) {
        Ok(folder) => Ok(folder),
        // what is said of a folder that is not there
        Err(_) if id.is_bare() => Ok(named.to_owned()),
        Err(error) => {
            Err(Error::Request(format!("there is no folder {id}, and as an id of the Hugging Face hub: {error}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fits_beside;

    #[test]
    fn another_model_stays_where_the_weights_and_a_run_of_them_fit_beside_it() {
        assert!(fits_beside(100, true, Some(126)));
        assert!(!fits_beside(100, true, Some(125)), "nothing is left to run it");
        assert!(!fits_beside(100, true, None) && !fits_beside(100, false, Some(u64::MAX)));
        assert!(!fits_beside(u64::MAX, true, Some(u64::MAX)));
    }
}
