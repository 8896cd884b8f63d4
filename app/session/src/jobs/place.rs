//! Putting edits of the journal in place.

use crate::error::{Error, Stopped};
use crate::record::placing::{arrange, look_up};
use crate::record::telling::{edits, rows_in};
use crate::worker::Worker;
use locus_protocol::{Place, Role};
use locus_records::failure_point::reach;
use std::collections::BTreeMap;

/// Has the edits in place be those of operations, as a job. It is no operation: a replay does so at any time, and a command
/// before it has made an edit on the model of its own.
pub fn run(worker: &mut Worker<'_>, place: &Place) -> Result<(), Stopped> {
    let Place { in_place, taken_back } = place;
    let (loaded, recorder) = (worker.ready()?, worker.operations.as_ref());
    let stack = &loaded.stack;
    let has_none = stack.applied().is_empty() && stack.undone().is_empty();
    let may = |role: Role| role == Role::Reader || (role == Role::Command && has_none);
    let Some(recorder) = recorder.filter(|recorder| may(recorder.role)) else {
        let message = "edits can be applied by their operations only in a replay or before a command's first edit; use undo and redo";
        return Err(Error::Request(message.to_owned()).into());
    };
    let read = recorder.journal.read()?;
    reach("look edits up")?;
    let find = |numbers: &[u64]| {
        numbers.iter().map(|&number| look_up(recorder, loaded, &read, number)).collect::<Result<Vec<_>, _>>()
    };
    let (after, fact) = arrange(loaded, find(in_place)?, find(taken_back)?)?;
    let rows = rows_in(loaded, &after, &fact)?;
    worker.pace.emitter.check()?;
    let numbers: BTreeMap<u64, u64> = in_place.iter().chain(taken_back).map(|number| (*number, *number)).collect();
    let told = edits(&after, rows, &numbers);
    let before = worker.loaded()?.stack.commit(after);
    if let Err(error) = worker.pace.emitter.tell_for_sure(told) {
        worker.loaded()?.stack.commit(before);
        return Err(error.into());
    }
    if let Some(recorder) = worker.operations.as_mut() {
        recorder.numbers = numbers;
    }
    Ok(())
}
