//! An edit as a job.

use crate::artifacts;
use crate::engaging::{Engaged, engage, shown_tokens};
use crate::error::Error;
use crate::judging::Aims;
use crate::loading::Loaded;
use crate::measuring::{Measured, Question, measure, relations, report};
use crate::moments;
use crate::operations::{Done, Recorder, commit, plugin_mark};
use crate::prediction::tell_remarks;
use crate::preparing::{Prepared, prepare_on};
use crate::worker::{Stopped, Worker};
use locus_engine::edit::{Edit, EngineHost, HostEvent, weight_changes};
use locus_engine::model::Model;
use locus_engine::run::lens_rows;
use locus_plugin::{Delta, Edited, Level};
use locus_protocol::{
    Applied, BeforeAfter, EditDeed, EditOrder, EditStarted, Event, Fact, JobId, LayerRow, Likeliness, Measures, Phase,
    PluginKind, Scores, Step, TriedOn, WeightChange,
};
use std::rc::Rc;

/// Edits a fact, or several together, and puts what was found in place.
pub fn edit(worker: &mut Worker<'_>, job: JobId, order: EditOrder) -> Result<(), Stopped> {
    // before anything is computed for it
    worker.operations.as_ref().map_or(Ok(()), Recorder::check)?;
    let found = find(worker, job, order, TriedOn::AsItIs)?;
    Ok(put_in_place(worker, job, found)?)
}

/// Puts an edit that was found in place, records it, and tells it.
pub fn put_in_place(worker: &mut Worker<'_>, job: JobId, found: Found) -> Result<(), Error> {
    let Found { edit, would, model, artifacts, .. } = found;
    let deed = EditDeed::of(edit.order.clone(), edit.method.clone(), edit.objective.clone(), &would);
    let after = worker.ready()?.stack.with_built(edit, would.changes.clone(), model)?;
    commit(worker, &Done::edit(deed, &after, artifacts), after, |after, operations| {
        let number = after.applied().last().map_or(0, |edit| edit.number);
        Event::Applied(Applied {
            job,
            number,
            operation: operations.get(&number).copied(),
            weights: after.weights().clone(),
            ..would
        })
    })
}

/// An edit that was found, not in place yet.
pub struct Found {
    /// Its changes.
    pub edit: Rc<Edit>,
    /// What they do; the number is 0.
    pub would: Applied,
    /// What they make of the model that it was found on.
    pub model: Model,
    /// What it aims at.
    pub aims: Aims,
    /// The file of tensors that are kept with it; empty for none.
    pub artifacts: Rc<[u8]>,
}

/// Finds an edit of a model and measures what it does to it. Nothing is put in place.
pub fn find(worker: &mut Worker<'_>, job: JobId, mut order: EditOrder, on: TriedOn) -> Result<Found, Stopped> {
    let prepared = prepare_on(worker, &mut order, on)?;
    if !prepared.plan.second_moments.is_empty() {
        moments::ensure(worker, job, &prepared.plan.second_moments)?;
    }
    let loaded = worker.ready()?;
    let model = loaded.model_on(on);
    for fact in order.facts() {
        tell_remarks(worker, model, fact)?;
    }
    let aims = Aims::new(model, &prepared, &order);
    let before = Before::of(worker, job, &order, &aims, on)?;
    worker.emitter.tell(Event::Edit(EditStarted {
        job,
        order: order.clone(),
        layers: prepared.plan.layers.clone(),
        steps: prepared.plan.steps,
        rows: before.rows.clone(),
        on_top_of: loaded.edits_on(on),
    }));
    let edited = run(worker, job, &order, &prepared, Some(before.rows.clone()))?;
    let Edited { deltas, metrics, notes, artifacts } = edited;
    let artifacts = artifacts::bytes(worker, &order.method, artifacts)?.into();
    worker.check_cancel()?;
    let told = Applied {
        title: title(&order, &prepared),
        facts: prepared.request.edits.len(),
        metrics,
        notes: prepared.plan.notes.iter().cloned().chain(notes).collect(),
        ..Applied::default()
    };
    let (would, model) = weigh(worker, job, &order, &aims, on, &deltas, before, told)?;
    let method = plugin_mark(&worker.registry, PluginKind::Method, &order.method);
    let objective = plugin_mark(&worker.registry, PluginKind::Objective, &order.objective);
    let verdict = would.verdict.clone();
    let edit = Edit { title: would.title.clone(), order, method, objective, deltas, verdict };
    Ok(Found { edit: Rc::new(edit), would, model, aims, artifacts })
}

/// What is seen of an edit's facts under the model before it.
pub struct Before {
    seen: Seen,
    /// Rows of the model for the first fact.
    pub rows: Vec<LayerRow>,
}

impl Before {
    /// Looks at the model that is edited.
    pub fn of(worker: &Worker<'_>, job: JobId, order: &EditOrder, aims: &Aims, on: TriedOn) -> Result<Self, Error> {
        let model = worker.ready()?.model_on(on);
        Ok(Self { seen: Seen::of(worker, job, model, order, aims)?, rows: rows_of(model, &order.fact)? })
    }
}

/// What is seen of an edit's facts under one model.
struct Seen {
    scores: Scores,
    measured: Measured,
    /// By fact.
    likeliness: Vec<Likeliness>,
}

impl Seen {
    fn of(worker: &Worker<'_>, job: JobId, model: &Model, order: &EditOrder, aims: &Aims) -> Result<Self, Error> {
        let loaded = worker.ready()?;
        let fact = scored(order);
        let question = question(loaded, order, &fact, aims)?;
        let measures = Measures::default();
        // what takes the time: the prompts of the record, each token that is said, the other facts
        let all = measures.said_tokens as u64 + 2 + aims.parts();
        let mut done = 0;
        let mut step = || {
            worker.emitter.progress(job, Phase::Evaluation, done, all.max(done));
            done += 1;
            worker.check_cancel()
        };
        step()?;
        let measured = measure(model, &question, &measures, None, &mut step)?;
        let mut likeliness: Vec<Likeliness> = measured.rewrite().into_iter().collect();
        likeliness.extend(aims.further(model, order, &mut || Ok(step()?))?);
        let scores = measured.scores(model, &question)?;
        worker.emitter.progress(job, Phase::Evaluation, all, all);
        Ok(Self { scores, measured, likeliness })
    }
}

/// The first fact of an order as far as it is scored.
fn scored(order: &EditOrder) -> Fact {
    Fact { attributes: Vec::new(), ..order.fact.clone() }
}

fn question<'a>(loaded: &Loaded, order: &EditOrder, fact: &'a Fact, aims: &Aims) -> Result<Question<'a>, Error> {
    let together: Vec<&Fact> = order.facts().collect();
    let goal = aims.first_goal().ok_or_else(|| Error::Request("there is no fact to edit; give one".to_owned()))?;
    Ok(Question {
        goal: goal.clone(),
        lowers: aims.first().lowers,
        relations: relations(&loaded.facts, fact, &together),
        spoken: vec![fact.prompt()],
        essence: Vec::new(),
        fact,
    })
}

/// Measures what changes do to a model; `told` holds what the method said of them.
#[expect(clippy::too_many_arguments, reason = "everything that an edit is")]
pub fn weigh(
    worker: &Worker<'_>,
    job: JobId,
    order: &EditOrder,
    aims: &Aims,
    on: TriedOn,
    deltas: &[Delta],
    before: Before,
    told: Applied,
) -> Result<(Applied, Model), Error> {
    let loaded = worker.ready()?;
    let changes = weight_changes(loaded.stack.base(), deltas)?;
    let model = loaded.trial_on(on, &order.method, deltas)?;
    let after = Seen::of(worker, job, &model, order, aims)?;
    let mut rows = rows_of(&model, &order.fact)?;
    mark(&mut rows, &changes);
    let fact = scored(order);
    let question = question(loaded, order, &fact, aims)?;
    let before = before.seen;
    let verdict = aims.verdict(order, &before.likeliness, &after.likeliness);
    let (numbers, said) = report(&question, &Measures::default(), before.measured, Some(after.measured));
    let scores = BeforeAfter { before: before.scores, after: after.scores };
    let verdict = Some(verdict);
    Ok((Applied { job, aim: aims.first(), changes, rows, scores, numbers, said, verdict, ..told }, model))
}

/// Runs the method; `rows` are the rows of the model before. Nothing is put in place. Without them steps are not told.
pub fn run(
    worker: &Worker<'_>,
    job: JobId,
    order: &EditOrder,
    prepared: &Prepared,
    rows: Option<Vec<LayerRow>>,
) -> Result<Edited, Error> {
    let loaded = worker.ready()?;
    let model = loaded.model_on(prepared.on);
    let quiet = rows.is_none();
    let live = rows.map(|rows| Ok::<_, Error>((rows, shown_tokens(model, &order.fact)?))).transpose()?;
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
    let moments = loaded.moments.as_ref();
    let cancelled = || worker.is_cancelled();
    let host = EngineHost::new(model, prepared.info.clone(), moments, &cancelled, live, listener);
    let Engaged { outcome, .. } =
        engage(worker, order, prepared, &host, |method| method.edit(&prepared.request, &order.method_settings, &host))?;
    drop(host);
    if !quiet {
        worker.tell_remarks();
    }
    // cancelled by the user, whatever the method made of it
    worker.check_cancel()?;
    let edited = outcome?;
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
    if let Some(text) = of_a_tied_embedding(model, &edited.deltas).filter(|_| !quiet) {
        emitter.log(&order.method, "warning", text);
    }
    Ok(edited)
}

/// What is to be said of changes of a token embedding that is the unembedding as well.
pub fn of_a_tied_embedding<'a>(model: &Model, deltas: impl IntoIterator<Item = &'a Delta>) -> Option<String> {
    let delta = deltas.into_iter().find(|delta| model.is_tied(&delta.parameter))?;
    Some(format!("{} is the unembedding as well: its change moves the logits of all prompts", delta.parameter))
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
