//! What the user can do, as a table. Keys, help, hints and palette all come from it.

mod commands;
mod copying;
mod views;
mod windows;

pub use commands::{COMMANDS, Command, Completion, complete, folder, run};
pub use copying::COPYING;
pub use views::VIEWS;
pub use windows::WINDOWS;

use crate::as_command;
use crate::author;
use crate::input::Effect;
use crate::keys::{Keymap, KeymapError};
use crate::looks::and_more;
use crate::panes::{Act, Action, Motion, NAMES, PANES, Panes, action_table, unselect};
use crate::state::{Change, Opening, State, Tone, Wish, arrange};
use locus_protocol::{EditInPlace, EditOrder, PluginKind, Redo, SaveTarget, Undo};
use std::time::Duration;
use tui_input::Input;

/// Two presses of Ctrl-c within this time ask whether to leave.
const TWICE: Duration = Duration::from_secs(2);

/// Actions that belong to no pane.
pub const GLOBAL: &[Action<Panes>] = &[
    Action {
        name: "cancel",
        help: "cancel the running job; twice with none running: leave",
        hint: Some(|_, _| "cancel".into()),
        always: true,
        run: |_, state| cancel(state),
        ..Action::PLAIN
    },
    Action {
        name: "trace",
        help: "trace the selected fact: which states carry it",
        hint: Some(|_, _| "trace".into()),
        available: |_, state| can_look_at_fact(state),
        run: |panes, state| {
            let mut wishes = vec![Change::Focus("trace").into()];
            wishes.extend(panes.trace.start(state));
            wishes
        },
        ..Action::PLAIN
    },
    Action {
        name: "edit-form",
        help: "choose method, objective, layers and settings",
        hint: Some(|_, _| "edit form".into()),
        available: |_, state| match state.engine.model {
            Some(_) => Ok(()),
            None => state.ready_for_a_job().and(Err("the model is not loaded yet".into())),
        },
        run: |_, _| vec![Wish::Open(Opening::Form)],
        ..Action::PLAIN
    },
    Action {
        name: "run",
        help: "edit the selected fact with the form's settings",
        hint: Some(|_, state| state.run_hint()),
        available: |_, state| can_use_fact(state),
        run: |_, state| match edited_already(state) {
            Some(_) => vec![Wish::Open(Opening::EditAgain)],
            None => start_edit(state),
        },
        ..Action::PLAIN
    },
    Action {
        name: "sweep",
        help: "edit at every layer with the form's settings; measure",
        available: |_, state| can_use_fact(state),
        run: |panes, state| panes.sweep.start(state),
        ..Action::PLAIN
    },
    Action {
        name: "analysis",
        help: "analyze the rows of the sweep: does localization help?",
        run: |panes, state| panes.analysis.open(state),
        ..Action::PLAIN
    },
    Action {
        name: "freeze",
        help: "freeze the table of layers; again: follow the edit",
        hint: Some(|_, state| if state.edits.frozen.is_some() { "follow again" } else { "freeze" }.into()),
        available: |_, state| match (&state.edits.frozen, state.edits.running()) {
            (None, false) => Err("no edit is running, so there is nothing to freeze".into()),
            _ => Ok(()),
        },
        run: |_, _| vec![Change::ToggleFreeze.into()],
        ..Action::PLAIN
    },
    Action {
        name: "jobs",
        help: "list jobs; cancel, pause, run again",
        available: |_, state| match state.jobs.waiting.is_empty()
            && state.jobs.ended.is_empty()
            && state.job().is_none()
        {
            true => Err("there are no jobs yet".into()),
            false => Ok(()),
        },
        run: |_, _| vec![Wish::Open(Opening::Jobs)],
        ..Action::PLAIN
    },
    Action {
        name: "pause",
        help: "pause the running job; again: resume it",
        available: |_, state| match state.pauses() {
            None => Err("no job is running".into()),
            Some(job) if job.cancelling => Err("the job is being canceled".into()),
            Some(_) => Ok(()),
        },
        run: |_, _| vec![Change::TogglePause.into()],
        ..Action::PLAIN
    },
    Action {
        name: "undo",
        help: "undo the last edit",
        hint: Some(|_, _| "undo".into()),
        available: |_, state| match state.edits.applied.is_empty() {
            true => Err("no edit is in place, so there is nothing to undo".into()),
            false => state.ready_for_history(),
        },
        run: |_, _| vec![Wish::order("undo".to_owned(), Undo::LAST)],
        ..Action::PLAIN
    },
    Action {
        name: "redo",
        help: "redo the edit that was undone last",
        hint: Some(|_, _| "redo".into()),
        available: |_, state| match state.edits.undone.is_empty() {
            true => Err("no edit was undone, so there is nothing to redo".into()),
            false => state.ready_for_history(),
        },
        run: |_, _| vec![Wish::order("redo".to_owned(), Redo::default())],
        ..Action::PLAIN
    },
    Action {
        name: "edits",
        help: "list the edits in place; undo any of them",
        run: |_, _| vec![Wish::Open(Opening::Edits)],
        ..Action::PLAIN
    },
    Action {
        name: "save-edits",
        help: "write the edits in place to a safetensors file",
        available: |_, state| match state.edits.applied.is_empty() {
            true => Err("no edit is in place, so there is nothing to save".into()),
            false => state.ready_for_a_job(),
        },
        run: |_, state| save_edits(state),
        ..Action::PLAIN
    },
    Action {
        name: "load",
        help: "open another model; load one that was canceled or failed",
        hint: Some(|_, state| if state.opens_list() { "open a model" } else { "load the model" }.into()),
        available: |_, state| match (&state.engine.model, state.job()) {
            _ if state.link.follows.is_some() => state.ready_for_a_job(),
            _ if state.engine.gone => Ok(()),
            (Some(_), _) => state.ready_to_wait(),
            (None, Some(job)) => Err(format!("{} is running; {} cancels it", job.title, state.key("cancel"))),
            (None, None) => Ok(()),
        },
        run: |_, state| match state.opens_list() {
            true => vec![Wish::Open(Opening::Models)],
            false => vec![Change::Load.into()],
        },
        ..Action::PLAIN
    },
    Action {
        name: "models",
        help: "list the models that can be opened",
        available: |_, state| match state.link.follows.is_some() || state.engine.gone {
            true => state.ready_for_a_job(),
            false => Ok(()),
        },
        run: |_, _| vec![Wish::Open(Opening::Models)],
        ..Action::PLAIN
    },
    Action {
        name: "rebuild-plugin",
        help: "build the method's crate, rerun the last edit with it",
        available: |_, state| author::crate_of(state, PluginKind::Method).map(|_| ()),
        run: |_, state| author::rebuild_chosen(state, PluginKind::Method),
        ..Action::PLAIN
    },
    Action {
        name: "rebuild-objective",
        help: "build the objective's crate, rerun the last edit with it",
        available: |_, state| author::crate_of(state, PluginKind::Objective).map(|_| ()),
        run: |_, state| author::rebuild_chosen(state, PluginKind::Objective),
        ..Action::PLAIN
    },
    Action {
        name: "as-command",
        help: "show and copy the last trace or edit as a command",
        available: |_, state| as_command::last(state).map(|_| ()),
        run: |_, state| show_command(state),
        ..Action::PLAIN
    },
    Action {
        name: "build-output",
        help: "show the output of cargo for a plugin's crate",
        available: |_, state| match state.build.plugin {
            Some(_) => Ok(()),
            None => Err(format!("no crate has been built yet; {} builds the method's", state.key("rebuild-plugin"))),
        },
        run: |_, _| vec![Wish::Open(Opening::BuildOutput)],
        ..Action::PLAIN
    },
    Action {
        name: "own-fact",
        help: "type a fact of your own",
        hint: Some(|_, _| "own fact".into()),
        run: |panes, _| {
            panes.fact.type_fact(None);
            vec![Change::Focus("fact").into()]
        },
        ..Action::PLAIN
    },
    Action {
        name: "amend-fact",
        help: "type a fact, starting from the selected one",
        available: |_, state| state.chosen_fact().map(|_| ()),
        run: |panes, state| {
            panes.fact.type_fact(state.fact());
            vec![Change::Focus("fact").into()]
        },
        ..Action::PLAIN
    },
    Action {
        name: "help",
        help: "show the keys",
        hint: Some(|_, _| "help".into()),
        run: |_, _| vec![Wish::Open(Opening::Help)],
        ..Action::PLAIN
    },
    Action {
        name: "palette",
        help: "find an action by its name",
        hint: Some(|_, _| "actions".into()),
        run: |_, _| vec![Wish::Open(Opening::Palette)],
        ..Action::PLAIN
    },
    Action { name: "next-pane", help: "go to the next pane", run: |_, state| step_pane(state, true), ..Action::PLAIN },
    Action {
        name: "previous-pane",
        help: "go to the previous pane",
        run: |_, state| step_pane(state, false),
        ..Action::PLAIN
    },
    Action {
        name: "zoom",
        help: "give the pane the whole screen; again: all panes",
        hint: Some(|_, state| if state.screen.zoomed { "all panes" } else { "zoom" }.into()),
        available: |_, state| match arrange(state).has_tabs {
            true if !state.screen.zoomed => {
                Err("the pane already fills the screen; a larger window shows several".into())
            }
            _ => Ok(()),
        },
        run: |_, state| vec![Change::Zoom(!state.screen.zoomed).into()],
        ..Action::PLAIN
    },
    Action {
        name: "model",
        help: "show the model, device, memory and plugins",
        run: |_, _| vec![Wish::Open(Opening::Model)],
        ..Action::PLAIN
    },
    Action {
        name: "last-error",
        help: "show the last error in full",
        available: |_, state| state.notices.last_error().map(|_| ()).ok_or_else(|| "no errors so far".into()),
        run: |_, _| vec![Wish::Open(Opening::Error)],
        ..Action::PLAIN
    },
    Action {
        name: "export",
        help: "write the pane to CSV, JSON, Markdown and SVG files",
        available: has_table,
        run: |panes, state| panes.export(state),
        ..Action::PLAIN
    },
    Action { name: "up", help: "move up", run: |panes, state| panes.motion(state, Motion::Up), ..Action::PLAIN },
    Action { name: "down", help: "move down", run: |panes, state| panes.motion(state, Motion::Down), ..Action::PLAIN },
    Action { name: "left", help: "move left", run: |panes, state| panes.motion(state, Motion::Left), ..Action::PLAIN },
    Action {
        name: "right",
        help: "move right",
        run: |panes, state| panes.motion(state, Motion::Right),
        ..Action::PLAIN
    },
    Action {
        name: "page-up",
        help: "move half a page up",
        run: |panes, state| panes.motion(state, Motion::PageUp),
        ..Action::PLAIN
    },
    Action {
        name: "page-down",
        help: "move half a page down",
        run: |panes, state| panes.motion(state, Motion::PageDown),
        ..Action::PLAIN
    },
    Action {
        name: "top",
        help: "move to the beginning",
        run: |panes, state| panes.motion(state, Motion::Top),
        ..Action::PLAIN
    },
    Action {
        name: "bottom",
        help: "move to the end",
        run: |panes, state| panes.motion(state, Motion::Bottom),
        ..Action::PLAIN
    },
    Action {
        name: "leave",
        help: "leave what is open: selection, filter, zoom, freeze",
        run: |_, state| {
            let change = if let Some(wish) = unselect(state) {
                return vec![wish];
            } else if state.edits.frozen.is_some() {
                Change::ToggleFreeze
            } else if !state.facts.filter.value().is_empty() {
                Change::Filter(Input::default())
            } else {
                Change::Zoom(false)
            };
            vec![change.into()]
        },
        ..Action::PLAIN
    },
    Action {
        name: "redraw",
        help: "redraw the screen",
        always: true,
        run: |_, _| vec![Effect::Redraw.into()],
        ..Action::PLAIN
    },
    Action {
        name: "suspend",
        help: "suspend to the shell; `fg` returns here",
        always: true,
        run: |_, _| vec![Effect::Suspend.into()],
        ..Action::PLAIN
    },
    Action {
        name: "detach",
        help: "leave the workbench; the engine keeps running",
        hint: Some(|_, _| "detach".into()),
        available: |_, state| match state.link.shared {
            true => Ok(()),
            false => Err("no other front can join this engine, so it ends with the workbench".to_owned()),
        },
        run: |_, _| vec![Effect::Keep(true).into(), Effect::Quit.into()],
        ..Action::PLAIN
    },
    Action {
        name: "quit",
        help: "leave the workbench",
        hint: Some(|_, _| "quit".into()),
        run: |_, state| quit(state),
        ..Action::PLAIN
    },
];

/// All actions: the global ones, then those of the panes.
#[must_use]
pub fn all() -> Vec<&'static dyn Act> {
    let of_panes = PANES.iter().flat_map(|pane| std::iter::once(&pane.go as &dyn Act).chain((pane.actions)()));
    let tables = [action_table(GLOBAL), action_table(COPYING), action_table(WINDOWS), action_table(VIEWS)];
    tables.into_iter().flatten().chain(of_panes).collect()
}

/// An action by its name.
#[must_use]
pub fn find(name: &str) -> Option<&'static dyn Act> {
    all().into_iter().find(|action| action.name() == name)
}

/// The keymap that ships with the program.
///
/// # Errors
/// The shipped file is wrong; a test sees to it that it is not.
pub fn keymap() -> Result<Keymap, KeymapError> {
    Keymap::shipped(NAMES.to_vec(), all().into_iter().map(Act::name).collect())
}

/// Orders an edit of the selected fact with what the form says.
pub fn start_edit(state: &State) -> Vec<Wish> {
    order_edit(state, Wish::order)
}

/// Orders the same after an edit of the fact is undone.
pub fn replace_edit(state: &State, edit: u64) -> Vec<Wish> {
    order_edit(state, |title, order| Change::Replace { edit, title, order: Box::new(order) }.into())
}

/// The newest edit in place of a fact that the form would edit.
pub fn edited_already(state: &State) -> Option<&EditInPlace> {
    let order = state.edit_order().ok()?;
    order.facts().find_map(|fact| state.edits.of_fact(fact))
}

fn order_edit(state: &State, wish: impl FnOnce(String, EditOrder) -> Wish) -> Vec<Wish> {
    match state.edit_order() {
        Ok(order) => {
            let subject = and_more(&order.fact.subject, order.more.len());
            let title = format!("editing {subject} with {}", order.method);
            let shown = Change::ShowFact(Box::new(order.fact.clone()));
            vec![shown.into(), Change::Focus("layers").into(), wish(title, order)]
        }
        Err(error) => vec![Wish::say(Tone::Bad, error)],
    }
}

/// Orders the edits in place as a new file; the engine finds a name that is free.
fn save_edits(state: &State) -> Vec<Wish> {
    let path = state.launch.export_folder.join("locus-edits.safetensors");
    let title = format!("writing the edits to {}", path.display());
    vec![Wish::order(title, SaveTarget::NewDeltas(path))]
}

/// Shows the last trace or edit as a command and puts it on the clipboard.
fn show_command(state: &State) -> Vec<Wish> {
    let Ok(command) = as_command::last(state) else { return Vec::new() };
    let copy = Effect::Copy { what: "the command".to_owned(), text: command.line };
    vec![Wish::Open(Opening::Command), copy.into()]
}

fn can_use_fact(state: &State) -> Result<(), String> {
    state.ready_to_wait()?;
    state.chosen_fact().map(|_| ())
}

fn can_look_at_fact(state: &State) -> Result<(), String> {
    state.ready_for_a_look()?;
    state.chosen_fact().map(|_| ())
}

pub(super) fn has_table(panes: &Panes, state: &State) -> Result<(), String> {
    if panes.has_table(state) { Ok(()) } else { Err("this pane has no table yet".to_owned()) }
}

/// Goes to the next or previous pane: of the layout, or of all where only one shows.
fn step_pane(state: &State, forward: bool) -> Vec<Wish> {
    let tree = state.screen.tree();
    let step = |place: usize, count: usize| (if forward { place + 1 } else { place + count - 1 }) % count;
    if arrange(state).has_tabs && tree.parts().is_empty() {
        let next = NAMES.get(step(state.screen.focus(), NAMES.len()));
        return next.map(|name| Change::Focus(name).into()).into_iter().collect();
    }
    let views = tree.panes();
    let place = views.iter().position(|view| *view == state.screen.view).unwrap_or(0);
    vec![Change::GoTo(views[step(place, views.len())].to_owned()).into()]
}

fn cancel(state: &State) -> Vec<Wish> {
    let twice = state.keyboard.interrupted.is_some_and(|last| state.now.saturating_sub(last) <= TWICE);
    let mut wishes = vec![Change::Interrupted.into()];
    wishes.push(match state.job() {
        None if state.build.is_running() => Change::StopBuild.into(),
        Some(job) if !job.cancelling => Change::Cancel(job.id).into(),
        _ if twice => Wish::Open(Opening::Quit),
        Some(job) => {
            let text = format!("{} is being canceled; {} again asks whether to leave", job.title, state.key("cancel"));
            Wish::say(Tone::Plain, text)
        }
        None => {
            let text = format!("nothing is running; {} again asks whether to leave", state.key("cancel"));
            Wish::say(Tone::Plain, text)
        }
    });
    wishes
}

fn quit(state: &State) -> Vec<Wish> {
    if state.job().is_none() && !state.link.keep || state.engine.gone {
        return vec![Effect::Quit.into()];
    }
    vec![Wish::Open(Opening::Quit)]
}
