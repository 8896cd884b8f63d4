//! An edit as a job.

use crate::error::Error;
use crate::measuring::{Measured, Question, goal, measure, relations, report};
use crate::moments;
use crate::operations::{plugin_mark, record_edit};
use crate::prediction::tell_remarks;
use crate::preparing::{Prepared, prepare};
use crate::worker::{Stopped, Worker};
use locus_engine::edit::{Edit, EngineHost, HostEvent, SubjectNoises, check, weight_changes};
use locus_engine::model::Model;
use locus_engine::run::lens_rows;
use locus_plugin::{Edited, Level};
use locus_protocol::{
    Applied, BeforeAfter, EditDeed, EditOrder, EditStarted, Event, Fact, JobId, LayerRow, Measures, Phase, PluginKind,
    Scores, Step, WeightChange,
};
use std::collections::BTreeMap;

/// Edits a fact, or several together, and puts what was found in place.
pub fn edit(worker: &mut Worker<'_>, job: JobId, order: EditOrder) -> Result<(), Stopped> {
    let found = find(worker, job, order)?;
    Ok(put_in_place(worker, job, found)?)
}

/// Puts an edit that was found in place, records it, and tells it.
pub fn put_in_place(worker: &mut Worker<'_>, job: JobId, Found { edit, would, model }: Found) -> Result<(), Error> {
    let deed = EditDeed::of(edit.order.clone(), edit.method.clone(), edit.objective.clone(), &would);
    let number = worker.loaded()?.stack.apply_built(edit, would.changes.clone(), model)?;
    let weights = worker.ready()?.stack.weights()?;
    // what is told has been recorded before
    let number = record_edit(worker, number, deed, &weights);
    worker.emitter.tell(Event::Applied(Applied { job, number, weights, ..would }));
    Ok(())
}

/// An edit that was found, not in place yet.
pub struct Found {
    /// Its changes.
    pub edit: Edit,
    /// What they do; the number is 0.
    pub would: Applied,
    /// The model that they make on top of the edits in place.
    pub model: Model,
}

/// Finds an edit and measures what it does to the model as it is. Nothing is put in place.
pub fn find(worker: &mut Worker<'_>, job: JobId, mut order: EditOrder) -> Result<Found, Stopped> {
    let prepared = prepare(worker, &mut order)?;
    if !prepared.plan.second_moments.is_empty() {
        moments::ensure(worker, job, &prepared.plan.second_moments)?;
    }
    let loaded = worker.ready()?;
    worker.emitter.progress(job, Phase::Evaluation, 0, 2);
    let model = loaded.stack.model();
    let fact = Fact { attributes: Vec::new(), ..order.fact.clone() };
    let together: Vec<&Fact> = order.facts().collect();
    let question = Question {
        goal: goal(model, &prepared, 0, &fact),
        lowers: prepared.aim(model, 0).lowers,
        relations: relations(&loaded.facts, &fact, &together),
        spoken: vec![fact.prompt()],
        essence: Vec::new(),
        fact: &fact,
    };
    for fact in &together {
        tell_remarks(worker, model, fact)?;
    }
    let before = Seen::of(worker, model, &question)?;
    let rows = rows_of(model, &order.fact)?;
    worker.emitter.tell(Event::Edit(EditStarted {
        job,
        order: order.clone(),
        layers: prepared.plan.layers.clone(),
        steps: prepared.plan.steps,
        rows: rows.clone(),
    }));
    let edited = run(worker, job, &order, &prepared, rows, false)?;
    check(loaded.stack.model(), &order.method, &edited.deltas)?;
    worker.check_cancel()?;
    worker.emitter.progress(job, Phase::Evaluation, 1, 2);
    Ok(measured(worker, job, &order, &prepared, edited, &question, before)?)
}

/// What is seen of an edit's first fact under one model.
struct Seen {
    scores: Scores,
    measured: Measured,
}

impl Seen {
    fn of(worker: &Worker<'_>, model: &Model, question: &Question<'_>) -> Result<Self, Error> {
        let measured = measure(model, question, &Measures::default(), None, &mut || worker.check_cancel())?;
        Ok(Self { scores: measured.scores(model, question)?, measured })
    }
}

/// Runs the method; `rows` are the rows of the model before. Nothing is put in place. Where `quiet`, steps are not told.
pub fn run(
    worker: &Worker<'_>,
    job: JobId,
    order: &EditOrder,
    prepared: &Prepared,
    rows: Vec<LayerRow>,
    quiet: bool,
) -> Result<Edited, Error> {
    let method = worker.registry.method(&order.method)?;
    let loaded = worker.ready()?;
    let objective = worker.registry.objective(&order.objective)?;
    let shown = shown_tokens(loaded.stack.model(), &order.fact)?;
    let emitter = &worker.emitter;
    let listener = |event| match event {
        HostEvent::Step(..) if quiet => worker.between_steps(),
        HostEvent::Step(report, rows) => {
            emitter.tell(Event::Step(Step {
                job,
                step: report.step,
                steps: report.steps,
                layer: report.layer,
                losses: report.losses,
                rows,
            }));
            worker.between_steps();
        }
        HostEvent::Progress { phase, done, total } => emitter.progress(job, Phase::Method(phase), done, total),
        HostEvent::Log(level, text) => {
            let level = if level == Level::Info { "info" } else { "warning" };
            emitter.log(&order.method, level, text);
        }
    };
    let model = loaded.stack.model();
    let moments = loaded.moments.as_ref();
    let host = EngineHost::new(model, prepared.info.clone(), moments, worker.cancel, rows, shown, listener);
    let started = objective.start(&order.objective_settings).map_err(|error| Error::plugin(&order.objective, error))?;
    host.set_objective(started);
    if let Some(noise) = &prepared.noise {
        let facts = prepared.request.edits.iter().map(|edit| (edit.template.as_str(), edit.subject.as_str()));
        host.set_noises(SubjectNoises::new(model, noise.clone(), facts)?);
    }
    let edited = method.edit(&prepared.request, &order.method_settings, &host);
    let (violation, shortage) = (host.violation(), host.shortage());
    drop(host);
    // cancelled by the user, whatever the method made of it
    worker.check_cancel()?;
    let named = |error| Error::plugin(&order.method, error);
    // nor is it to blame that memory did not suffice for a service
    let edited = edited.map_err(|error| shortage.map_or_else(|| named(error), Error::Engine))?;
    for &layer in &prepared.plan.second_moments {
        let ridge = moments.map_or(0.0, |moments| moments.ridge(layer));
        if ridge > 0.0 {
            let dead = moments.map(|moments| moments.dead_keys(layer)).transpose()?.unwrap_or(0);
            let text = format!(
                "the second moment of layer {layer} is singular ({dead} keys never fire): {ridge:.1e} was added to its \
                 diagonal; more text (--corpus-tokens) may help"
            );
            emitter.log("engine", "warning", text);
        }
    }
    if let Some(delta) = edited.deltas.iter().find(|delta| model.is_tied(&delta.parameter)).filter(|_| !quiet) {
        let text = format!(
            "{} is the unembedding as well: its change moves the logits of all prompts, not only what tokens read",
            delta.parameter
        );
        emitter.log(&order.method, "warning", text);
    }
    match violation {
        Some(what) => Err(named(locus_plugin::Error::Failed(format!("{what}; the fact is left unedited")))),
        None => Ok(edited),
    }
}

/// Measures what changes do to the model as it is.
fn measured(
    worker: &Worker<'_>,
    job: JobId,
    order: &EditOrder,
    prepared: &Prepared,
    edited: Edited,
    question: &Question<'_>,
    before: Seen,
) -> Result<Found, Error> {
    let stack = &worker.ready()?.stack;
    let changes = weight_changes(stack.base(), &edited.deltas)?;
    let model = stack.trial(&edited.deltas)?;
    let after = Seen::of(worker, &model, question)?;
    let mut rows = rows_of(&model, &order.fact)?;
    mark(&mut rows, &changes);
    worker.emitter.progress(job, Phase::Evaluation, 2, 2);
    let Edited { deltas, metrics, notes, .. } = edited;
    let (title, facts) = (title(order, prepared), prepared.request.edits.len());
    let (numbers, said) = report(question, &Measures::default(), before.measured, Some(after.measured));
    let would = Applied {
        job,
        title: title.clone(),
        number: 0,
        facts,
        aim: prepared.aim(&model, 0),
        changes,
        rows,
        scores: BeforeAfter { before: before.scores, after: after.scores },
        metrics,
        notes: prepared.plan.notes.iter().cloned().chain(notes).collect(),
        numbers,
        said,
        weights: BTreeMap::new(),
    };
    let method = plugin_mark(&worker.registry, PluginKind::Method, &order.method);
    let objective = plugin_mark(&worker.registry, PluginKind::Objective, &order.objective);
    Ok(Found { edit: Edit { title, order: order.clone(), method, objective, deltas }, would, model })
}

/// A few words that say which edit this is.
fn title(order: &EditOrder, prepared: &Prepared) -> String {
    let layers: Vec<String> = prepared.plan.layers.iter().map(ToString::to_string).collect();
    let target = prepared.request.edits.first().map_or("", |edit| edit.target.as_str());
    let more = match order.more.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{} L{} · {}{more} · {} “{target}”", order.method, layers.join(","), order.fact.subject, order.objective)
}

/// Puts the relative weight change into the rows of the layers that moved.
pub fn mark(rows: &mut [LayerRow], changes: &[WeightChange]) {
    for change in changes.iter().filter(|change| change.parameter.ends_with(".weight")) {
        if let Some(row) = change.layer.and_then(|layer| rows.get_mut(layer)) {
            row.weight_change = Some(change.relative);
        }
    }
}

/// The rows of a model for a fact whose targets are not empty.
pub fn rows_of(model: &Model, fact: &Fact) -> Result<Vec<LayerRow>, Error> {
    let [new, truth] = shown_tokens(model, fact)?;
    Ok(lens_rows(model, &model.tokenizer.encode(&fact.prompt())?, new, truth)?)
}

/// First tokens of the new and the true target.
fn shown_tokens(model: &Model, fact: &Fact) -> Result<[i64; 2], Error> {
    // a fact that was only ever traced may lack one of them
    let first = |target: &str, other: &str| {
        let target = if target.trim().is_empty() { other } else { target };
        let none = || Error::Request(format!("the target `{target}` has no token; give the answer's text"));
        model.tokenizer.joined(&fact.prompt(), target)?.target().first().copied().ok_or_else(none)
    };
    Ok([first(&fact.target_new, &fact.target_true)?, first(&fact.target_true, &fact.target_new)?])
}
