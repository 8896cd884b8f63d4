//! Folds what happens to the engine's process: it answers, ends, comes back, or is taken over by another front.

use super::events::absorb;
use crate::actions;
use crate::input::Effect;
use crate::overlays::Overlay;
use crate::state::{State, Tone};
use locus_link::{Death, Welcome};
use locus_protocol::{Event, JobId, JobKind, Outcome, counted};

/// What a front shows that another one orders for.
fn elsewhere(process: Option<u32>) -> String {
    let process = process.map_or_else(String::new, |process| format!(" {process}"));
    format!("engine{process}, another workbench orders")
}

/// The engine has answered.
pub fn welcome(state: &mut State, welcome: &Welcome) {
    state.link.process = Some(welcome.process);
    state.link.journal.clone_from(&welcome.journal);
    state.link.shared = welcome.socket.is_some();
    state.link.keep |= welcome.keep;
    state.last_job = state.last_job.max(welcome.next_job.saturating_sub(1));
    if !welcome.controls {
        state.follows = Some(elsewhere(state.link.process));
    }
}

/// Another front orders from now on, or this one again.
pub fn control(state: &mut State, yours: bool, next_job: JobId) {
    state.last_job = state.last_job.max(next_job.saturating_sub(1));
    state.follows = (!yours).then(|| elsewhere(state.link.process));
    let text = if yours { "this workbench orders again" } else { "another workbench has joined and orders now" };
    state.notices.say(state.now, Tone::Warn, text.to_owned());
}

/// All that happened before this front came has been told; from now on it orders, if it may.
pub fn caught_up(state: &mut State, controls: bool) {
    if controls {
        state.follows = None;
        state.want_prediction();
    }
}

/// The engine has ended: its jobs have failed, and another one is started in its place.
pub fn died(state: &mut State, death: &Death) -> Vec<Effect> {
    let sentence = death.sentence();
    state.link.process = None;
    state.engine.gone = true;
    let waiting = state.jobs.waiting.len();
    state.jobs.waiting.clear();
    let jobs: Vec<JobId> = state.job.iter().chain(state.standing_by()).map(|job| job.id).collect();
    let lost = jobs.iter().rev().find_map(|&job| state.jobs.begun(job).cloned());
    for job in jobs {
        let outcome = Outcome::Failed { error: sentence.clone(), blame: death.blame() };
        absorb(state, Event::Finished { job, outcome, seconds: 0.0 });
    }
    let mut text = sentence;
    if waiting > 0 {
        text += &format!("; {} that waited will not run", counted(waiting, "job"));
    }
    state.log.push(state.now, "workbench", "error", &text);
    for line in &death.last_words {
        state.log.push(state.now, "stderr", "info", line);
    }
    state.notices.say(state.now, Tone::Bad, text.clone());
    if state.follows.is_some() {
        return Vec::new();
    }
    // a job that was running again counts as the one to go on with
    state.link.lost = lost.filter(|order| order.kind != JobKind::Load).or_else(|| state.link.lost.take());
    state.link.resume = false;
    let comes_back = state.link.died();
    state.overlay = Some(Overlay::Died(text));
    if comes_back { vec![Effect::StartEngine] } else { Vec::new() }
}

/// Another engine was started: the model is loaded into it.
pub fn started(state: &mut State) -> Vec<Effect> {
    state.engine.gone = false;
    state.link.coming_back = true;
    let effects = actions::load(state);
    if let Some(job) = &mut state.job {
        job.title = "loading the model into a new engine".to_owned();
    }
    effects
}

/// Loading has ended in an engine that was started in the place of another: what is there now, and the job to go on with.
pub fn came_back(state: &mut State, outcome: &Outcome) -> Vec<Effect> {
    if !std::mem::take(&mut state.link.coming_back) || *outcome != Outcome::Done {
        return Vec::new();
    }
    let edits = match state.edits.applied.len() {
        0 => "no edits".to_owned(),
        edits => counted(edits, "edit"),
    };
    let text = format!("a new engine is there, with {edits} in place as recorded");
    state.log.push(state.now, "workbench", "info", &text);
    state.notices.say(state.now, Tone::Good, text);
    if std::mem::take(&mut state.link.resume) { resume(state) } else { Vec::new() }
}

/// Runs the job again that the engine's end cut off.
pub fn resume(state: &mut State) -> Vec<Effect> {
    match state.link.lost.take() {
        Some(order) => state.order_again(&order),
        None => Vec::new(),
    }
}
