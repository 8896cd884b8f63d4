//! Actions on the splits of the screen, by vim's window keys.

use super::Action;
use crate::input::Effect;
use crate::panes::PANES;
use crate::state::{Axis, State, Tone, Windows, arrange};
use ratatui::layout::Rect;

/// The actions.
pub const WINDOWS: &[Action] = &[
    Action {
        name: "split-right",
        help: "split: a further pane beside this one",
        available: can_split,
        run: |state| split(state, Axis::Columns),
        ..Action::PLAIN
    },
    Action {
        name: "split-below",
        help: "split: a further pane below this one",
        available: can_split,
        run: |state| split(state, Axis::Rows),
        ..Action::PLAIN
    },
    Action {
        name: "close-pane",
        help: "take this pane off the screen; its number brings it back",
        available: several,
        run: close,
        ..Action::PLAIN
    },
    Action { name: "go-left", help: "go to the pane on the left", run: |state| go(state, -1, 0), ..Action::PLAIN },
    Action { name: "go-right", help: "go to the pane on the right", run: |state| go(state, 1, 0), ..Action::PLAIN },
    Action { name: "go-up", help: "go to the pane above", run: |state| go(state, 0, -1), ..Action::PLAIN },
    Action { name: "go-down", help: "go to the pane below", run: |state| go(state, 0, 1), ..Action::PLAIN },
    Action {
        name: "wider",
        help: "make this pane wider",
        available: several,
        run: |state| resize(state, Axis::Columns, true),
        ..Action::PLAIN
    },
    Action {
        name: "narrower",
        help: "make this pane narrower",
        available: several,
        run: |state| resize(state, Axis::Columns, false),
        ..Action::PLAIN
    },
    Action {
        name: "taller",
        help: "make this pane taller",
        available: several,
        run: |state| resize(state, Axis::Rows, true),
        ..Action::PLAIN
    },
    Action {
        name: "lower",
        help: "make this pane lower",
        available: several,
        run: |state| resize(state, Axis::Rows, false),
        ..Action::PLAIN
    },
    Action {
        name: "equal-panes",
        help: "give all panes the same room",
        available: several,
        run: |state| {
            state.windows.tree_mut().equalise();
            Vec::new()
        },
        ..Action::PLAIN
    },
    Action {
        name: "swap-panes",
        help: "have this pane change places with the next one",
        available: several,
        run: swap,
        ..Action::PLAIN
    },
    Action {
        name: "own-layout",
        help: "move this pane to a layout of its own",
        available: several,
        run: |state| {
            let pane = state.pane();
            state.windows.move_out(pane);
            said(state)
        },
        ..Action::PLAIN
    },
    Action {
        name: "next-layout",
        help: "show the next layout: edit, trace, compare",
        hint: Some(|state| format!("layout {}", following(state))),
        available: |state| match arrange(state).has_tabs {
            true => Err("layouts need a larger window, of 110 by 30; numbers go to panes".to_owned()),
            false => Ok(()),
        },
        run: |state| {
            let name = following(state);
            show(state, &name)
        },
        ..Action::PLAIN
    },
    Action {
        name: "layout-edit",
        help: "show the layout `edit`: fact, trace, layers, before/after",
        run: |state| show(state, "edit"),
        ..Action::PLAIN
    },
    Action {
        name: "layout-trace",
        help: "show the layout `trace`: a large heat map",
        run: |state| show(state, "trace"),
        ..Action::PLAIN
    },
    Action {
        name: "layout-compare",
        help: "show the layout `compare`: variants and plots",
        run: |state| show(state, "compare"),
        ..Action::PLAIN
    },
    Action {
        name: "reset-layouts",
        help: "take the layouts back to those that were shipped",
        run: |state| {
            let name = state.windows.layout().name.clone();
            state.windows = Windows::shipped();
            show(state, &name)
        },
        ..Action::PLAIN
    },
];

/// Name of the layout after the one on the screen.
fn following(state: &State) -> String {
    let windows = &state.windows;
    let next = (windows.current + 1) % windows.layouts.len().max(1);
    windows.layouts.get(next).map_or_else(String::new, |layout| layout.name.clone())
}

/// Panes that the layout on the screen does not have.
fn hidden(state: &State) -> Vec<&'static str> {
    let tree = &state.windows.layout().tree;
    PANES.iter().map(|pane| pane.name).filter(|name| !tree.has(name)).collect()
}

fn can_split(state: &State) -> Result<(), String> {
    match hidden(state).is_empty() {
        true => Err("all panes are on the screen already".to_owned()),
        false => Ok(()),
    }
}

fn several(state: &State) -> Result<(), String> {
    match state.windows.layout().tree.parts().is_empty() {
        true => Err("there is only this pane in the layout".to_owned()),
        false => Ok(()),
    }
}

/// The next pane that is not there yet, in the order of their numbers, comes beside this one.
fn split(state: &mut State, axis: Axis) -> Vec<Effect> {
    let hidden = hidden(state);
    let after = |name: &&&str| PANES.iter().position(|pane| pane.name == **name) > Some(state.focus);
    let Some(new) = hidden.iter().find(after).or_else(|| hidden.first()).copied() else { return Vec::new() };
    let pane = state.pane();
    state.windows.tree_mut().insert(pane, new, axis);
    state.zoomed = false;
    state.focus_on(new);
    Vec::new()
}

fn close(state: &mut State) -> Vec<Effect> {
    let pane = state.pane();
    let panes = state.windows.layout().tree.panes().iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let place = panes.iter().position(|name| name == pane).unwrap_or(0);
    let next = panes.get(place + 1).or_else(|| panes.get(place.saturating_sub(1)));
    state.windows.tree_mut().remove(pane);
    state.zoomed = false;
    if let Some(next) = next {
        state.focus_on(next);
    }
    Vec::new()
}

fn resize(state: &mut State, axis: Axis, grow: bool) -> Vec<Effect> {
    let pane = state.pane();
    if !state.windows.tree_mut().resize(pane, axis, grow) {
        let text = if axis == Axis::Rows { "no pane is above or below" } else { "no pane is beside this one" };
        state.notices.say(state.now, Tone::Plain, text.to_owned());
    }
    Vec::new()
}

fn swap(state: &mut State) -> Vec<Effect> {
    let pane = state.pane();
    let panes = state.windows.layout().tree.panes();
    let place = panes.iter().position(|name| *name == pane).unwrap_or(0);
    if let Some(next) = panes.get((place + 1) % panes.len().max(1)).map(|name| (*name).to_owned()) {
        state.windows.tree_mut().swap(pane, &next);
    }
    Vec::new()
}

/// Goes to the nearest pane in a direction; where only one pane shows, to the next or previous one.
fn go(state: &mut State, right: i32, down: i32) -> Vec<Effect> {
    let arrangement = arrange(state);
    if arrangement.panes.len() < 2 {
        return super::step_pane(state, right + down > 0);
    }
    let Some(&(_, here)) = arrangement.panes.iter().find(|(index, _)| *index == state.focus) else { return Vec::new() };
    let middle =
        |area: Rect| (i32::from(area.x) * 2 + i32::from(area.width), i32::from(area.y) * 2 + i32::from(area.height));
    let (x, y) = middle(here);
    let ahead = |area: &Rect| match (right, down) {
        (1, _) => area.x >= here.right(),
        (-1, _) => area.right() <= here.x,
        (_, 1) => area.y >= here.bottom(),
        _ => area.bottom() <= here.y,
    };
    let there = arrangement.panes.iter().filter(|(_, area)| ahead(area)).min_by_key(|(_, area)| {
        let (there_x, there_y) = middle(*area);
        (there_x - x).abs() + (there_y - y).abs()
    });
    if let Some(&(index, _)) = there {
        state.focus = index;
    }
    Vec::new()
}

fn show(state: &mut State, name: &str) -> Vec<Effect> {
    state.windows.show(name);
    state.zoomed = false;
    let tree = &state.windows.layout().tree;
    if !tree.has(state.pane())
        && let Some(first) = tree.panes().first().map(|name| (*name).to_owned())
    {
        state.focus_on(&first);
    }
    said(state)
}

/// Says which layout is there; a small screen shows one pane of it.
fn said(state: &mut State) -> Vec<Effect> {
    let text = format!("layout {}", state.windows.layout().name);
    state.notices.say(state.now, Tone::Plain, text);
    Vec::new()
}
