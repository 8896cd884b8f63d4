//! Actions on the splits of the screen, by vim's window keys.

use crate::panes::{Action, Panes};
use crate::state::{Axis, Change, State, Tone, Tree, Windows, Wish, arrange};
use ratatui::layout::Rect;

pub const WINDOWS: &[Action<Panes>] = &[
    Action {
        name: "split-right",
        help: "split: another view of this pane beside it",
        available: |_, state| can_split(state),
        run: |_, state| split(state, Axis::Columns),
        ..Action::PLAIN
    },
    Action {
        name: "split-below",
        help: "split: another view of this pane below it",
        available: |_, state| can_split(state),
        run: |_, state| split(state, Axis::Rows),
        ..Action::PLAIN
    },
    Action {
        name: "close-pane",
        help: "close this view; numbers bring panes back",
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
        help: "make this pane shorter",
        available: |_, state| several(state),
        run: |_, state| resize(state, Axis::Rows, false),
        ..Action::PLAIN
    },
    Action {
        name: "equal-panes",
        help: "make all panes the same size",
        available: |_, state| several(state),
        run: |_, state| changed(state, |_, tree| tree.equalise()),
        ..Action::PLAIN
    },
    Action {
        name: "swap-panes",
        help: "swap this pane with the next one",
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
            windows.move_out(&state.screen.view);
            shown(windows)
        },
        ..Action::PLAIN
    },
    Action {
        name: "next-layout",
        help: "show the next layout: edit, trace, compare, sweep, …",
        hint: Some(|_, state| format!("layout {}", following(state))),
        available: |_, state| match arrange(state).has_tabs {
            true => Err("layouts need a window of at least 110 by 30; numbers go to panes".to_owned()),
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
        name: "layout-compare-panes",
        help: "show the layout `compare-panes`: layers by variant",
        run: |_, state| show(state, "compare-panes"),
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
        name: "layout-log",
        help: "show the layout `log`: what was said",
        run: |_, state| show(state, "log"),
        ..Action::PLAIN
    },
    Action {
        name: "reset-layouts",
        help: "reset the layouts to the shipped ones",
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

/// Views that a screen with room for one pane may be split into.
const SMALL: usize = 2;

fn can_split(state: &State) -> Result<(), String> {
    match arrange(state).has_tabs && state.screen.tree().panes().len() >= SMALL {
        true => Err("this window has room for two panes; one of 110 by 30 has room for more".to_owned()),
        false => Ok(()),
    }
}

fn several(state: &State) -> Result<(), String> {
    match state.screen.tree().parts().is_empty() {
        true => Err("there is only this pane on the screen".to_owned()),
        false => Ok(()),
    }
}

/// The splits that are on the screen, changed.
fn changed(state: &State, change: impl FnOnce(&mut Windows, &mut Tree)) -> Vec<Wish> {
    let mut windows = state.screen.windows.clone();
    let mut tree = state.screen.tree();
    change(&mut windows, &mut tree);
    if arrange(state).has_tabs {
        windows.forget_closed(&tree.panes());
        let small = Some(tree).filter(|tree| !tree.parts().is_empty());
        return vec![Change::Windows(windows).into(), Change::SmallSplit(small).into()];
    }
    *windows.tree_mut() = tree;
    windows.forget_closed(&[]);
    vec![Change::Windows(windows).into()]
}

/// Another view of the same pane comes beside or below this one.
fn split(state: &State, axis: Axis) -> Vec<Wish> {
    let mut new = String::new();
    let mut wishes = changed(state, |windows, tree| new = windows.split(tree, &state.screen.view, axis));
    let key = state.keymap().first_key(state.pane(), "next-source");
    wishes.extend([Change::Zoom(false).into(), Change::GoTo(new).into()]);
    if !key.is_empty() && super::views::has_sources(state).is_ok() {
        wishes.push(Wish::say(Tone::Plain, format!("{key} shows another model in it; numbers bring other panes")));
    }
    wishes
}

fn close(state: &State) -> Vec<Wish> {
    let view = &state.screen.view;
    let tree = state.screen.tree();
    let views = tree.panes();
    let place = views.iter().position(|name| name == view).unwrap_or(0);
    let next = views.get(place + 1).or_else(|| views.get(place.saturating_sub(1))).map(|next| (*next).to_owned());
    // the keys first: what closes is not to be brought back by them
    let mut wishes: Vec<Wish> = next.map(|next| Change::GoTo(next).into()).into_iter().collect();
    wishes.extend(changed(state, |_, tree| tree.remove(view)));
    wishes.push(Change::Zoom(false).into());
    wishes
}

fn resize(state: &State, axis: Axis, grow: bool) -> Vec<Wish> {
    let mut is_resized = false;
    let wishes = changed(state, |_, tree| is_resized = tree.resize(&state.screen.view, axis, grow));
    if is_resized {
        return wishes;
    }
    let text = if axis == Axis::Rows { "no pane is above or below" } else { "no pane is beside this one" };
    vec![Wish::say(Tone::Plain, text)]
}

fn swap(state: &State) -> Vec<Wish> {
    let view = &state.screen.view;
    let tree = state.screen.tree();
    let views = tree.panes();
    let place = views.iter().position(|name| name == view).unwrap_or(0);
    let next = views[(place + 1) % views.len()];
    changed(state, |_, tree| tree.swap(view, next))
}

/// Goes to the nearest pane in a direction; where only one pane shows, to the next or previous one.
fn go(state: &State, right: i32, down: i32) -> Vec<Wish> {
    let arrangement = arrange(state);
    if arrangement.panes.len() < 2 {
        return super::step_pane(state, right + down > 0);
    }
    let here = arrangement.panes.iter().find(|(view, _)| *view == state.screen.view);
    let Some(here) = here.map(|(_, area)| *area) else { return Vec::new() };
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
    there.map(|(view, _)| Change::GoTo(view.clone()).into()).into_iter().collect()
}

fn show(state: &State, name: &str) -> Vec<Wish> {
    show_of(state, state.screen.windows.clone(), name)
}

/// Shows a layout of these; a pane of it has the keys.
fn show_of(state: &State, mut windows: Windows, name: &str) -> Vec<Wish> {
    windows.show(name);
    let tree = &windows.layout().tree;
    let same = tree.view_of(state.pane()).or_else(|| tree.panes().first().copied());
    let focus = same.filter(|_| !tree.has(&state.screen.view)).map(str::to_owned);
    let mut wishes = shown(windows);
    wishes.push(Change::Zoom(false).into());
    wishes.extend(focus.map(|view| Change::GoTo(view).into()));
    wishes
}

/// Other layouts, and which of them is there: a small screen shows one pane of it.
fn shown(windows: Windows) -> Vec<Wish> {
    let text = format!("layout {}", windows.layout().name);
    vec![Change::Windows(windows).into(), Wish::say(Tone::Plain, text)]
}

/// Keeps the panes as they stand as a layout of this name; one that has the name gives way.
pub fn keep_layout(state: &State, name: &str) -> Result<Vec<Wish>, String> {
    if arrange(state).has_tabs {
        return Err("a layout needs several panes; make this window at least 110 by 30 to save one".to_owned());
    }
    let mut windows = state.screen.windows.clone();
    windows.keep(name);
    let text = format!("saved layout {name}; :layout {name} shows it");
    Ok(vec![Change::Windows(windows).into(), Wish::say(Tone::Plain, text)])
}

/// Forgets a layout; the first that is left shows where it was on the screen.
pub fn remove_layout(state: &State, name: &str) -> Result<Vec<Wish>, String> {
    let mut windows = state.screen.windows.clone();
    known_layout(&windows, name)?;
    if windows.layouts.len() == 1 {
        return Err(format!("{name} is the only layout; save another one first with :layout save NAME"));
    }
    let was_shown = windows.layout().name == name;
    windows.remove(name);
    if was_shown {
        let next = windows.layout().name.clone();
        return Ok(show_of(state, windows, &next));
    }
    Ok(vec![Change::Windows(windows).into(), Wish::say(Tone::Plain, format!("removed layout {name}"))])
}

/// Shows a layout by its name.
pub fn show_layout(state: &State, name: &str) -> Result<Vec<Wish>, String> {
    known_layout(&state.screen.windows, name)?;
    Ok(show(state, name))
}

fn known_layout(windows: &Windows, name: &str) -> Result<(), String> {
    let known: Vec<&str> = windows.layouts.iter().map(|layout| layout.name.as_str()).collect();
    match known.contains(&name) {
        true => Ok(()),
        false => Err(format!("unknown layout `{name}`; the layouts are {}", known.join(", "))),
    }
}
