//! The last trace or edit as a command for the shell.

use crate::input::Effect;
use crate::overlays::Overlay;
use crate::state::{Attempt, Compare, EditView, Stage, State};
use locus_protocol::{EditOrder, Surroundings};

/// The command, and what has to be known about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShellCommand {
    /// As a shell reads it.
    pub line: String,
    /// A sentence where the command is not all there is to say.
    pub note: Option<String>,
}

/// The command that does again what was traced or edited last; in the comparison, what was tried with the selected
/// variant.
///
/// # Errors
/// Nothing was.
pub fn last(state: &State) -> Result<ShellCommand, String> {
    let mut flags = state.flags.clone();
    for file in &state.build.loaded {
        let file = file.display().to_string();
        if !flags.contains(&file) {
            flags.extend(["--plugin".to_owned(), file]);
        }
    }
    let there = Surroundings { flags: &flags, facts: state.facts.recorded(), plugins: &state.engine.plugins };
    let edit = |view: &EditView, below: usize| ShellCommand {
        line: there.edit(&newest(&view.order)),
        note: note(view, below),
    };
    if let Some(attempt) = selected_variant(state) {
        return Ok(edit(&attempt.view, attempt.on_top_of.len()));
    }
    let trace = state.traces.last().map(|view| &view.started);
    match (&state.edits.view, trace) {
        (Some(view), trace) if trace.is_none_or(|trace| trace.job < view.job) => {
            let place = |number| state.edits.applied.iter().position(|edit| edit.number == number);
            Ok(edit(view, view.number.and_then(place).unwrap_or(0)))
        }
        (_, Some(trace)) => Ok(ShellCommand { line: there.trace(&trace.order), note: None }),
        _ => Err("nothing was traced or edited so far".to_owned()),
    }
}

/// What was tried with the selected variant, where the comparison has the keys.
fn selected_variant(state: &State) -> Option<&Attempt> {
    let variant = state.compare.variants.get(state.compare.cursor).filter(|_| state.pane() == "compare")?;
    let order = Compare::order(variant, &state.engine, state.fact()?).ok()?;
    state.compare.attempt(&order, &state.edits.numbers()).map(|(attempt, _)| attempt)
}

/// What a command for an edit on top of `below` others does not say.
fn note(view: &EditView, below: usize) -> Option<String> {
    let replaced = [&view.order.method, &view.order.objective].into_iter().find(|id| id.contains('@'));
    match (replaced, below, &view.stage) {
        (Some(id), ..) => Some(format!("it ran with {id}, a build that was replaced; the command takes the newest")),
        (None, 1.., _) => {
            Some(format!("it was made on top of {below} earlier edits; the command makes it on the unedited model"))
        }
        (None, 0, Stage::Failed(_)) => Some("it failed, and so will the command".to_owned()),
        (None, 0, _) => None,
    }
}

/// The same order with the newest builds of its plugins: those that were replaced are only here.
fn newest(order: &EditOrder) -> EditOrder {
    let first = |id: &str| id.split('@').next().unwrap_or(id).to_owned();
    EditOrder { method: first(&order.method), objective: first(&order.objective), ..order.clone() }
}

/// Shows the command and puts it on the clipboard.
pub fn show(state: &mut State) -> Vec<Effect> {
    let Ok(ShellCommand { line, .. }) = last(state) else { return Vec::new() };
    state.overlay = Some(Overlay::command());
    vec![Effect::Copy { what: "the command".to_owned(), text: line }]
}
