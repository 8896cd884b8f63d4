//! Keys: first what always works, then what lies on top, then texts, then the keymap.

use crate::actions;
use crate::input::Effect;
use crate::keys::{Found, Key};
use crate::state::Tone;
use crate::workbench::Workbench;

/// A key was pressed.
pub fn press(workbench: &mut Workbench, key: Key) -> Vec<Effect> {
    if let Found::Action(name) = workbench.state.keymap().look_up("", &[key])
        && let Some(action) = actions::find(name).filter(|action| action.always())
    {
        workbench.state.keyboard.pending.clear();
        return workbench.run(action);
    }
    workbench.state.keyboard.interrupted = None;
    let Workbench { state, panes, overlay } = workbench;
    let wishes = if let Some(mut open) = overlay.take() {
        let pressed = open.press(state, panes, key);
        *overlay = pressed.stays.then_some(open);
        pressed.wishes
    } else if let Some(pane) = panes.typing_mut() {
        pane.press(state, key)
    } else {
        return press_in_pane(workbench, key);
    };
    workbench.grant(wishes)
}

/// Text was pasted: it goes where a text is typed, as one line.
pub fn paste(workbench: &mut Workbench, text: &str) -> Vec<Effect> {
    let line: String =
        text.trim_end_matches(['\r', '\n']).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let Workbench { state, panes, overlay } = workbench;
    let wishes = if let Some(open) = overlay {
        open.paste(state, &line)
    } else if let Some(pane) = panes.typing_mut() {
        pane.paste(state, &line)
    } else {
        let filter = state.keymap().first_key("fact", "filter");
        let text = format!("nothing here takes text; {filter} filters facts, {} types one", state.key("own-fact"));
        state.say(Tone::Plain, text);
        Vec::new()
    };
    workbench.grant(wishes)
}

fn press_in_pane(workbench: &mut Workbench, key: Key) -> Vec<Effect> {
    let state = &mut workbench.state;
    state.keyboard.pending.push(key);
    match state.keymap().look_up(state.pane(), &state.keyboard.pending) {
        Found::Action(name) => {
            state.keyboard.pending.clear();
            actions::find(name).map_or_else(Vec::new, |action| workbench.run(action))
        }
        Found::Prefix => Vec::new(),
        Found::Nothing => {
            let first = state.keyboard.pending.len() == 1;
            state.keyboard.pending.clear();
            // A key that continues no sequence counts as the beginning of the next one.
            if first { Vec::new() } else { press_in_pane(workbench, key) }
        }
    }
}
