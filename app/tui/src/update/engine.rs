//! Folds what happens to the engine's process: it answers, ends, comes back, or is taken over by another front.

use super::events::absorb;
use crate::input::Effect;
use crate::overlays::Overlay;
use crate::state::{State, Tone};
use crate::workbench::Workbench;
use locus_link::{Death, Welcome};
use locus_protocol::{Event, JobId, JobKind, LogLevel, Outcome, counted};

/// What a front shows that another one orders for.
fn elsewhere(process: Option<u32>) -> String {
    let process = process.map_or_else(String::new, |process| format!(" {process}"));
    format!("engine{process}, controlled by another workbench")
}

/// The engine has answered.
pub fn welcome(state: &mut State, welcome: &Welcome) {
    state.link.process = Some(welcome.process);
    state.link.journal.clone_from(&welcome.journal);
    state.link.shared = welcome.socket.is_some();
    state.link.keep |= welcome.keep;
    state.jobs.last = state.jobs.last.max(welcome.next_job.saturating_sub(1));
    if !welcome.controls {
        state.link.follows = Some(elsewhere(state.link.process));
    }
}

/// Another front orders from now on, or this one again.
pub fn control(state: &mut State, yours: bool, next_job: JobId) {
    state.jobs.last = state.jobs.last.max(next_job.saturating_sub(1));
    state.link.follows = (!yours).then(|| elsewhere(state.link.process));
    let text = match yours {
        true => "this workbench has control again",
        false => "another workbench has joined and taken control",
    };
    state.say(Tone::Warn, text);
}

/// All that happened before this front came has been told; from now on it orders, if it may.
pub fn caught_up(state: &mut State, controls: bool) {
    if controls {
        state.link.follows = None;
        state.want_prediction();
    }
}

/// The engine has ended: its jobs have failed, and another one is started in its place.
pub fn died(workbench: &mut Workbench, death: &Death) -> Vec<Effect> {
    let sentence = death.sentence();
    let state = &mut workbench.state;
    state.link.process = None;
    state.engine.gone = true;
    let waiting = state.jobs.waiting.len();
    state.jobs.waiting.clear();
    let jobs: Vec<JobId> = state.job().into_iter().chain(state.standing_by()).map(|job| job.id).collect();
    let lost = jobs.iter().rev().find_map(|&job| state.jobs.begun(job).cloned());
    for job in jobs {
        let outcome = Outcome::Failed { error: sentence.clone(), blame: death.blame() };
        absorb(workbench, Event::Finished { job, outcome, seconds: 0.0 });
    }
    let state = &mut workbench.state;
    let mut text = sentence;
    if waiting > 0 {
        text += &format!("; {} in the queue will not run", counted(waiting, "job"));
    }
    state.note(LogLevel::Error, &text);
    for line in &death.last_words {
        state.log.push(state.now, "stderr", LogLevel::Info, line);
    }
    state.say(Tone::Bad, text.clone());
    if state.link.follows.is_some() {
        return Vec::new();
    }
    // a job that was running again counts as the one to go on with
    state.link.lost = lost.filter(|order| order.kind != JobKind::Load).or_else(|| state.link.lost.take());
    state.link.resume = false;
    let comes_back = state.link.died();
    if state.link.joined {
        state.link.lost = None;
    }
    workbench.overlay = Some(Overlay::Died(text));
    if comes_back { vec![Effect::StartEngine] } else { Vec::new() }
}

/// No other engine could be started; why was said.
pub fn not_started(state: &mut State, why: String) {
    state.link.coming_back = false;
    state.note(LogLevel::Error, &why);
    state.say(Tone::Bad, why);
}

/// Another engine was started: the model is loaded into it, where it is known which.
pub fn started(state: &mut State) -> Vec<Effect> {
    state.engine.gone = false;
    if state.lacks_choice() {
        state.link.coming_back = false;
        return Vec::new();
    }
    state.link.coming_back = true;
    let effects = state.load();
    if let Some(job) = &mut state.jobs.job {
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
    let text = format!("a new engine is running, with {edits} in place as recorded");
    state.note(LogLevel::Info, &text);
    state.say(Tone::Good, text);
    if std::mem::take(&mut state.link.resume) { state.run_lost_again() } else { Vec::new() }
}
