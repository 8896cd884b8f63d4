//! Folds the engine's events into the state.

use super::endings;
use super::engine::came_back;
use super::is_typing;
use crate::author;
use crate::input::Effect;
use crate::overlays::{MomentsQuestion, Overlay};
use crate::state::{Edits, Job, Prediction, State, Tone, Traces};
use crate::workbench::Workbench;
use locus_protocol::{
    EditInPlace, Event, JobId, JobKind, Keep, LayerRow, LogLevel, Outcome, Phase, SecondMomentsNeeded, Task,
};

/// Folds one event. What waited for it to happen is ordered then.
pub fn absorb(workbench: &mut Workbench, event: Event) -> Vec<Effect> {
    let Workbench { state, panes, overlay } = workbench;
    let ended = match &event {
        Event::Finished { job, outcome, .. } => Some((*job, outcome.clone())),
        _ => None,
    };
    // the user may look at something else by then
    let long = state.launch.own.bell_after.unwrap_or(f64::INFINITY);
    let rings = state.link.follows.is_none()
        && matches!(&event, Event::Finished { job, seconds, .. }
            if *seconds >= long && state.running(*job).is_some_and(|job| !job.cancelling));
    let loaded = match &event {
        Event::Finished { job, outcome, .. } => {
            let kind = state.running(*job).map(|job| job.kind);
            if *outcome == Outcome::Done && kind.is_some_and(|kind| kind != JobKind::Load) {
                state.link.is_well();
            }
            (kind == Some(JobKind::Load)).then(|| outcome.clone())
        }
        _ => None,
    };
    let follows = match &event {
        Event::PluginReloaded(reloaded) => author::reloaded(state, reloaded),
        _ => Vec::new(),
    };
    let is_known = is_known(state, &event);
    if !is_known {
        let now = state.now;
        panes.all_mut().into_iter().for_each(|pane| pane.hear(now, &event));
    }
    if matches!(event, Event::Model(_)) && !is_known {
        // what asked was of the model before
        overlay.take_if(|overlay| matches!(overlay, Overlay::Moments(_)));
    }
    if let Event::SecondMomentsNeeded(needed) = event {
        ask(workbench, needed);
        return follows;
    }
    fold(state, event, is_known);
    let Some((job, outcome)) = ended else { return follows };
    let mut effects = loaded.map(|outcome| came_back(state, &outcome)).unwrap_or_default();
    effects.extend(state.put_back(job, &outcome));
    effects.extend(state.start_next());
    effects.extend(rings.then_some(Effect::Ring));
    effects
}

/// Asks what is to become of second moments that an edit needs; where something else has the keys, the edit asks again when it
/// is ordered again.
fn ask(workbench: &mut Workbench, needed: SecondMomentsNeeded) {
    let is_typing = is_typing(workbench);
    let Workbench { state, overlay, .. } = workbench;
    // not of a recording
    if state.jobs.begun(needed.job).is_none() {
        return;
    }
    if let Some(Overlay::Moments(question)) = overlay {
        question.asks_too(needed.job);
    } else if overlay.is_none() && !is_typing {
        *overlay = Some(Overlay::Moments(MomentsQuestion::new(needed)));
    } else {
        let text = format!(
            "{} needs second moments, and none are stored for this model; run it again to choose",
            needed.method
        );
        state.say(Tone::Warn, text);
    }
}

/// Whether an engine that was started in the place of another tells the model and the facts of that one.
fn is_known(state: &State, event: &Event) -> bool {
    let is_same = match event {
        Event::Model(model) => state.engine.model.as_ref().is_some_and(|known| known.fingerprint == model.fingerprint),
        Event::Facts { facts, .. } => state.facts.recorded() == facts.as_slice(),
        _ => false,
    };
    is_same && state.link.coming_back
}

/// Puts away what belongs to the model that was there, and brings what belongs to the one of this fingerprint.
fn leave_model(state: &mut State, now: &str) {
    let before = state.engine.model.as_ref().map(|model| model.fingerprint.clone());
    let before = before.filter(|before| before != now);
    let before = before.map(|before| (before, state.of_model()));
    if before.is_some() {
        (state.link.lost, state.link.resume) = (None, false);
    }
    state.jobs.change_model(before.is_some());
    state.compare.forget_all();
    // nothing of another model's is left
    (state.edits, state.traces, state.next_tokens.told) = (Edits::default(), Traces::default(), None);
    state.left_outs.forget();
    state.screen.windows.unselect(None);
    state.link.recorded = false;
    let settings = state.launch.form.clone();
    state.change_model(before, now, settings);
}

fn fold(state: &mut State, event: Event, is_known: bool) {
    match event {
        Event::Hello { version, .. } => state.engine.version = version,
        Event::Plugin(plugin) => {
            state.engine.add_plugin(plugin);
            state.suit_plugins();
        }
        Event::PluginRefused(refused) => {
            let text = format!("{}: {}", refused.file.display(), refused.reason);
            state.log.push(state.now, "plugins", LogLevel::Warning, &text);
            state.engine.refused.push(refused);
        }
        // A job of ours has its title already; others come with a recording that is replayed.
        Event::Started { job, kind, title } if state.running(job).is_none() => {
            state.jobs.last = state.jobs.last.max(job);
            state.begin(Job::new(job, kind, title, state.now));
        }
        Event::Progress { job, phase, done, total } => report(state, job, phase, done, total),
        Event::Finished { job, outcome, seconds } => endings::finish(state, job, &outcome, seconds),
        Event::Model(model) => {
            if is_known {
                // what was measured holds, changes that were tried are lost
                state.compare.lose_changes();
                (state.edits.applied, state.edits.undone) = (Vec::new(), Vec::new());
            } else {
                leave_model(state, &model.fingerprint);
                if !state.layer.chosen {
                    state.layer.place = model.layers / 3;
                }
            }
            state.layer.place = state.layer.place.min(model.layers.saturating_sub(1));
            state.engine.model = Some(model);
            state.suit_plugins();
            state.want_prediction();
        }
        Event::Unloaded => {
            leave_model(state, "");
            state.engine.model = None;
        }
        Event::Facts { .. } if is_known => {}
        Event::Facts { source, facts } => {
            let first = state.engine.model.as_ref().and_then(|model| model.first_fact);
            state.facts.replace(source, facts, first);
            state.screen.windows.unselect(Some("fact"));
            state.want_prediction();
        }
        Event::Prediction { prompt, tokens, top, edits, in_place, rows, says: _ } => {
            // what another process asks is not known
            let targets = state.next_tokens.asked(&prompt).filter(|_| state.link.follows.is_none());
            let prediction = Prediction { prompt, targets, tokens, top, edits, in_place, rows };
            if prediction.is_of(&state.edits.numbers()) {
                state.edits.refresh(&prediction);
            }
            state.next_tokens.told = Some(prediction);
        }
        Event::Trace(started) => state.traces.begin(started),
        Event::TracePreview { job, scores } => state.traces.preview(job, scores),
        Event::TraceRow { job, token, scores } => state.traces.fill(job, token, scores),
        Event::Edit(started) => {
            if let Some(running) = state.running_mut(started.job) {
                running.plan(started.steps);
            }
            let is_tried = state.running(started.job).is_some_and(|job| job.kind == JobKind::Try);
            if is_tried && state.compare.of_job(started.job).is_none() {
                state.compare.adopt(&state.engine, &started);
            }
            if !state.compare.start(&started) {
                state.edits.begin(started);
            }
        }
        Event::Step(step) => {
            let now = state.now;
            if let Some(running) = state.running_mut(step.job) {
                running.step(step.step, step.steps, now);
            }
            if !state.compare.step(&step) {
                state.edits.step(step);
            }
        }
        Event::Tried(tried) => state.compare.finish(tried),
        Event::Applied(applied) => {
            let below = state.edits.numbers();
            state.link.recorded |= applied.operation.is_some();
            state.edits.apply(applied);
            state.traces.forget_answers();
            note_for_comparison(state, below);
            state.want_prediction();
        }
        Event::Edits { applied, undone, rows, unedited, .. } => {
            state.link.recorded |= applied.iter().chain(&undone).any(|edit| edit.operation.is_some());
            settle(state, applied, undone, rows, unedited);
        }
        Event::Answered { outcome, .. } => answered(state, outcome),
        Event::Saved { job, path } => {
            state.log.push(state.now, "engine", LogLevel::Info, &format!("wrote {}", path.display()));
            if let Some(job) = state.running_mut(job).filter(|job| job.kind == JobKind::Save) {
                job.title = format!("writing the edits to {}", path.display());
            }
        }
        Event::LeftOut(seen) => state.left_outs.take(seen),
        Event::Rescored(rescored) => state.edits.rescored = Some(rescored),
        Event::Memory(memory) => state.engine.memory = Some(memory),
        Event::Log { source, level, text } => {
            state.log.push(state.now, &source, level, &text);
            if level == LogLevel::Error && source != "stderr" {
                state.notices.say(state.now, Tone::Bad, text);
            }
        }
        // what the workbench does not order; panes have heard it
        _ => {}
    }
}

/// An edit that was just put in place is known to the comparison, too.
fn note_for_comparison(state: &mut State, below: Vec<u64>) {
    let Some((_, applied)) = &state.edits.last else { return };
    let task = state.jobs.begun(applied.job).map(|order| &order.task);
    match task {
        Some(Task::Edit(order)) if order.more.is_empty() => {
            if let Some(view) = &state.edits.view {
                let (order, applied) = (order.clone(), applied.clone());
                state.compare.note_edit(&order, view.clone(), applied, below);
            }
        }
        Some(Task::Keep(Keep { tried })) => state.compare.note_kept(*tried, applied.number),
        _ => {}
    }
}

/// Notes how far a job is.
fn report(state: &mut State, job: JobId, phase: Phase, done: u64, total: u64) {
    let now = state.now;
    if let Some(running) = state.running_mut(job) {
        running.report(phase, done, total, now);
    }
}

/// Plugins that could not be looked for.
fn answered(state: &mut State, outcome: Outcome) {
    let Outcome::Failed { error, .. } = outcome else { return };
    let text = format!("looking for plugins failed: {error}");
    state.note(LogLevel::Error, &text);
    state.say(Tone::Bad, text);
}

/// What is in place after an undo or redo, and what changed.
fn settle(state: &mut State, applied: Vec<EditInPlace>, undone: Vec<EditInPlace>, rows: Vec<LayerRow>, unedited: bool) {
    let (before, after) = (state.edits.applied.len(), applied.len());
    // a job says itself what it put in place
    let in_a_job = state.job().is_some_and(|job| matches!(job.kind, JobKind::Load | JobKind::Place));
    let text = if in_a_job {
        None
    } else if after < before {
        let title = undone.last().map(|edit| edit.title.clone()).unwrap_or_default();
        // the verdict comes first: a narrow screen cuts the end off
        let weights = if unedited { "weights identical to checkpoint: " } else { "" };
        Some(format!("{weights}undid {title}"))
    } else if after > before {
        let known = |edit: &&EditInPlace| state.edits.applied.iter().all(|there| there.number != edit.number);
        applied.iter().find(known).map(|edit| format!("redid {}", edit.title))
    } else {
        None
    };
    state.edits.settle(applied, undone, rows, unedited);
    state.traces.forget_answers();
    state.want_prediction();
    if let Some(text) = text {
        state.note(LogLevel::Info, &text);
        state.say(Tone::Good, text);
    }
}
