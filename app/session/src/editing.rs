//! An edit as a job, and taking edits back.

use crate::error::Error;
use crate::loading::Loaded;
use crate::moments;
use crate::worker::{Stopped, Worker};
use locus_engine::edit::{Edit, EngineHost, HostEvent, check, weight_changes};
use locus_engine::evaluate::scores;
use locus_engine::run::lens_rows;
use locus_plugin::object::MethodObject;
use locus_plugin::{EditRequest, Edited, Level, Plan};
use locus_protocol::{
    Applied, BeforeAfter, EditOrder, EditStarted, Event, Fact, JobId, LayerRow, Phase, Scores, Step, WeightChange,
};

/// Edits one fact.
pub fn edit(worker: &mut Worker<'_>, job: JobId, mut order: EditOrder) -> Result<(), Stopped> {
    let method = worker.registry.method(&order.method)?;
    let prepared = prepare(worker, method.as_ref(), &mut order)?;
    if !prepared.plan.second_moments.is_empty() {
        moments::ensure(worker, job)?;
    }
    let loaded = worker.loaded.as_ref().ok_or_else(|| Error::Request("no model is loaded".to_owned()))?;
    worker.emitter.progress(job, Phase::Evaluation, 0, 2);
    let before = scores(loaded.stack.model(), &order.fact)?;
    let rows = current_rows(loaded, &order.fact)?;
    worker.emitter.tell(Event::Edit(EditStarted {
        job,
        order: order.clone(),
        layers: prepared.plan.layers.clone(),
        steps: prepared.plan.steps,
        rows: rows.clone(),
    }));
    let edited = run(worker, job, &order, method.as_ref(), &prepared, rows)?;
    check(loaded.stack.model(), &order.method, &edited.deltas)?;
    worker.check_cancel()?;
    finish(worker, job, &order, &prepared, edited, before)
}

/// What is known before a method runs.
struct Prepared {
    request: EditRequest,
    plan: Plan,
}

/// Fills in settings and layers that suit the model, asks the objective for its goal and the method for its plan.
fn prepare(worker: &mut Worker<'_>, method: &dyn MethodObject, order: &mut EditOrder) -> Result<Prepared, Error> {
    let objective = worker.registry.objective(&order.objective)?;
    let cancel = worker.cancel;
    let loaded = worker.loaded()?;
    order.method_settings = loaded.defaults.with(&order.method, &order.method_settings);
    order.objective_settings = loaded.defaults.with(&order.objective, &order.objective_settings);
    if order.layers.is_empty() {
        order.layers = loaded.defaults.layers.get(&order.method).cloned().unwrap_or_default();
    }
    order.layers.sort_unstable();
    order.layers.dedup();
    if let Some(layer) = order.layers.iter().find(|&&layer| layer >= loaded.info.layers) {
        let message = format!("there is no layer {layer}; this model has layers 0 to {}", loaded.info.layers - 1);
        return Err(Error::Request(message));
    }
    let info = loaded.info.clone();
    let model = loaded.stack.model();
    // the subject must be there, whatever the method makes of it
    model.tokenizer.subject_range(&order.fact.prompt(), &order.fact.subject)?;
    let fact = locus_plugin::Fact {
        template: order.fact.template.clone(),
        subject: order.fact.subject.clone(),
        target_true: order.fact.target_true.clone(),
        target_new: order.fact.target_new.clone(),
    };
    let host = EngineHost::new(model, info.clone(), None, cancel, Vec::new(), [0, 0], |_| {});
    let named = |error| Error::plugin(&order.objective, error);
    let goal = objective.start(&order.objective_settings).and_then(|mut aim| aim.goal(&fact, &host)).map_err(named)?;
    let edit = locus_plugin::Edit {
        template: fact.template,
        subject: fact.subject,
        target: goal.target,
        runs_all_steps: goal.runs_all_steps,
    };
    let mut request = EditRequest { edits: vec![edit], layers: order.layers.clone(), seed: order.seed };
    let named = |error| Error::plugin(&order.method, error);
    let plan = method.plan(&request, &order.method_settings, &info).map_err(named)?;
    if let Some(layer) = plan.layers.iter().chain(&plan.second_moments).find(|&&layer| layer >= info.layers) {
        let message = format!("it plans to edit layer {layer}; the model has layers 0 to {}", info.layers - 1);
        return Err(named(locus_plugin::Error::Failed(message)));
    }
    request.layers.clone_from(&plan.layers);
    order.layers.clone_from(&plan.layers);
    Ok(Prepared { request, plan })
}

/// Runs the method.
fn run(
    worker: &Worker<'_>,
    job: JobId,
    order: &EditOrder,
    method: &dyn MethodObject,
    prepared: &Prepared,
    rows: Vec<LayerRow>,
) -> Result<Edited, Error> {
    let loaded = worker.loaded.as_ref().ok_or_else(|| Error::Request("no model is loaded".to_owned()))?;
    let objective = worker.registry.objective(&order.objective)?;
    let shown = shown_tokens(loaded, &order.fact)?;
    let emitter = &worker.emitter;
    let listener = |event| match event {
        HostEvent::Step(report, rows) => emitter.tell(Event::Step(Step {
            job,
            step: report.step,
            steps: report.steps,
            layer: report.layer,
            losses: report.losses,
            rows,
        })),
        HostEvent::Progress { phase, done, total } => emitter.progress(job, Phase::Method(phase), done, total),
        HostEvent::Log(level, text) => {
            let level = if level == Level::Info { "info" } else { "warning" };
            emitter.log(&order.method, level, text);
        }
    };
    let model = loaded.stack.model();
    let moments = loaded.moments.as_ref();
    let host = EngineHost::new(model, loaded.info.clone(), moments, worker.cancel, rows, shown, listener);
    let started = objective.start(&order.objective_settings).map_err(|error| Error::plugin(&order.objective, error))?;
    host.set_objective(started);
    let edited = method.edit(&prepared.request, &order.method_settings, &host);
    let violation = host.violation();
    drop(host);
    // cancelled by the user, whatever the method made of it
    worker.check_cancel()?;
    let named = |error| Error::plugin(&order.method, error);
    let edited = edited.map_err(named)?;
    for &layer in &prepared.plan.second_moments {
        let ridge = moments.map_or(0.0, |moments| moments.ridge(layer));
        if ridge > 0.0 {
            let dead = moments.map_or(0, |moments| moments.dead_keys(layer));
            let text = format!(
                "the second moment of layer {layer} is singular ({dead} keys never fire): {ridge:.1e} was added to its \
                 diagonal; more text (--corpus-tokens) may help"
            );
            emitter.log("engine", "warning", text);
        }
    }
    match violation {
        Some(what) => Err(named(locus_plugin::Error::Failed(format!("{what}; the fact is left unedited")))),
        None => Ok(edited),
    }
}

/// Puts the changes in place and measures what they did.
fn finish(
    worker: &mut Worker<'_>,
    job: JobId,
    order: &EditOrder,
    prepared: &Prepared,
    edited: Edited,
    before: Scores,
) -> Result<(), Stopped> {
    let (plan, title) = (&prepared.plan, title(order, prepared));
    let loaded = worker.loaded()?;
    let changes = weight_changes(loaded.stack.model(), &edited.deltas);
    let Edited { deltas, metrics, notes, .. } = edited;
    loaded.stack.apply(Edit { title: title.clone(), fact: order.fact.clone(), deltas })?;
    let measured = scores(loaded.stack.model(), &order.fact).map_err(Error::from);
    let after = match measured {
        Ok(after) => after,
        Err(error) => {
            // an edit whose effect cannot be measured is not kept
            loaded.stack.undo()?;
            return Err(error.into());
        }
    };
    let mut rows = current_rows(loaded, &order.fact)?;
    mark(&mut rows, &changes);
    worker.emitter.progress(job, Phase::Evaluation, 2, 2);
    let notes = plan.notes.iter().cloned().chain(notes).collect();
    let scores = BeforeAfter { before, after };
    worker.emitter.tell(Event::Applied(Applied { job, title, changes, rows, scores, metrics, notes }));
    Ok(())
}

/// Takes the last edit back.
pub fn undo(worker: &mut Worker<'_>) -> Result<(), Error> {
    let loaded = worker.loaded()?;
    let Some(fact) = loaded.stack.applied().last().map(|edit| edit.fact.clone()) else {
        return Err(Error::Request("there is no edit to undo".to_owned()));
    };
    loaded.stack.undo()?;
    tell_edits(worker, &fact)
}

/// Puts the edit that was taken back last in place again.
pub fn redo(worker: &mut Worker<'_>) -> Result<(), Error> {
    let loaded = worker.loaded()?;
    if !loaded.stack.redo()? {
        return Err(Error::Request("there is no edit to redo".to_owned()));
    }
    let fact = loaded.stack.applied().last().map(|edit| edit.fact.clone()).unwrap_or_default();
    tell_edits(worker, &fact)
}

fn tell_edits(worker: &mut Worker<'_>, fact: &Fact) -> Result<(), Error> {
    let loaded = worker.loaded()?;
    let titles = |edits: &[Edit]| edits.iter().map(|edit| edit.title.clone()).collect();
    let mut rows = current_rows(loaded, fact)?;
    if let Some(edit) = loaded.stack.applied().last() {
        mark(&mut rows, &weight_changes(loaded.stack.base(), &edit.deltas));
    }
    let event = Event::Edits {
        applied: titles(loaded.stack.applied()),
        undone: titles(loaded.stack.undone()),
        rows,
        unedited: loaded.stack.is_unedited(),
    };
    worker.emitter.tell(event);
    Ok(())
}

/// A few words that say which edit this is.
fn title(order: &EditOrder, prepared: &Prepared) -> String {
    let layers: Vec<String> = prepared.plan.layers.iter().map(ToString::to_string).collect();
    let target = prepared.request.edits.first().map_or("", |edit| edit.target.as_str());
    format!("{} L{} · {} · {} “{target}”", order.method, layers.join(","), order.fact.subject, order.objective)
}

/// Puts the relative weight change into the rows of the layers that moved.
fn mark(rows: &mut [LayerRow], changes: &[WeightChange]) {
    for change in changes.iter().filter(|change| change.parameter.ends_with(".weight")) {
        if let Some(row) = change.layer.and_then(|layer| rows.get_mut(layer)) {
            row.weight_change = Some(change.relative);
        }
    }
}

/// The rows of the model as it is now for a fact whose targets are not empty.
pub fn current_rows(loaded: &Loaded, fact: &Fact) -> Result<Vec<LayerRow>, Error> {
    let model = loaded.stack.model();
    let [new, truth] = shown_tokens(loaded, fact)?;
    Ok(lens_rows(model, &model.tokenizer.encode(&fact.prompt())?, new, truth)?)
}

/// First tokens of the new and the true target.
fn shown_tokens(loaded: &Loaded, fact: &Fact) -> Result<[i64; 2], Error> {
    let first = |target: &str| Ok::<_, Error>(loaded.stack.model().tokenizer.encode_target(target)?[0]);
    Ok([first(&fact.target_new)?, first(&fact.target_true)?])
}
