//! The workbench on another process' run: it shows what that process writes down, and orders nothing.

use super::fold;
use crate::author;
use crate::input::{Effect, Input};
use crate::overlays::Overlay;
use crate::replay::show_fact;
use crate::state::{Compare, Edits, Engine, FactList, Jobs, READ_ONLY, State, Tone, Traces};
use locus_protocol::Event;

/// Changes the state by one input. What would order something is not done; a sentence says why.
pub fn fold_read_only(state: &mut State, input: Input) -> Vec<Effect> {
    let effects = match input {
        Input::Engine(event) => {
            if matches!(*event, Event::Hello { .. }) {
                begin_anew(state);
            }
            if let Event::PluginReloaded(reloaded) = &*event {
                author::note(state, reloaded);
                return Vec::new();
            }
            show_fact(state, &event);
            fold(state, Input::Engine(event)).into_iter().filter(|effect| !orders(effect)).collect()
        }
        Input::Key(_) | Input::Paste(_) => press(state, input),
        other => fold(state, other),
    };
    if state.follows.is_some() {
        // nobody is there to be asked
        state.prediction_due = None;
    }
    effects
}

fn press(state: &mut State, input: Input) -> Vec<Effect> {
    let before = state.clone();
    let effects = fold(state, input);
    // leaving cancels nothing here, so that there is nothing to ask
    if effects.contains(&Effect::Quit) || matches!(state.overlay, Some(Overlay::Quit)) {
        return vec![Effect::Quit];
    }
    // a job that would wait for the running one is an order as well
    if effects.iter().any(orders) || state.last_job != before.last_job {
        *state = before;
        state.notices.say(state.now, Tone::Plain, READ_ONLY.to_owned());
        return Vec::new();
    }
    effects
}

fn orders(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::Send(_)
            | Effect::Cancel(_)
            | Effect::Pause(..)
            | Effect::StartEngine
            | Effect::Keep(_)
            | Effect::Build { .. }
            | Effect::StopBuild
    )
}

/// Another session begins in the same journal: nothing of the last one is left.
fn begin_anew(state: &mut State) {
    (state.edits, state.traces, state.facts) = (Edits::default(), Traces::default(), FactList::default());
    (state.engine, state.compare, state.jobs) = (Engine::default(), Compare::default(), Jobs::default());
    (state.job, state.prediction, state.load_trouble) = (None, None, None);
    (state.layer_chosen, state.before_after_scroll) = (false, 0);
}
