//! Taking edits back, and putting them on again.

use crate::error::Error;
use crate::record::recording::Done;
use crate::record::telling::{edits, rows_in};
use crate::worker::Worker;
use locus_engine::edit::Numbered;
use locus_protocol::{Fact, Undo};
use locus_records::failure_point::reach;

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
    worker.pace.check_cancel()?;
    worker.commit(&Done::undo(number, &after), after, |after, operations| edits(after, rows, operations))
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
    worker.pace.check_cancel()?;
    worker.commit(&Done::redo(number, &after), after, |after, operations| edits(after, rows, operations))
}

fn fact_of(edits: &[Numbered], number: u64) -> Fact {
    edits.iter().find(|edit| edit.number == number).map(|edit| edit.edit.fact().clone()).unwrap_or_default()
}
