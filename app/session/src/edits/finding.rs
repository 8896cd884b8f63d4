//! How an edit is found.

use super::asking::needed;
use super::limits::Losses;
use super::weighing::{Before, Told, unweighed, weigh};
use crate::emitter::log_level;
use crate::error::{Error, Stopped};
use crate::measures::judging::Aims;
use crate::measures::remarks::tell_remarks;
use crate::model::rows::{looking, of_a_tied_embedding};
use crate::moments;
use crate::pace::RunningJob;
use crate::plugins::engaging::{Engaged, engage, only};
use crate::plugins::preparing::{PreparedEdit, prepare_on};
use crate::record::artifacts;
use crate::record::recording::plugin_mark;
use crate::worker::Worker;
use locus_engine::edit::{EngineHost, HostEvent, WeightEdit};
use locus_engine::model::Model;
use locus_plugin::Edited;
use locus_plugin::object::MethodObject;
use locus_plugin_host::Registry;
use locus_protocol::{
    Applied, EditOrder, EditStarted, Event, JobId, LayerRow, LogLevel, Phase, PluginKind, Step, StepRows, TriedOn,
};
use std::rc::Rc;
use std::time::Instant;

/// An edit that was found, not in place yet.
pub struct Found {
    /// The edit with its changes.
    pub edit: Rc<WeightEdit>,
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
pub fn find(worker: &Worker<'_>, number: JobId, mut order: EditOrder, on: TriedOn) -> Result<Found, Stopped> {
    let job = worker.job(number)?;
    let prepared = prepare_on(job, &worker.registry, &mut order, on)?;
    if let Some(needed) = needed(job, &worker.options, &worker.registry, &order, &prepared)? {
        job.tell(Event::SecondMomentsNeeded(needed));
        let kept = "nothing was changed; choose the second moments first, which take long to collect".to_owned();
        return Err(Stopped { error: Error::Cancelled, kept });
    }
    if !prepared.plan.second_moments.is_empty() {
        order.corpus_tokens =
            moments::ensure(job, &worker.options, &prepared.plan.second_moments, order.corpus_tokens)?;
    }
    let loaded = job.loaded;
    let model = loaded.model_on(on);
    for fact in order.facts() {
        tell_remarks(&job.pace.emitter, model, fact)?;
    }
    let aims = Aims::new(model, &prepared.aims, prepared.noise.as_ref(), &order);
    let before = if order.no_scores { None } else { Some(Before::of(job, &order, &aims, on, &prepared.plan.layers)?) };
    let rows = before.as_ref().map_or(&[][..], |before| &before.rows[..]);
    job.tell(Event::Edit(EditStarted {
        job: number,
        order: order.clone(),
        layers: prepared.plan.layers.clone(),
        steps: prepared.plan.steps,
        rows: rows.to_vec(),
        on_top_of: loaded.edits_on(on),
    }));
    let losses = Losses::default();
    let begun = Instant::now();
    let edited = run(
        job,
        &worker.registry,
        &order,
        &prepared,
        Steps::Shown(Shown { rows, which: worker.options.start.step_rows, losses: &losses }),
    )?;
    job.tell(Event::Found { job: number, seconds: begun.elapsed().as_secs_f64() });
    let Edited { deltas, metrics, notes, limits, artifacts } = edited;
    let limits = if limits.is_empty() { losses.limits(&worker.registry, &order.method) } else { limits };
    let artifacts = artifacts::bytes(worker.operations.as_ref(), &job.pace.emitter, &order.method, artifacts)?.into();
    job.check_cancel()?;
    let told = Applied {
        title: title(&order, &prepared),
        facts: prepared.request.edits.len(),
        metrics,
        notes: prepared.plan.notes.iter().cloned().chain(notes).collect(),
        ..Applied::default()
    };
    let told = Told { applied: told, limits };
    let (would, model) = match before {
        Some(before) => weigh(job, &order, &aims, on, &deltas, before, told)?,
        None => unweighed(job, &order, &aims, on, &deltas, told)?,
    };
    let method = plugin_mark(&worker.registry, PluginKind::Method, &order.method);
    let objective = plugin_mark(&worker.registry, PluginKind::Objective, &order.objective);
    let verdict = would.verdict.clone();
    let edit = WeightEdit { title: would.title.clone(), order, method, objective, deltas, verdict };
    Ok(Found { edit: Rc::new(edit), would, model, aims, artifacts })
}

/// What is told of the steps of a method.
pub enum Steps<'a> {
    /// All of them, with rows.
    Shown(Shown<'a>),
    /// How many are done.
    Counted,
    /// Nothing: something larger is told of.
    Silent,
}

/// What the steps of a method are shown with.
pub struct Shown<'a> {
    /// Rows of the model before.
    pub rows: &'a [LayerRow],
    /// Which steps have rows.
    pub which: StepRows,
    /// Takes its losses in.
    pub losses: &'a Losses,
}

/// Runs the method. Nothing is put in place.
pub fn run(
    job: RunningJob<'_>,
    registry: &Registry,
    order: &EditOrder,
    prepared: &PreparedEdit,
    steps: Steps<'_>,
) -> Result<Edited, Error> {
    only(ask(job, registry, order, prepared, steps, |method, host| {
        method.edit(&prepared.request, &order.method_settings, host).map(|edited| vec![edited])
    }))
}

/// Has the method find an edit of each fact of the order as if it were the only one; `None` where it can do that one fact
/// after the other only. Steps are not told.
pub fn run_apart(
    job: RunningJob<'_>,
    registry: &Registry,
    order: &EditOrder,
    prepared: &PreparedEdit,
) -> Option<Result<Vec<Edited>, Error>> {
    let can = registry.method(&order.method).is_ok_and(|method| method.description().info.edits_apart);
    can.then(|| {
        ask(job, registry, order, prepared, Steps::Silent, |method, host| {
            method.edit_apart(&prepared.request, &order.method_settings, host)
        })
    })
}

/// Has the method of an order work, and gives what of its answer is believed.
fn ask(
    job: RunningJob<'_>,
    registry: &Registry,
    order: &EditOrder,
    prepared: &PreparedEdit,
    steps: Steps<'_>,
    call: impl FnOnce(&dyn MethodObject, &EngineHost<'_>) -> locus_plugin::Result<Vec<Edited>>,
) -> Result<Vec<Edited>, Error> {
    let loaded = job.loaded;
    let model = loaded.model_on(prepared.on);
    let counted = matches!(steps, Steps::Counted);
    let shown = if let Steps::Shown(shown) = steps { Some(shown) } else { None };
    let losses = shown.as_ref().map(|shown| shown.losses);
    let quiet = losses.is_none();
    let live = shown.map(|shown| looking(model, &order.fact, shown.rows, shown.which)).transpose()?.flatten();
    let listener = |event| match event {
        HostEvent::Step(report, _) if quiet => {
            if counted {
                job.progress(Phase::Method("steps".to_owned()), report.step, report.steps);
            }
            job.between_steps();
        }
        HostEvent::Step(report, rows) => {
            losses.inspect(|losses| losses.take(report.step, &report.losses));
            job.tell(Event::Step(Step {
                job: job.number,
                step: report.step,
                steps: report.steps,
                layer: report.layer,
                losses: report.losses,
                rows,
            }));
            job.between_steps();
        }
        HostEvent::Progress { phase, done, total } => job.progress(Phase::Method(phase), done, total),
        HostEvent::Log(level, text) => {
            job.log(&order.method, log_level(level), text);
        }
    };
    let moments = loaded.moments();
    let moments = moments.as_deref();
    let cancelled = || job.is_cancelled();
    let host = EngineHost::new(model, prepared.info.clone(), moments, &cancelled, live, listener);
    let Engaged { outcome, .. } = engage(registry, loaded, order, prepared, &host, |method| call(method, &host))?;
    drop(host);
    if !quiet {
        job.pace.tell_remarks();
    }
    // canceled by the user, whatever the method made of it
    job.check_cancel()?;
    let edits = outcome?;
    for &layer in &prepared.plan.second_moments {
        let ridge = moments.map_or(0.0, |moments| moments.ridge(layer));
        if ridge > 0.0 {
            let dead = moments.map(|moments| moments.dead_keys(layer)).transpose()?.unwrap_or(0);
            let text = format!(
                "the second moment of layer {layer} is singular ({dead} keys never fire): {ridge:.1e} was added to its \
                 diagonal; more text (--corpus-tokens) may help"
            );
            job.log("engine", LogLevel::Warning, text);
        }
    }
    for edited in edits.iter().filter(|_| !quiet) {
        if let Some(text) = of_a_tied_embedding(model, &edited.deltas) {
            job.log(&order.method, LogLevel::Warning, text);
        }
    }
    Ok(edits)
}

/// A few words that say which edit this is.
fn title(order: &EditOrder, prepared: &PreparedEdit) -> String {
    let layers: Vec<String> = prepared.plan.layers.iter().map(ToString::to_string).collect();
    let target = prepared.request.edits.first().map_or("", |edit| edit.target.as_str());
    let more = match order.more.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{} L{} · {}{more} · {} “{target}”", order.method, layers.join(","), order.fact.subject, order.objective)
}
