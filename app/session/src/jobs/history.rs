//! Taking edits back, and putting them on again.

use crate::error::Error;
use crate::record::recording::Done;
use crate::record::telling::{edits, rows_in};
use crate::worker::Worker;
use locus_engine::edit::Numbered;
use locus_protocol::{Fact, JobId, Phase, Undo};
use locus_records::failure_point::reach;

/// Takes an edit back.
pub fn undo(worker: &mut Worker<'_>, job: JobId, which: Undo) -> Result<(), Error> {
    let steps = Steps::begin(worker, job)?;
    let loaded = worker.ready()?;
    let number = which.edit.or(loaded.stack.applied().last().map(|edit| edit.number));
    let number = number.ok_or_else(|| Error::Request("there is no edit to undo".to_owned()))?;
    reach("build without an edit")?;
    let Some(after) = loaded.stack.without(number)? else {
        return Err(Error::Request(format!("no edit in place has the number {number}")));
    };
    let fact = fact_of(loaded.stack.applied(), number);
    steps.done(worker, 1)?;
    let rows = rows_in(loaded, &after, &fact)?;
    steps.done(worker, 2)?;
    worker.commit(&Done::undo(number, &after), after, |after, operations| edits(after, rows, operations))
}

/// Puts the edit that was taken back last in place again.
pub fn redo(worker: &mut Worker<'_>, job: JobId) -> Result<(), Error> {
    let steps = Steps::begin(worker, job)?;
    let loaded = worker.ready()?;
    reach("build with an edit again")?;
    let Some((number, after)) = loaded.stack.with_last_undone()? else {
        return Err(Error::Request("there is no edit to redo".to_owned()));
    };
    let fact = fact_of(after.applied(), number);
    steps.done(worker, 1)?;
    let rows = rows_in(loaded, &after, &fact)?;
    steps.done(worker, 2)?;
    worker.commit(&Done::redo(number, &after), after, |after, operations| edits(after, rows, operations))
}

/// What has to be done until other edits are in place: the model that they make, its rows, and the record.
struct Steps(JobId);

impl Steps {
    const ALL: u64 = 3;

    fn begin(worker: &Worker<'_>, job: JobId) -> Result<Self, Error> {
        let steps = Self(job);
        steps.done(worker, 0)?;
        Ok(steps)
    }

    fn done(&self, worker: &Worker<'_>, steps: u64) -> Result<(), Error> {
        worker.pace.emitter.progress(self.0, Phase::Method("assembling the weights".to_owned()), steps, Self::ALL);
        Ok(worker.pace.check_cancel()?)
    }
}

fn fact_of(edits: &[Numbered], number: u64) -> Fact {
    edits.iter().find(|edit| edit.number == number).map(|edit| edit.edit.fact().clone()).unwrap_or_default()
}
