//! The workbench on another process' run: it shows what that process writes down, and orders nothing.

use super::fold;
use super::replay::show_fact;
use crate::author;
use crate::input::{Effect, Input};
use crate::overlays::Overlay;
use crate::state::Tone;
use crate::workbench::Workbench;
use locus_protocol::Event;

/// Changes the state by one input. What would order something is not done; a sentence says why.
pub fn fold_read_only(workbench: &mut Workbench, input: Input) -> Vec<Effect> {
    let effects = match input {
        Input::Engine(event) => {
            if matches!(*event, Event::Hello { .. }) {
                workbench.begin_anew();
            }
            if let Event::PluginReloaded(reloaded) = &*event {
                author::note(&mut workbench.state, reloaded);
                return Vec::new();
            }
            show_fact(&mut workbench.state, &event);
            fold(workbench, Input::Engine(event)).into_iter().filter(|effect| !orders(effect)).collect()
        }
        Input::Key(_) | Input::Paste(_) => press(workbench, input),
        other => fold(workbench, other),
    };
    if workbench.state.link.follows.is_some() {
        // nobody is there to be asked
        workbench.state.next_tokens.due = None;
    }
    effects
}

fn press(workbench: &mut Workbench, input: Input) -> Vec<Effect> {
    let before = workbench.clone();
    let effects = fold(workbench, input);
    // leaving cancels nothing here, so that there is nothing to ask
    if effects.contains(&Effect::Quit) || matches!(workbench.overlay, Some(Overlay::Quit)) {
        return vec![Effect::Quit];
    }
    // a job that would wait for the running one is an order as well
    if effects.iter().any(orders) || workbench.state.jobs.last != before.state.jobs.last {
        *workbench = before;
        workbench.say(Tone::Plain, workbench.state.read_only());
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
