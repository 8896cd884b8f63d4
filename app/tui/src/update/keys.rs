//! Keys: first what always works, then what lies on top, then texts, then the keymap.

use crate::actions::{self, Action};
use crate::input::Effect;
use crate::keys::{Found, Key};
use crate::overlays;
use crate::state::{State, Tone};
use crate::text_input;
use crossterm::event::KeyCode;

/// A key was pressed.
pub fn press(state: &mut State, key: Key) -> Vec<Effect> {
    if let Found::Action(name) = state.keymap.look_up("", &[key])
        && let Some(action) = actions::find(name).filter(|action| action.always)
    {
        state.pending.clear();
        return run(state, action);
    }
    state.interrupted = None;
    if state.overlay.is_some() {
        return overlays::press(state, key);
    }
    if state.facts.own.is_some() {
        press_in_own_fact(state, key);
        return Vec::new();
    }
    if state.facts.filtering {
        press_in_filter(state, key);
        return Vec::new();
    }
    press_in_pane(state, key)
}

/// Text was pasted: it goes where a text is typed, as one line.
pub fn paste(state: &mut State, text: &str) -> Vec<Effect> {
    let line: String =
        text.trim_end_matches(['\r', '\n']).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if state.overlay.is_some() {
        overlays::paste(state, &line);
    } else if let Some(own) = state.facts.own.as_mut() {
        text_input::insert(own.input(), &line);
    } else if state.facts.filtering {
        text_input::insert(&mut state.facts.filter, &line);
        state.facts.apply_filter();
        state.want_prediction();
    } else {
        state.notices.say(state.now, Tone::Plain, "nothing here takes text; / filters facts, i types one".to_owned());
    }
    Vec::new()
}

/// Runs an action, or says why it cannot run.
pub fn run(state: &mut State, action: &Action) -> Vec<Effect> {
    match (action.available)(state) {
        Ok(()) => (action.run)(state),
        Err(why) => {
            state.notices.say(state.now, Tone::Plain, why);
            Vec::new()
        }
    }
}

fn press_in_pane(state: &mut State, key: Key) -> Vec<Effect> {
    state.pending.push(key);
    let pane = state.pane();
    match state.keymap.look_up(pane, &state.pending) {
        Found::Action(name) => {
            state.pending.clear();
            actions::find(name).map_or_else(Vec::new, |action| run(state, action))
        }
        Found::Prefix => Vec::new(),
        Found::Nothing => {
            let first = state.pending.len() == 1;
            state.pending.clear();
            // A key that continues no sequence counts as the beginning of the next one.
            if first { Vec::new() } else { press_in_pane(state, key) }
        }
    }
}

fn press_in_filter(state: &mut State, key: Key) {
    match key.code {
        KeyCode::Enter => state.facts.filtering = false,
        KeyCode::Esc => {
            state.facts.filtering = false;
            state.facts.filter.reset();
            state.facts.apply_filter();
        }
        KeyCode::Down => state.facts.select(state.facts.selected() + 1),
        KeyCode::Up => state.facts.select(state.facts.selected().saturating_sub(1)),
        _ if text_input::press(&mut state.facts.filter, key) => state.facts.apply_filter(),
        _ => return,
    }
    state.want_prediction();
}

fn press_in_own_fact(state: &mut State, key: Key) {
    let Some(own) = state.facts.own.as_mut() else { return };
    match key.code {
        KeyCode::Esc => state.facts.own = None,
        KeyCode::BackTab | KeyCode::Up => own.step(false),
        KeyCode::Tab | KeyCode::Down => own.step(true),
        KeyCode::Enter if own.field + 1 < own.fields.len() && own.fields[own.field + 1].value().is_empty() => {
            own.step(true)
        }
        KeyCode::Enter => match own.fact() {
            Ok(fact) => {
                state.facts.own = None;
                state.facts.add(fact);
                // The same prompt may have other targets now.
                state.prediction = None;
                state.want_prediction();
            }
            Err((field, error)) => (own.field, own.error) = (field, Some(error)),
        },
        _ => {
            if text_input::press(own.input(), key) {
                own.error = None;
            }
        }
    }
}
