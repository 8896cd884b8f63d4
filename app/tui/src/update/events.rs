//! Folds the engine's events into the state.

use crate::author;
use crate::input::Effect;
use crate::looks::{probability, seconds, signed};
use crate::state::{Edits, Job, Peak, Prediction, Stage, State, Tone, Traces};
use crate::workbench::Workbench;
use locus_protocol::{
    AimVerdict, Command, EditInPlace, Event, Intervention, JobId, JobKind, LayerRow, Outcome, Phase, ShortOrder,
    TraceKind, TraceOrder,
};

/// Folds one event. What waited for it to happen is ordered then.
pub fn absorb(workbench: &mut Workbench, event: Event) -> Vec<Effect> {
    let Workbench { state, panes, .. } = workbench;
    let ends_a_job = matches!(event, Event::Finished { .. });
    let stood_by = matches!(event, Event::Finished { job, .. } if state.stands_by(job));
    let follows = match &event {
        Event::PluginReloaded(reloaded) => author::reloaded(state, reloaded),
        _ => Vec::new(),
    };
    for pane in panes.all_mut() {
        pane.hear(&event);
    }
    fold(state, event);
    if !ends_a_job {
        return follows;
    }
    let mut effects = state.start_next();
    if stood_by {
        // a pause that came too late for it would hold the look up
        effects.push(Effect::Pause(false));
    }
    effects
}

fn fold(state: &mut State, event: Event) {
    match event {
        Event::Hello { version, .. } => state.engine.version = version,
        Event::Plugin(plugin) => {
            state.engine.add_plugin(plugin);
            state.suit_plugins();
        }
        Event::PluginRefused(refused) => {
            let text = format!("{}: {}", refused.file.display(), refused.reason);
            state.log.push(state.now, "plugins", "warning", &text);
            state.engine.refused.push(refused);
        }
        // A job of ours has its title already; others come with a recording that is replayed.
        Event::Started { job, kind, title } => {
            if state.running(job).is_none() {
                state.jobs.last = state.jobs.last.max(job);
                state.begin(Job::new(job, kind, title, state.now));
            }
        }
        Event::Progress { job, phase, done, total } => report(state, job, phase, done, total),
        Event::Finished { job, outcome, seconds } => finish(state, job, &outcome, seconds),
        Event::Model(model) => {
            state.compare.forget_all();
            // nothing of another model's is left
            (state.edits, state.traces, state.next_tokens.told) = (Edits::default(), Traces::default(), None);
            if !state.layer.chosen {
                state.layer.place = model.layers / 3;
            }
            state.layer.place = state.layer.place.min(model.layers.saturating_sub(1));
            state.engine.model = Some(model);
            state.suit_plugins();
            state.want_prediction();
        }
        Event::Facts { source, facts } => {
            state.facts.replace(source, facts);
            state.want_prediction();
        }
        Event::Prediction { prompt, tokens, top, edits, in_place, rows } => {
            let prediction = Prediction { prompt, tokens, top, edits, in_place, rows };
            if prediction.is_of(&state.edits.numbers()) {
                state.edits.refresh(&prediction.prompt, &prediction.rows);
            }
            state.next_tokens.told = Some(prediction);
        }
        Event::Trace(started) => state.traces.begin(started),
        Event::TracePreview { job, scores } => state.traces.preview(job, scores),
        Event::TraceRow { job, token, scores } => state.traces.fill(job, token, scores),
        // averages are asked for without the workbench
        Event::AverageEffects(_) => {}
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
            state.edits.apply(applied);
            note_for_comparison(state, below);
            state.want_prediction();
        }
        Event::Edits { applied, undone, rows, unedited, .. } => settle(state, applied, undone, rows, unedited),
        Event::Answered { to, outcome } => answered(state, to, outcome),
        Event::Saved { job, path } => {
            state.log.push(state.now, "engine", "info", &format!("wrote {}", path.display()));
            if let Some(job) = state.running_mut(job).filter(|job| job.kind == JobKind::Save) {
                job.title = format!("writing the edits to {}", path.display());
            }
        }
        Event::Rescored(rescored) => state.edits.rescored = Some(rescored),
        // the log says it in words
        Event::SecondMoments(_) => {}
        // the workbench orders no check, and what follows on a new build is ordered above
        Event::PluginChecked(_) | Event::PluginReloaded(_) => {}
        // the workbench orders no evaluation
        Event::Evaluated(_) | Event::Summary(_) => {}
        Event::Memory(memory) => state.engine.memory = Some(memory),
        Event::Log { source, level, text } => {
            state.log.push(state.now, &source, &level, &text);
            if level == "error" && source != "stderr" {
                state.say(Tone::Bad, text);
            }
        }
    }
}

/// An edit that was just put in place is known to the comparison, too.
fn note_for_comparison(state: &mut State, below: Vec<u64>) {
    let Some((_, applied)) = &state.edits.last else { return };
    let command = state.jobs.begun(applied.job).map(|order| &order.command);
    match command {
        Some(Command::Edit { order, .. }) if order.more.is_empty() => {
            if let Some(view) = &state.edits.view {
                let (order, applied) = (order.clone(), applied.clone());
                state.compare.note_edit(&order, view.clone(), applied, below);
            }
        }
        Some(Command::Keep { tried, .. }) => state.compare.note_kept(*tried, applied.number),
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

/// A job ended: every pane that it concerns learns how, and a message says so.
fn finish(state: &mut State, job: JobId, outcome: &Outcome, took: f64) {
    let finished = state.end(job, outcome, took);
    state.traces.end(job, outcome);
    state.compare.end(job, outcome, took);
    let stage = match outcome {
        Outcome::Done => Stage::Applied,
        Outcome::Cancelled { kept } => Stage::Cancelled(kept.clone()),
        Outcome::Failed { error, .. } => Stage::Failed(error.clone()),
    };
    state.edits.abandon(job, stage);
    let Some(finished) = finished else { return };
    let fell_short = *outcome == Outcome::Done && fell_short(state, &finished);
    if let Some(ended) = state.jobs.ended.back_mut().filter(|ended| ended.order.job == job) {
        ended.fell_short = fell_short;
    }
    let took = seconds(took);
    let (tone, level, text) = match outcome {
        Outcome::Done => {
            let (tone, level) = if fell_short { (Tone::Warn, "warning") } else { (Tone::Good, "info") };
            (tone, level, done_sentence(state, &finished, &took))
        }
        Outcome::Cancelled { kept } if kept.is_empty() => {
            (Tone::Plain, "info", format!("{} was cancelled", finished.title))
        }
        Outcome::Cancelled { kept } => (Tone::Plain, "info", format!("{} was cancelled; kept: {kept}", finished.title)),
        Outcome::Failed { error, .. } => (Tone::Bad, "error", format!("{} failed: {error}", finished.title)),
    };
    match finished.kind {
        JobKind::Load => state.engine.load_trouble = (*outcome != Outcome::Done).then(|| text.clone()),
        JobKind::Trace if *outcome == Outcome::Done => follow_peak(state),
        JobKind::Trace
        | JobKind::Edit
        | JobKind::Try
        | JobKind::Place
        | JobKind::Rescore
        | JobKind::Evaluate
        | JobKind::Save
        | JobKind::SecondMoments
        | JobKind::Check
        | JobKind::Reload => {}
    }
    state.note(level, &text);
    state.notices.say(state.now, tone, text);
    // what the job changed has asked already
    if state.prediction().is_none() {
        state.want_prediction();
    }
}

/// The verdict on a job's edit that missed its aim.
fn missed<'a>(state: &'a State, job: &Job) -> Option<&'a AimVerdict> {
    let edit = state.edits.view.as_ref().filter(|view| view.job == job.id);
    let view = edit.or_else(|| state.compare.of_job(job.id).map(|attempt| &attempt.view))?;
    view.verdict.as_ref().filter(|verdict| !verdict.success)
}

/// Whether a job did what it was to do and it came to nothing all the same.
fn fell_short(state: &State, job: &Job) -> bool {
    let undefined = || state.traces.last().is_some_and(|view| view.undefined.is_some());
    missed(state, job).is_some() || job.kind == JobKind::Trace && undefined()
}

/// What a job that did what it was to do says.
fn done_sentence(state: &State, job: &Job, took: &str) -> String {
    let title = &job.title;
    match job.kind {
        JobKind::Load => match &state.engine.model {
            Some(model) => format!("{} is ready after {took}{}", model.name, from_before(state)),
            None => format!("{title} is done after {took}"),
        },
        JobKind::Trace => match early_site(state) {
            Some((token, peak)) if last_trace_ablates(state) => format!(
                "ablated in {took}: layer {} deletes {:.0} % of the probability on `{token}`, the subject's last token",
                peak.layer,
                100.0 * peak.effect
            ),
            Some((token, peak)) => format!(
                "traced in {took}: layer {} brings back {} on `{token}`, the subject's last token",
                peak.layer,
                signed(peak.effect)
            ),
            None => match state.traces.last().and_then(|view| view.undefined.as_ref()) {
                Some(why) => format!("traced in {took}, but no effect is defined: {why}"),
                None => format!("{title} is done after {took}"),
            },
        },
        JobKind::Edit => match state.edits.view.as_ref().and_then(|view| view.last_rows()) {
            Some((before, after)) => {
                let arrow = state.glyphs().arrow();
                let change =
                    |before: f64, after: f64| format!("{} {arrow} {}", probability(before), probability(after));
                let (new, truth) = (
                    change(before.probability_new, after.probability_new),
                    change(before.probability_true, after.probability_true),
                );
                match missed(state, job) {
                    Some(verdict) => format!("{} (in place after {took}; u takes it back)", verdict.words()),
                    None => format!("edited in {took}: p(new) {new}, p(true) {truth}; u takes it back"),
                }
            }
            None => format!("{title} is done after {took}; u takes it back"),
        },
        JobKind::Try => match missed(state, job) {
            Some(verdict) => format!("{title}: {}", verdict.words()),
            None => format!("{title} is done after {took}"),
        },
        JobKind::Place
        | JobKind::Rescore
        | JobKind::Evaluate
        | JobKind::Save
        | JobKind::SecondMoments
        | JobKind::Check => {
            format!("{title} is done after {took}")
        }
        JobKind::Reload => author::loaded_sentence(state, took),
    }
}

/// What earlier sessions left, after a model was loaded.
fn from_before(state: &State) -> String {
    match (state.edits.applied.len(), state.edits.undone.len()) {
        (0, 0) => String::new(),
        (0, 1) => "; the edit of an earlier session can be put on again (--fresh starts without)".to_owned(),
        (0, undone) => format!("; {undone} edits of earlier sessions can be put on again (--fresh starts without)"),
        (1, _) => " with the edit of an earlier session in place; U lists it, --fresh starts without".to_owned(),
        (edits, _) => {
            format!(" with {edits} edits of earlier sessions in place; U lists them, --fresh starts without")
        }
    }
}

/// Moves the layer to where a finished trace of hidden states says that the fact is, unless the user chose one.
fn follow_peak(state: &mut State) {
    let restored = |order: &TraceOrder| (order.kind, order.intervention) == (TraceKind::Hidden, Intervention::Restore);
    if state.layer.chosen || !state.traces.last().is_some_and(|view| restored(&view.started.order)) {
        return;
    }
    if let Some((_, peak)) = early_site(state) {
        state.layer.place = peak.layer;
        state.suit_plugins();
    }
}

fn last_trace_ablates(state: &State) -> bool {
    state.traces.last().is_some_and(|view| view.started.order.intervention.is_ablation())
}

/// The last token of the subject in the last trace, and the layer with the greatest effect on it.
fn early_site(state: &State) -> Option<(String, Peak)> {
    let view = state.traces.last()?;
    let token = view.last_subject_token()?;
    let text = view.started.tokens.get(token)?.text.trim().to_owned();
    Some((text, view.peak(Some(token))?))
}

/// A short order that failed says why; what one that went well has done was told before.
fn answered(state: &mut State, to: ShortOrder, outcome: Outcome) {
    let Outcome::Failed { error, .. } = outcome else { return };
    let what = match to {
        ShortOrder::Plugins => "looking for plugins",
        ShortOrder::Undo | ShortOrder::UndoOne { .. } => "undo",
        ShortOrder::Redo => "redo",
    };
    let text = format!("{what} failed: {error}");
    state.note("error", &text);
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
        Some(format!("{weights}took back {title}"))
    } else if after > before {
        let known = |edit: &&EditInPlace| state.edits.applied.iter().all(|there| there.number != edit.number);
        applied.iter().find(known).map(|edit| format!("put on again: {}", edit.title))
    } else {
        None
    };
    state.edits.settle(applied, undone, rows, unedited);
    state.want_prediction();
    if let Some(text) = text {
        state.note("info", &text);
        state.say(Tone::Good, text);
    }
}
