//! What the user can do, as a table. Keys, help, hints and palette all come from it.

mod windows;

pub use windows::WINDOWS;

use crate::as_command;
use crate::author;
use crate::input::Effect;
use crate::keys::{Keymap, KeymapError};
use crate::overlays::Overlay;
use crate::panes::{self, Motion, PANES};
use crate::state::{OwnFact, State, Tone, arrange};
use locus_protocol::{Command, JobKind, PluginKind, SaveTarget, TraceKind, TraceOrder};
use std::time::Duration;

/// Two presses of Ctrl-c within this time ask whether to leave.
const TWICE: Duration = Duration::from_secs(2);

/// Something that the user can do.
#[derive(Debug)]
pub struct Action {
    /// Its name, as in `keymap.toml` and the palette.
    pub name: &'static str,
    /// What it does, in one line.
    pub help: &'static str,
    /// A few words for the line of hints; `None` keeps it out of there.
    pub hint: Option<fn(&State) -> String>,
    /// Whether it works while a text is typed, too.
    pub always: bool,
    /// Whether it can run now, and why not.
    pub available: fn(&State) -> Result<(), String>,
    /// What it does.
    pub run: fn(&mut State) -> Vec<Effect>,
}

impl Action {
    /// An action that can always run and has no hint; the others are made from it.
    pub const PLAIN: Self =
        Self { name: "", help: "", hint: None, always: false, available: |_| Ok(()), run: |_| Vec::new() };
}

/// Actions that belong to no pane.
pub const GLOBAL: &[Action] = &[
    Action {
        name: "cancel",
        help: "cancel the running job; twice with none running: leave",
        hint: Some(|_| "cancel".into()),
        always: true,
        run: cancel,
        ..Action::PLAIN
    },
    Action {
        name: "trace",
        help: "trace the selected fact: which states carry it",
        hint: Some(|_| "trace".into()),
        available: can_look_at_fact,
        run: |state| {
            state.focus_on("trace");
            start_trace(state, state.traces.kind)
        },
        ..Action::PLAIN
    },
    Action {
        name: "edit-form",
        help: "choose method, objective, layers and settings",
        hint: Some(|_| "edit form".into()),
        available: |state| match state.engine.model {
            Some(_) => Ok(()),
            None => state.ready_for_a_job().and(Err("the model is not loaded yet".into())),
        },
        run: |state| {
            state.overlay = Some(Overlay::form());
            Vec::new()
        },
        ..Action::PLAIN
    },
    Action {
        name: "run",
        help: "edit the selected fact with what the form says",
        hint: Some(run_hint),
        available: can_use_fact,
        run: start_edit,
        ..Action::PLAIN
    },
    Action {
        name: "freeze",
        help: "freeze the table of layers; again: follow the edit",
        hint: Some(|state| if state.edits.frozen.is_some() { "follow again" } else { "freeze" }.into()),
        available: |state| match (&state.edits.frozen, state.edits.running()) {
            (None, false) => Err("no edit is running, so there is nothing to freeze".into()),
            _ => Ok(()),
        },
        run: |state| {
            state.edits.toggle_freeze();
            Vec::new()
        },
        ..Action::PLAIN
    },
    Action {
        name: "jobs",
        help: "list jobs; cancel, pause, run again",
        available: |state| match state.jobs.waiting.is_empty() && state.jobs.ended.is_empty() && state.job.is_none() {
            true => Err("nothing runs, waits, or has ended yet".into()),
            false => Ok(()),
        },
        run: |state| {
            state.overlay = Some(Overlay::jobs());
            Vec::new()
        },
        ..Action::PLAIN
    },
    Action {
        name: "pause",
        help: "have the running job wait where it is; again: go on",
        available: |state| match state.pauses() {
            None => Err("no job is running".into()),
            Some(job) if job.cancelling => Err("the job is being cancelled".into()),
            Some(_) => Ok(()),
        },
        run: |state| {
            let (now, pauses) = (state.now, state.pauses().map(|job| job.id));
            let Some(job) = pauses.and_then(|job| state.running_mut(job)) else { return Vec::new() };
            job.paused = !job.paused;
            if !job.paused {
                job.go_on(now);
            }
            vec![Effect::Pause(job.paused)]
        },
        ..Action::PLAIN
    },
    Action {
        name: "undo",
        help: "take the last edit back",
        hint: Some(|_| "undo".into()),
        available: |state| match state.edits.applied.is_empty() {
            true => Err("no edit is in place, so there is nothing to take back".into()),
            false => state.ready_for_a_job(),
        },
        run: |_| vec![Effect::Send(Box::new(Command::Undo))],
        ..Action::PLAIN
    },
    Action {
        name: "redo",
        help: "put the edit that was taken back last on again",
        hint: Some(|_| "redo".into()),
        available: |state| match state.edits.undone.is_empty() {
            true => Err("no edit was taken back, so there is nothing to put on again".into()),
            false => state.ready_for_a_job(),
        },
        run: |_| vec![Effect::Send(Box::new(Command::Redo))],
        ..Action::PLAIN
    },
    Action {
        name: "edits",
        help: "list the edits in place; take any one of them back",
        run: |state| {
            state.overlay = Some(Overlay::edits(state));
            Vec::new()
        },
        ..Action::PLAIN
    },
    Action {
        name: "save-edits",
        help: "write the edits in place to a safetensors file",
        available: |state| match state.edits.applied.is_empty() {
            true => Err("no edit is in place, so there is nothing to save".into()),
            false => state.ready_for_a_job(),
        },
        run: save_edits,
        ..Action::PLAIN
    },
    Action {
        name: "load",
        help: "load the model, after that was cancelled or failed",
        hint: Some(|_| "load the model".into()),
        available: |state| match (&state.engine.model, &state.job) {
            _ if state.engine.gone => state.ready_for_a_job(),
            (Some(_), _) => Err("the model is loaded".into()),
            (None, Some(job)) => Err(format!("{} is running; ctrl-c cancels it", job.title)),
            (None, None) => Ok(()),
        },
        run: load,
        ..Action::PLAIN
    },
    Action {
        name: "rebuild-plugin",
        help: "build the method's crate, run the last edit with it",
        available: |state| author::crate_of(state, PluginKind::Method).map(|_| ()),
        run: |state| author::rebuild_chosen(state, PluginKind::Method),
        ..Action::PLAIN
    },
    Action {
        name: "rebuild-objective",
        help: "build the objective's crate, run the last edit with it",
        available: |state| author::crate_of(state, PluginKind::Objective).map(|_| ()),
        run: |state| author::rebuild_chosen(state, PluginKind::Objective),
        ..Action::PLAIN
    },
    Action {
        name: "as-command",
        help: "show and copy the last trace or edit as a command",
        available: |state| as_command::last(state).map(|_| ()),
        run: as_command::show,
        ..Action::PLAIN
    },
    Action {
        name: "build-output",
        help: "show what cargo said of a plugin's crate",
        available: |state| match state.build.plugin {
            Some(_) => Ok(()),
            None => Err("no crate was built so far; B builds the method's".into()),
        },
        run: |state| {
            state.overlay = Some(Overlay::Build);
            Vec::new()
        },
        ..Action::PLAIN
    },
    Action {
        name: "own-fact",
        help: "type a fact of your own",
        hint: Some(|_| "own fact".into()),
        run: |state| {
            state.focus_on("fact");
            state.facts.own = Some(OwnFact::default());
            Vec::new()
        },
        ..Action::PLAIN
    },
    Action {
        name: "amend-fact",
        help: "type a fact, starting from the selected one",
        available: |state| state.chosen_fact().map(|_| ()),
        run: |state| {
            state.focus_on("fact");
            state.facts.own = state.fact().map(OwnFact::from_fact);
            Vec::new()
        },
        ..Action::PLAIN
    },
    Action {
        name: "help",
        help: "show the keys",
        hint: Some(|_| "help".into()),
        run: |state| {
            state.overlay = Some(Overlay::help());
            Vec::new()
        },
        ..Action::PLAIN
    },
    Action {
        name: "palette",
        help: "find an action by its name",
        hint: Some(|_| "actions".into()),
        run: |state| {
            state.overlay = Some(Overlay::palette());
            Vec::new()
        },
        ..Action::PLAIN
    },
    Action { name: "next-pane", help: "go to the next pane", run: |state| step_pane(state, true), ..Action::PLAIN },
    Action {
        name: "previous-pane",
        help: "go to the previous pane",
        run: |state| step_pane(state, false),
        ..Action::PLAIN
    },
    Action {
        name: "zoom",
        help: "give the pane the whole screen; again: all panes",
        hint: Some(|state| if state.zoomed { "all panes" } else { "zoom" }.into()),
        available: |state| match arrange(state).has_tabs {
            true if !state.zoomed => Err("the pane has the whole screen already; a larger window shows several".into()),
            _ => Ok(()),
        },
        run: |state| {
            state.zoomed = !state.zoomed;
            Vec::new()
        },
        ..Action::PLAIN
    },
    Action {
        name: "model",
        help: "show model, device and why, memory, plugins",
        run: |state| {
            state.overlay = Some(Overlay::model());
            Vec::new()
        },
        ..Action::PLAIN
    },
    Action {
        name: "log",
        help: "show the log",
        run: |state| {
            state.overlay = Some(Overlay::log());
            Vec::new()
        },
        ..Action::PLAIN
    },
    Action {
        name: "last-error",
        help: "show the last error as a whole",
        available: |state| state.notices.last_error().map(|_| ()).ok_or_else(|| "nothing has failed so far".into()),
        run: |state| {
            state.overlay = Some(Overlay::error());
            Vec::new()
        },
        ..Action::PLAIN
    },
    Action {
        name: "copy-row",
        help: "copy the row under the cursor, tab-separated",
        available: has_table,
        run: |state| panes::copy(state, panes::Extent::Row),
        ..Action::PLAIN
    },
    Action {
        name: "copy-table",
        help: "copy the pane's table, tab-separated",
        available: has_table,
        run: |state| panes::copy(state, panes::Extent::Table),
        ..Action::PLAIN
    },
    Action {
        name: "export",
        help: "write the pane to CSV, JSON, Markdown and SVG files",
        available: has_table,
        run: panes::export,
        ..Action::PLAIN
    },
    Action { name: "up", help: "move up", run: |state| panes::motion(state, Motion::Up), ..Action::PLAIN },
    Action { name: "down", help: "move down", run: |state| panes::motion(state, Motion::Down), ..Action::PLAIN },
    Action { name: "left", help: "move left", run: |state| panes::motion(state, Motion::Left), ..Action::PLAIN },
    Action { name: "right", help: "move right", run: |state| panes::motion(state, Motion::Right), ..Action::PLAIN },
    Action {
        name: "page-up",
        help: "move half a page up",
        run: |state| panes::motion(state, Motion::PageUp),
        ..Action::PLAIN
    },
    Action {
        name: "page-down",
        help: "move half a page down",
        run: |state| panes::motion(state, Motion::PageDown),
        ..Action::PLAIN
    },
    Action {
        name: "top",
        help: "move to the beginning",
        run: |state| panes::motion(state, Motion::Top),
        ..Action::PLAIN
    },
    Action {
        name: "bottom",
        help: "move to the end",
        run: |state| panes::motion(state, Motion::Bottom),
        ..Action::PLAIN
    },
    Action {
        name: "leave",
        help: "leave what is open: filter, zoom, frozen view",
        run: |state| {
            if state.edits.frozen.is_some() {
                state.edits.toggle_freeze();
            } else if !state.facts.filter.value().is_empty() {
                state.facts.filter.reset();
                state.facts.apply_filter();
                state.want_prediction();
            } else {
                state.zoomed = false;
            }
            Vec::new()
        },
        ..Action::PLAIN
    },
    Action {
        name: "redraw",
        help: "draw the screen anew",
        always: true,
        run: |_| vec![Effect::Redraw],
        ..Action::PLAIN
    },
    Action {
        name: "suspend",
        help: "go back to the shell; `fg` returns here",
        always: true,
        run: |_| vec![Effect::Suspend],
        ..Action::PLAIN
    },
    Action { name: "quit", help: "leave the workbench", hint: Some(|_| "quit".into()), run: quit, ..Action::PLAIN },
];

/// All actions: the global ones, then those of the panes.
pub fn all() -> impl Iterator<Item = &'static Action> {
    GLOBAL.iter().chain(WINDOWS).chain(PANES.iter().flat_map(|pane| std::iter::once(&pane.go).chain(pane.actions)))
}

/// An action by its name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Action> {
    all().find(|action| action.name == name)
}

/// The keymap that ships with the program.
///
/// # Errors
/// The shipped file is wrong; a test sees to it that it is not.
pub fn keymap() -> Result<Keymap, KeymapError> {
    Keymap::shipped(PANES.iter().map(|pane| pane.name).collect(), all().map(|action| action.name).collect())
}

/// Orders a trace of the selected fact.
pub fn start_trace(state: &mut State, kind: TraceKind) -> Vec<Effect> {
    let Some(fact) = state.fact().cloned() else { return Vec::new() };
    let title = format!("tracing {}", fact.subject);
    let mut order = TraceOrder::new(fact, kind);
    order.intervention = state.traces.intervention;
    (state.traces.kind, state.traces.token) = (kind, None);
    state.order(JobKind::Trace, title, |job| Command::Trace { job, order })
}

/// Orders an edit of the selected fact with what the form says.
pub fn start_edit(state: &mut State) -> Vec<Effect> {
    let facts = state.facts.to_edit();
    match state.settings.order(&state.engine, facts) {
        Ok(order) => {
            let subject = and_more(&order.fact.subject, order.more.len());
            let title = format!("editing {subject} with {}", order.method);
            state.facts.select_fact(&order.fact);
            state.focus_on("layers");
            state.order(JobKind::Edit, title, |job| Command::Edit { job, order })
        }
        Err(error) => {
            state.notices.say(state.now, Tone::Bad, error);
            Vec::new()
        }
    }
}

/// Orders the edits in place as a new file; the engine finds a name that is free.
fn save_edits(state: &mut State) -> Vec<Effect> {
    let path = state.export_folder.join("locus-edits.safetensors");
    let title = format!("writing the edits to {}", path.display());
    state.order(JobKind::Save, title, |job| Command::Save { job, target: SaveTarget::NewDeltas(path) })
}

/// Orders the model.
pub fn load(state: &mut State) -> Vec<Effect> {
    state.load_trouble = None;
    let source = state.source.clone();
    state.order(JobKind::Load, "loading the model".to_owned(), |job| Command::Load { job, source })
}

/// What `run` would do, in a few words.
#[must_use]
pub fn run_hint(state: &State) -> String {
    let Some(method) = state.settings.chosen(&state.engine, PluginKind::Method) else { return "edit".to_owned() };
    let facts = match state.facts.marked() {
        0 => String::new(),
        1 => " the marked fact".to_owned(),
        marked => format!(" {marked} facts together"),
    };
    match state.settings.layers.trim() {
        "" => format!("edit{facts} with {method}"),
        layers if facts.is_empty() => format!("edit layer {layers} with {method}"),
        layers => format!("edit{facts}, layer {layers}, with {method}"),
    }
}

/// A name, and how many there are besides.
#[must_use]
pub fn and_more(name: &str, more: usize) -> String {
    if more == 0 { name.to_owned() } else { format!("{name} and {more} more") }
}

fn can_use_fact(state: &State) -> Result<(), String> {
    state.ready_for_a_job()?;
    state.chosen_fact().map(|_| ())
}

fn can_look_at_fact(state: &State) -> Result<(), String> {
    state.ready_for_a_look()?;
    state.chosen_fact().map(|_| ())
}

fn has_table(state: &State) -> Result<(), String> {
    let has_table = PANES.get(state.focus).is_some_and(|pane| (pane.has_table)(state));
    if has_table { Ok(()) } else { Err("this pane has no table yet".to_owned()) }
}

/// Goes to the next or previous pane: of the layout, or of all where only one shows.
fn step_pane(state: &mut State, forward: bool) -> Vec<Effect> {
    let all: Vec<usize> = match arrange(state).has_tabs {
        true => (0..PANES.len()).collect(),
        false => {
            let tree = &state.windows.layout().tree;
            tree.panes().iter().filter_map(|name| PANES.iter().position(|pane| pane.name == *name)).collect()
        }
    };
    let place = all.iter().position(|pane| *pane == state.focus).unwrap_or(0);
    let next = if forward { place + 1 } else { place + all.len().saturating_sub(1) };
    if let Some(pane) = all.get(next % all.len().max(1)).and_then(|index| PANES.get(*index)) {
        state.focus_on(pane.name);
    }
    Vec::new()
}

fn cancel(state: &mut State) -> Vec<Effect> {
    let twice = state.interrupted.is_some_and(|last| state.now.saturating_sub(last) <= TWICE);
    state.interrupted = Some(state.now);
    match &state.job {
        None if state.build.is_running() => author::stop(state),
        Some(job) if !job.cancelling => state.cancel(job.id),
        _ if twice => {
            state.overlay = Some(Overlay::Quit);
            Vec::new()
        }
        job => {
            let text = match job {
                Some(job) => format!("{} is being cancelled; ctrl-c again asks whether to leave", job.title),
                None => "nothing is running; ctrl-c again asks whether to leave".to_owned(),
            };
            state.notices.say(state.now, Tone::Plain, text);
            Vec::new()
        }
    }
}

fn quit(state: &mut State) -> Vec<Effect> {
    if state.job.is_none() || state.engine.gone {
        return vec![Effect::Quit];
    }
    state.overlay = Some(Overlay::Quit);
    Vec::new()
}
