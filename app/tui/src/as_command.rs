//! The last trace or edit as a command for the shell: the same order on the same model, so that it gives the numbers that
//! the screen shows.

use crate::state::{Attempt, EditView, Stage, State};
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
    let mut flags = state.launch.flags.clone();
    for file in &state.build.loaded {
        let file = file.display().to_string();
        if !flags.contains(&file) {
            flags.extend(["--plugin".to_owned(), file]);
        }
    }
    let there = Surroundings { flags: &flags, facts: state.facts.recorded(), plugins: &state.engine.plugins };
    let edit = |view: &EditView, on_top_of: &[u64]| {
        let (operations, lost) = operations(state, on_top_of);
        let line = there.edit(&newest(&view.order), &operations, view.found_on_unedited);
        ShellCommand { line, note: lost.or_else(|| note(view)) }
    };
    if let Some(attempt) = selected_variant(state) {
        // what is shown is what was tried, wherever it was put since
        return Ok(edit(&attempt.view, &attempt.on_top_of));
    }
    let trace = state.traces.last().map(|view| &view.started);
    match (&state.edits.view, trace) {
        (Some(view), trace) if trace.is_none_or(|trace| trace.job < view.job) => Ok(edit(view, &view.on_top_of)),
        (_, Some(trace)) => {
            let (operations, lost) = operations(state, &trace.in_place);
            let line = there.trace(&trace.order, &operations);
            let counted = trace.edits != trace.in_place.len();
            let unknown = || "it ran with edits in place that this recording does not name".to_owned();
            Ok(ShellCommand { line, note: lost.or_else(|| counted.then(unknown)) })
        }
        _ => Err("nothing has been traced or edited yet".to_owned()),
    }
}

/// The operations that made edits, and a sentence where one was not recorded.
fn operations(state: &State, edits: &[u64]) -> (Vec<u64>, Option<String>) {
    let known = |edit: &u64| state.edits.operation_of(*edit);
    let lost = edits.iter().find(|edit| known(edit).is_none());
    let lost = lost.map(|edit| {
        format!(
            "edit {edit} was in place but is not in the journal, so the command omits it and gives different numbers"
        )
    });
    (edits.iter().filter_map(known).collect(), lost)
}

/// What was tried with the selected variant, where the comparison has the keys.
fn selected_variant(state: &State) -> Option<&Attempt> {
    let variant = state.compare.variants.selected().filter(|_| state.pane() == "compare")?;
    let order = variant.order(&state.engine, state.fact()?).ok()?;
    state.compare.attempt(&order, &state.edits.numbers()).map(|(attempt, _)| attempt)
}

/// What a command for an edit does not say.
fn note(view: &EditView) -> Option<String> {
    let replaced = [&view.order.method, &view.order.objective].into_iter().find(|id| id.contains('@'));
    match (replaced, &view.stage) {
        (Some(id), _) => Some(format!("it ran with {id}, a build that has been replaced; the command uses the newest")),
        (None, Stage::Failed(_)) => Some("it failed, and so will the command".to_owned()),
        (None, _) => None,
    }
}

/// The same order with the newest builds of its plugins: those that were replaced are only here.
fn newest(order: &EditOrder) -> EditOrder {
    let first = |id: &str| id.split('@').next().unwrap_or(id).to_owned();
    EditOrder { method: first(&order.method), objective: first(&order.objective), ..order.clone() }
}
