//! The last trace or edit as a command for the shell.

use crate::input::Effect;
use crate::overlays::Overlay;
use crate::state::{Stage, State};
use locus_protocol::Surroundings;

/// The command, and what has to be known about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShellCommand {
    /// As a shell reads it.
    pub line: String,
    /// A sentence where the command is not all there is to say.
    pub note: Option<String>,
}

/// The command that does again what was traced or edited last.
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
    let edit = state.edits.view.as_ref();
    let trace = state.traces.last().map(|view| &view.started);
    match (edit, trace) {
        (Some(edit), trace) if trace.is_none_or(|trace| trace.job < edit.job) => {
            let mut order = edit.order.clone();
            let replaced = [&order.method, &order.objective].into_iter().find(|id| id.contains('@')).cloned();
            for id in [&mut order.method, &mut order.objective] {
                id.truncate(id.find('@').unwrap_or(id.len()));
            }
            let below =
                edit.number.and_then(|number| state.edits.applied.iter().position(|edit| edit.number == number));
            let note = match (replaced, below, &edit.stage) {
                (Some(id), ..) => {
                    Some(format!("it ran with {id}, a build that was replaced; the command takes the newest"))
                }
                (None, Some(below @ 1..), _) => Some(format!(
                    "it was made on top of {below} earlier edits; the command makes it on the unedited model"
                )),
                (None, _, Stage::Failed(_)) => Some("it failed, and so will the command".to_owned()),
                _ => None,
            };
            Ok(ShellCommand { line: there.edit(&order), note })
        }
        (_, Some(trace)) => Ok(ShellCommand { line: there.trace(&trace.order), note: None }),
        _ => Err("nothing was traced or edited so far".to_owned()),
    }
}

/// Shows the command and puts it on the clipboard.
pub fn show(state: &mut State) -> Vec<Effect> {
    let Ok(ShellCommand { line, .. }) = last(state) else { return Vec::new() };
    state.overlay = Some(Overlay::command());
    vec![Effect::Copy(line)]
}
