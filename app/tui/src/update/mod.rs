//! State and input in, state and effects out. Nothing here reads a clock, a file or a terminal.

mod events;
mod following;
mod keys;

use crate::author;
use crate::input::{Effect, Input};
use crate::looks::duration;
use crate::overlays;
use crate::state::{State, Tone};
use locus_protocol::Command;

/// Changes the state by one input.
pub fn update(state: &mut State, input: Input) -> Vec<Effect> {
    let effects = match state.follows {
        Some(_) => following::fold_read_only(state, input),
        None => fold(state, input),
    };
    if !matches!(state.overlay, Some(overlays::Overlay::Form(_))) {
        state.end_variant_form();
    }
    effects
}

fn fold(state: &mut State, input: Input) -> Vec<Effect> {
    match input {
        Input::Tick(now) => tick(state, now),
        Input::Key(key) => keys::press(state, key),
        Input::Paste(text) => keys::paste(state, &text),
        Input::Resize(columns, rows) => {
            let changed = state.size != (columns, rows);
            state.size = (columns, rows);
            changed.then_some(Effect::Redraw).into_iter().collect()
        }
        Input::Engine(event) => events::absorb(state, *event),
        Input::Build { number, event } => author::absorb(state, number, event),
        Input::EngineGone => {
            state.engine.gone = true;
            (state.job, state.jobs.standing_by) = (None, None);
            state.jobs.waiting.clear();
            let text = "the engine has ended unexpectedly; leave with q and start again".to_owned();
            state.log.push(state.now, "workbench", "error", &text);
            state.notices.say(state.now, Tone::Bad, text);
            Vec::new()
        }
        Input::Continued { away } => {
            if away.as_secs() > 0 {
                state.notices.say(state.now, Tone::Plain, format!("back after {}", duration(away)));
            }
            vec![Effect::Redraw]
        }
        Input::Answer(answer) => {
            let (tone, text) = answer.map_or_else(|text| (Tone::Bad, text), |text| (Tone::Good, text));
            state.notices.say(state.now, tone, text);
            Vec::new()
        }
    }
}

/// Lets time pass.
fn tick(state: &mut State, now: std::time::Duration) -> Vec<Effect> {
    state.now = state.now.max(now);
    state.notices.expire(state.now);
    let due = state.prediction_due.is_some_and(|due| due <= state.now);
    if !due || state.ready_for_a_look().is_err() {
        return Vec::new();
    }
    state.prediction_due = None;
    match state.fact() {
        Some(fact) => vec![Effect::Send(Box::new(Command::Predict { fact: fact.clone() }))],
        None => Vec::new(),
    }
}

/// Whether keys go into a text, so that letters are no commands.
#[must_use]
pub fn is_typing(state: &State) -> bool {
    state.facts.filtering
        || state.facts.own.is_some()
        || state.overlay.as_ref().is_some_and(overlays::Overlay::is_typing)
}
