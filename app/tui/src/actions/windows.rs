//! Actions on the splits of the screen, by vim's window keys.

use crate::panes::{Action, NAMES, Panes};
use crate::state::{Axis, Change, State, Tone, Windows, Wish, arrange};
use ratatui::layout::Rect;

/// The actions.
pub const WINDOWS: &[Action<Panes>] = &[
    Action {
        name: "split-right",
        help: "split: a further pane beside this one",
        available: |_, state| can_split(state),
        run: |_, state| split(state, Axis::Columns),
        ..Action::PLAIN
    },
    Action {
        name: "split-below",
        help: "split: a further pane below this one",
        available: |_, state| can_split(state),
        run: |_, state| split(state, Axis::Rows),
        ..Action::PLAIN
    },
    Action {
        name: "close-pane",
        help: "take this pane off the screen; its number brings it back",
        available: |_, state| several(state),
        run: |_, state| close(state),
        ..Action::PLAIN
    },
    Action { name: "go-left", help: "go to the pane on the left", run: |_, state| go(state, -1, 0), ..Action::PLAIN },
    Action { name: "go-right", help: "go to the pane on the right", run: |_, state| go(state, 1, 0), ..Action::PLAIN },
    Action { name: "go-up", help: "go to the pane above", run: |_, state| go(state, 0, -1), ..Action::PLAIN },
    Action { name: "go-down", help: "go to the pane below", run: |_, state| go(state, 0, 1), ..Action::PLAIN },
    Action {
        name: "wider",
        help: "make this pane wider",
        available: |_, state| several(state),
        run: |_, state| resize(state, Axis::Columns, true),
        ..Action::PLAIN
    },
    Action {
        name: "narrower",
        help: "make this pane narrower",
        available: |_, state| several(state),
        run: |_, state| resize(state, Axis::Columns, false),
        ..Action::PLAIN
    },
    Action {
        name: "taller",
        help: "make this pane taller",
        available: |_, state| several(state),
        run: |_, state| resize(state, Axis::Rows, true),
        ..Action::PLAIN
    },
    Action {
        name: "lower",
        help: "make this pane lower",
        available: |_, state| several(state),
        run: |_, state| resize(state, Axis::Rows, false),
        ..Action::PLAIN
    },
    Action {
        name: "equal-panes",
        help: "give all panes the same room",
        available: |_, state| several(state),
        run: |_, state| vec![changed(state, |windows| windows.tree_mut().equalise())],
        ..Action::PLAIN
    },
    Action {
        name: "swap-panes",
        help: "have this pane change places with the next one",
        available: |_, state| several(state),
        run: |_, state| swap(state),
        ..Action::PLAIN
    },
    Action {
        name: "own-layout",
        help: "move this pane to a layout of its own",
        available: |_, state| several(state),
        run: |_, state| {
            let mut windows = state.screen.windows.clone();
            windows.move_out(state.pane());
            shown(windows)
        },
        ..Action::PLAIN
    },
    Action {
        name: "next-layout",
        help: "show the next layout: edit, trace, compare, sweep, …",
        hint: Some(|_, state| format!("layout {}", following(state))),
        available: |_, state| match arrange(state).has_tabs {
            true => Err("layouts need a larger window, of 110 by 30; numbers go to panes".to_owned()),
            false => Ok(()),
        },
        run: |_, state| show(state, &following(state)),
        ..Action::PLAIN
    },
    Action {
        name: "layout-edit",
        help: "show the layout `edit`: fact, trace, layers, before/after",
        run: |_, state| show(state, "edit"),
        ..Action::PLAIN
    },
    Action {
        name: "layout-trace",
        help: "show the layout `trace`: a large heat map",
        run: |_, state| show(state, "trace"),
        ..Action::PLAIN
    },
    Action {
        name: "layout-compare",
        help: "show the layout `compare`: variants and plots",
        run: |_, state| show(state, "compare"),
        ..Action::PLAIN
    },
    Action {
        name: "layout-sweep",
        help: "show the layout `sweep`: a sweep beside fact and trace",
        run: |_, state| show(state, "sweep"),
        ..Action::PLAIN
    },
    Action {
        name: "layout-analysis",
        help: "show the layout `analysis`: what a sweep answers",
        run: |_, state| show(state, "analysis"),
        ..Action::PLAIN
    },
    Action {
        name: "reset-layouts",
        help: "take the layouts back to those that were shipped",
        run: |_, state| show_of(state, Windows::shipped(), &state.screen.windows.layout().name),
        ..Action::PLAIN
    },
];

/// Name of the layout after the one on the screen.
fn following(state: &State) -> String {
    let windows = &state.screen.windows;
    let next = (windows.current + 1) % windows.layouts.len().max(1);
    windows.layouts.get(next).map_or_else(String::new, |layout| layout.name.clone())
}

/// Panes that the layout on the screen does not have.
fn hidden(state: &State) -> Vec<&'static str> {
    let tree = &state.screen.windows.layout().tree;
    NAMES.iter().copied().filter(|name| !tree.has(name)).collect()
}

fn can_split(state: &State) -> Result<(), String> {
    match hidden(state).is_empty() {
        true => Err("all panes are on the screen already".to_owned()),
        false => Ok(()),
    }
}

fn several(state: &State) -> Result<(), String> {
    match state.screen.windows.layout().tree.parts().is_empty() {
        true => Err("there is only this pane in the layout".to_owned()),
        false => Ok(()),
    }
}

/// The same layouts, changed.
fn changed(state: &State, change: impl FnOnce(&mut Windows)) -> Wish {
    let mut windows = state.screen.windows.clone();
    change(&mut windows);
    Change::Windows(windows).into()
}

/// The next pane that is not there yet, in the order of their numbers, comes beside this one.
fn split(state: &State, axis: Axis) -> Vec<Wish> {
    let hidden = hidden(state);
    let after = |name: &&&str| state.screen.place(name) > Some(state.screen.focus);
    let Some(new) = hidden.iter().find(after).or_else(|| hidden.first()).copied() else { return Vec::new() };
    let inserted = changed(state, |windows| windows.tree_mut().insert(state.pane(), new, axis));
    vec![inserted, Change::Zoom(false).into(), Change::Focus(new).into()]
}

fn close(state: &State) -> Vec<Wish> {
    let pane = state.pane();
    let panes = state.screen.windows.layout().tree.panes();
    let place = panes.iter().position(|name| *name == pane).unwrap_or(0);
    let next = panes.get(place + 1).or_else(|| panes.get(place.saturating_sub(1)));
    let next = next.and_then(|name| NAMES.iter().copied().find(|known| known == name));
    let mut wishes = vec![changed(state, |windows| windows.tree_mut().remove(pane)), Change::Zoom(false).into()];
    wishes.extend(next.map(|next| Change::Focus(next).into()));
    wishes
}

fn resize(state: &State, axis: Axis, grow: bool) -> Vec<Wish> {
    let mut windows = state.screen.windows.clone();
    if windows.tree_mut().resize(state.pane(), axis, grow) {
        return vec![Change::Windows(windows).into()];
    }
    let text = if axis == Axis::Rows { "no pane is above or below" } else { "no pane is beside this one" };
    vec![Wish::say(Tone::Plain, text)]
}

fn swap(state: &State) -> Vec<Wish> {
    let pane = state.pane();
    let panes = state.screen.windows.layout().tree.panes();
    let place = panes.iter().position(|name| *name == pane).unwrap_or(0);
    let next = panes.get((place + 1) % panes.len().max(1));
    next.map(|next| changed(state, |windows| windows.tree_mut().swap(pane, next))).into_iter().collect()
}

/// Goes to the nearest pane in a direction; where only one pane shows, to the next or previous one.
fn go(state: &State, right: i32, down: i32) -> Vec<Wish> {
    let arrangement = arrange(state);
    if arrangement.panes.len() < 2 {
        return super::step_pane(state, right + down > 0);
    }
    let focus = state.screen.focus;
    let Some(&(_, here)) = arrangement.panes.iter().find(|(index, _)| *index == focus) else { return Vec::new() };
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
    let name = there.and_then(|(index, _)| NAMES.get(*index));
    name.map(|name| Change::Focus(name).into()).into_iter().collect()
}

fn show(state: &State, name: &str) -> Vec<Wish> {
    show_of(state, state.screen.windows.clone(), name)
}

/// Shows a layout of these; a pane of it has the keys.
fn show_of(state: &State, mut windows: Windows, name: &str) -> Vec<Wish> {
    windows.show(name);
    let tree = &windows.layout().tree;
    let first = tree.panes().first().and_then(|name| NAMES.iter().copied().find(|known| known == name));
    let focus = first.filter(|_| !tree.has(state.pane()));
    let mut wishes = shown(windows);
    wishes.push(Change::Zoom(false).into());
    wishes.extend(focus.map(|pane| Change::Focus(pane).into()));
    wishes
}

/// Other layouts, and which of them is there: a small screen shows one pane of it.
fn shown(windows: Windows) -> Vec<Wish> {
    let text = format!("layout {}", windows.layout().name);
    vec![Change::Windows(windows).into(), Wish::say(Tone::Plain, text)]
}
