//! Taking edits back, and putting them on again.

use crate::editing::{mark, rows_of};
use crate::error::Error;
use crate::operations::{operation_of, record_redo, record_undo};
use crate::worker::Worker;
use locus_engine::edit::Numbered;
use locus_protocol::{EditInPlace, Event, Fact};
use std::collections::BTreeMap;

/// Takes the last edit back.
pub fn undo(worker: &mut Worker<'_>) -> Result<(), Error> {
    let loaded = worker.loaded()?;
    let Some(number) = loaded.stack.applied().last().map(|edit| edit.number) else {
        return Err(Error::Request("there is no edit to undo".to_owned()));
    };
    undo_one(worker, number)
}

/// Takes the edit with this number back, whatever came after it.
pub fn undo_one(worker: &mut Worker<'_>, number: u64) -> Result<(), Error> {
    let loaded = worker.loaded()?;
    let Some(fact) = fact_of(loaded.stack.applied(), number) else {
        return Err(Error::Request(format!("no edit in place has the number {number}")));
    };
    loaded.stack.remove(number)?;
    let weights = loaded.stack.weights()?;
    record_undo(worker, number, &weights);
    tell(worker, &fact, weights)
}

/// Puts the edit that was taken back last in place again.
pub fn redo(worker: &mut Worker<'_>) -> Result<(), Error> {
    let loaded = worker.loaded()?;
    let Some(number) = loaded.stack.redo()? else {
        return Err(Error::Request("there is no edit to redo".to_owned()));
    };
    let fact = fact_of(loaded.stack.applied(), number).unwrap_or_default();
    let weights = loaded.stack.weights()?;
    record_redo(worker, number, &weights);
    tell(worker, &fact, weights)
}

fn fact_of(edits: &[Numbered], number: u64) -> Option<Fact> {
    edits.iter().find(|edit| edit.number == number).map(|edit| edit.edit.fact().clone())
}

/// Tells what is in place, with the rows of the model for `fact`.
pub fn tell_edits(worker: &mut Worker<'_>, fact: &Fact) -> Result<(), Error> {
    let weights = worker.ready()?.stack.weights()?;
    tell(worker, fact, weights)
}

/// The same where the hashes of the weights are known.
fn tell(worker: &Worker<'_>, fact: &Fact, weights: BTreeMap<String, String>) -> Result<(), Error> {
    let loaded = worker.ready()?;
    // nothing is in place and nothing was: there is no fact to look at
    let mut rows = if fact.template.is_empty() { Vec::new() } else { rows_of(loaded.stack.model(), fact)? };
    if let Some(edit) = loaded.stack.applied().last() {
        mark(&mut rows, &edit.changes);
    }
    let event = Event::Edits {
        applied: list(worker, loaded.stack.applied()),
        undone: list(worker, loaded.stack.undone()),
        rows,
        unedited: loaded.stack.is_checkpoint(&weights),
        weights,
    };
    worker.emitter.tell(event);
    Ok(())
}

/// Edits as a list shows them: numbers, titles, norms of their changes, whether they reached their aim.
fn list(worker: &Worker<'_>, edits: &[Numbered]) -> Vec<EditInPlace> {
    let entry = |Numbered { number, edit, changes }: &Numbered| EditInPlace {
        operation: operation_of(worker, *number),
        success: edit.verdict.as_ref().map(|verdict| verdict.success),
        ..EditInPlace::new(*number, &edit.title, changes, edit.facts())
    };
    edits.iter().map(entry).collect()
}
