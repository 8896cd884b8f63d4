//! Taking edits back, and putting them on again.

use crate::editing::{mark, rows_of};
use crate::error::Error;
use crate::loading::Loaded;
use crate::operations::{Done, commit};
use crate::worker::Worker;
use locus_engine::edit::{Arrangement, Numbered};
use locus_protocol::{EditInPlace, Event, Fact, LayerRow, Undo};
use locus_records::failure_point::reach;
use std::collections::BTreeMap;

/// Takes an edit back.
pub fn undo(worker: &mut Worker<'_>, which: Undo) -> Result<(), Error> {
    let loaded = worker.ready()?;
    let number = which.edit.or(loaded.stack.applied().last().map(|edit| edit.number));
    let number = number.ok_or_else(|| Error::Request("there is no edit to undo".to_owned()))?;
    reach("build without an edit")?;
    let Some(after) = loaded.stack.without(number)? else {
        return Err(Error::Request(format!("no edit in place has the number {number}")));
    };
    let fact = fact_of(loaded.stack.applied(), number);
    let rows = rows_in(loaded, &after, &fact)?;
    worker.check_cancel()?;
    commit(worker, &Done::undo(number, &after), after, |after, operations| edits(after, rows, operations))
}

/// Puts the edit that was taken back last in place again.
pub fn redo(worker: &mut Worker<'_>) -> Result<(), Error> {
    let loaded = worker.ready()?;
    reach("build with an edit again")?;
    let Some((number, after)) = loaded.stack.with_last_undone()? else {
        return Err(Error::Request("there is no edit to redo".to_owned()));
    };
    let fact = fact_of(after.applied(), number);
    let rows = rows_in(loaded, &after, &fact)?;
    worker.check_cancel()?;
    commit(worker, &Done::redo(number, &after), after, |after, operations| edits(after, rows, operations))
}

fn fact_of(edits: &[Numbered], number: u64) -> Fact {
    edits.iter().find(|edit| edit.number == number).map(|edit| edit.edit.fact().clone()).unwrap_or_default()
}

/// The rows for `fact` of the model that an arrangement makes.
pub fn rows_in(loaded: &Loaded, arrangement: &Arrangement, fact: &Fact) -> Result<Vec<LayerRow>, Error> {
    reach("look at the edited model")?;
    // nothing is in place and nothing was: there is no fact to look at
    let mut rows = match fact.template.is_empty() {
        true => Vec::new(),
        false => rows_of(arrangement.model(loaded.stack.base()), fact)?,
    };
    if let Some(edit) = arrangement.applied().last() {
        mark(&mut rows, &edit.changes);
    }
    Ok(rows)
}

/// What is told of an arrangement that is in place; `operations` has the operations of edits by their numbers.
pub fn edits(arrangement: &Arrangement, rows: Vec<LayerRow>, operations: &BTreeMap<u64, u64>) -> Event {
    Event::Edits {
        applied: list(operations, arrangement.applied()),
        undone: list(operations, arrangement.undone()),
        rows,
        unedited: arrangement.is_unedited(),
        weights: arrangement.weights().clone(),
    }
}

/// Edits as a list shows them: numbers, titles, norms of their changes, whether they reached their aim.
fn list(operations: &BTreeMap<u64, u64>, edits: &[Numbered]) -> Vec<EditInPlace> {
    let entry = |Numbered { number, edit, changes }: &Numbered| EditInPlace {
        operation: operations.get(number).copied(),
        success: edit.verdict.as_ref().map(|verdict| verdict.success),
        ..EditInPlace::new(*number, &edit.title, changes, edit.facts())
    };
    edits.iter().map(entry).collect()
}
