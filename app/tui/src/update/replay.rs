//! The records of a session, folded into the state that they led to.

use super::update;
use crate::author;
use crate::input::Input;
use crate::state::State;
use crate::workbench::Workbench;
use locus_protocol::{Event, Fact};

/// Folds a record. Keys are not recorded: which fact and which layer were selected follows from what was asked and
/// ordered. Nothing is ordered again.
pub fn replay(workbench: &mut Workbench, event: Event) {
    if let Event::PluginReloaded(reloaded) = &event {
        // what followed on it comes as records of its own
        return author::note(&mut workbench.state, reloaded);
    }
    show_fact(&mut workbench.state, &event);
    update(workbench, Input::engine(event));
}

/// Selects the fact that a record is about.
pub fn show_fact(state: &mut State, event: &Event) {
    match event {
        Event::Prediction { prompt, .. } if state.fact().is_none_or(|fact| fact.prompt() != *prompt) => {
            select(state, |fact| fact.prompt() == *prompt);
        }
        Event::Trace(started) => select_or_add(state, &started.order.fact),
        Event::Edit(started) => {
            select_or_add(state, &started.order.fact);
            if let [layer] = started.layers.as_slice() {
                state.layer.place = *layer;
                state.form.settings.layers = layer.to_string();
            }
        }
        _ => {}
    }
}

fn select(state: &mut State, wanted: impl Fn(&Fact) -> bool) -> bool {
    let place = state.facts.from(0).position(wanted);
    if let Some(place) = place {
        state.facts.select(place);
    }
    place.is_some()
}

/// A fact that is not among those of the model was typed.
fn select_or_add(state: &mut State, fact: &Fact) {
    if !select(state, |known| known == fact) {
        state.facts.add(fact.clone());
    }
}
