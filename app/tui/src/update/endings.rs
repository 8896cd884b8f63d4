//! The end of a job: what it said, what follows from it, the sentence about it. A job of a kind that has no words of its own
//! here ends with its title and the time that it took.

use crate::author;
use crate::looks::{probability, seconds, signed};
use crate::state::{Job, Peak, Stage, State, Tone};
use locus_protocol::{AimVerdict, Grade, Intervention, JobId, JobKind, LogLevel, Outcome, Task, TraceKind, TraceOrder};

/// A job ended: every pane that it concerns learns how, and a message says so.
pub fn finish(state: &mut State, job: JobId, outcome: &Outcome, took: f64) {
    let finished = state.end(job, outcome, took);
    state.traces.end(job, outcome);
    state.compare.end(job, outcome, took);
    let stage = match outcome {
        Outcome::Done => Stage::Applied,
        Outcome::Cancelled { kept } => Stage::Cancelled(kept.clone()),
        Outcome::Failed { error, .. } => Stage::Failed(error.clone()),
    };
    state.edits.abandon(job, stage);
    let dropped = state.drop_follower(job, outcome);
    let Some(finished) = finished else { return };
    let is_done = *outcome == Outcome::Done;
    let verdict = verdict(state, &finished).filter(|_| is_done).cloned();
    let fell_short = is_done && fell_short(state, &finished, verdict.as_ref());
    if let Some(ended) = state.jobs.ended.back_mut().filter(|ended| ended.order.job == job) {
        (ended.verdict, ended.fell_short) = (verdict.clone(), fell_short);
    }
    if let Some(ended) = state.jobs.ended.back().filter(|ended| ended.order.job == job)
        && let Task::LeaveOut(look) = &ended.order.task
    {
        state.left_outs.end(look, outcome);
    }
    let took = seconds(took);
    let (tone, level, text) = match outcome {
        Outcome::Done => {
            let is_whole = !fell_short && verdict.as_ref().is_none_or(|verdict| verdict.grade() == Grade::Took);
            let tone = if is_whole { Tone::Good } else { Tone::Warn };
            let level = if fell_short { LogLevel::Warning } else { LogLevel::Info };
            (tone, level, done_sentence(state, &finished, verdict.as_ref(), &took))
        }
        Outcome::Cancelled { kept } if kept.is_empty() => {
            (Tone::Plain, LogLevel::Info, format!("{} was canceled", finished.title))
        }
        Outcome::Cancelled { kept } => {
            (Tone::Plain, LogLevel::Info, format!("{} was canceled; kept: {kept}", finished.title))
        }
        Outcome::Failed { error, .. } => (Tone::Bad, LogLevel::Error, format!("{} failed: {error}", finished.title)),
    };
    match finished.kind {
        JobKind::Load => {
            state.engine.load_trouble = (*outcome != Outcome::Done).then(|| text.clone());
            if *outcome == Outcome::Done {
                state.has_loaded(job);
            }
        }
        JobKind::Trace if *outcome == Outcome::Done => follow_peak(state),
        // what is in place after it was told
        JobKind::Undo | JobKind::Redo if *outcome == Outcome::Done => return,
        // the view that it was for shows it
        JobKind::LeaveOut if *outcome == Outcome::Done => return,
        _ => {}
    }
    let text = dropped.map_or_else(|| text.clone(), |title| format!("{text}; {title} did not start"));
    state.note(level, &text);
    state.notices.say(state.now, tone, text);
    // what the job changed has asked already
    if state.prediction().is_none() {
        state.want_prediction();
    }
}

/// The verdict on a job's edit.
fn verdict<'a>(state: &'a State, job: &Job) -> Option<&'a AimVerdict> {
    let edit = state.edits.view.as_ref().filter(|view| view.job == job.id);
    let view = edit.or_else(|| state.compare.of_job(job.id).map(|attempt| &attempt.view))?;
    view.verdict.as_ref()
}

/// Whether a job did what it was to do and it came to nothing all the same.
fn fell_short(state: &State, job: &Job, verdict: Option<&AimVerdict>) -> bool {
    let undefined = || state.traces.last().is_some_and(|view| view.undefined.is_some());
    verdict.is_some_and(|verdict| !verdict.success) || job.kind == JobKind::Trace && undefined()
}

/// What a job that did what it was to do says.
fn done_sentence(state: &State, job: &Job, verdict: Option<&AimVerdict>, took: &str) -> String {
    let title = &job.title;
    match job.kind {
        JobKind::Load => match &state.engine.model {
            Some(model) => format!("{} is ready after {took}{}", model.name, from_before(state)),
            None => format!("{title}: done in {took}"),
        },
        JobKind::Trace => match early_site(state) {
            Some((token, peak)) if last_trace_ablates(state) => format!(
                "ablated in {took}: layer {} removes {:.0} % of the probability at `{token}`, the subject's last token",
                peak.layer,
                100.0 * peak.effect
            ),
            Some((token, peak)) if peak.effect <= 0.0 => format!(
                "traced in {took}: no state of `{token}`, the subject's last token, restores the answer; greatest {}",
                signed(peak.effect)
            ),
            Some((token, peak)) => format!(
                "traced in {took}: layer {} restores {} at `{token}`, the subject's last token",
                peak.layer,
                signed(peak.effect)
            ),
            None => match state.traces.last().and_then(|view| view.undefined.as_ref()) {
                Some(why) => format!("traced in {took}, but no effect is defined: {why}"),
                None => format!("{title}: done in {took}"),
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
                let undo = state.key("undo");
                match verdict {
                    Some(verdict) => format!("{} ({took}; {undo} undoes it)", verdict.words()),
                    None => format!("edited in {took}: p(new) {new}, p(true) {truth}; {undo} undoes it"),
                }
            }
            None => format!("{title}: done in {took}; {} undoes it", state.key("undo")),
        },
        JobKind::Try => match verdict {
            Some(verdict) => format!("{title}: {}", verdict.words()),
            None => format!("{title}: done in {took}"),
        },
        JobKind::Reload => author::loaded_sentence(state, took),
        _ => format!("{title}: done in {took}"),
    }
}

/// What earlier sessions left, after a model was loaded: edits in place, or those that can be redone.
fn from_before(state: &State) -> String {
    match (state.edits.applied.len(), state.edits.undone.len()) {
        (0, 0) => String::new(),
        (0, 1) => "; one edit of an earlier session can be redone (--fresh starts without it)".to_owned(),
        (0, undone) => format!("; {undone} edits of earlier sessions can be redone (--fresh starts without them)"),
        (1, _) => {
            let list = state.key("edits");
            format!(" with one edit of an earlier session in place; {list} lists it, --fresh starts without it")
        }
        (edits, _) => {
            let list = state.key("edits");
            format!(" with {edits} edits of earlier sessions in place; {list} lists them, --fresh starts without them")
        }
    }
}

/// Moves the layer to where a finished trace of hidden states says that the fact is, unless the user chose one.
fn follow_peak(state: &mut State) {
    let restored = |order: &TraceOrder| (order.kind, order.intervention) == (TraceKind::Hidden, Intervention::Restore);
    if state.layer.chosen || !state.traces.last().is_some_and(|view| restored(&view.started.order)) {
        return;
    }
    if let Some((_, peak)) = early_site(state).filter(|(_, peak)| peak.effect > 0.0) {
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
