//! Puts edits of the journal in place from their changes.

use super::{Read, Role, Standing};
use crate::error::Error;
use crate::history::tell_edits;
use crate::loading::Loaded;
use crate::worker::{Stopped, Worker};
use locus_engine::edit::{DeltaFile, Edit};
use locus_protocol::{Fact, Operation};

/// Has the edits in place be those of operations, as a job.
pub fn place(worker: &mut Worker<'_>, in_place: Vec<u64>, taken_back: Vec<u64>) -> Result<(), Stopped> {
    let read = worker.operations.as_ref().map(|recorder| recorder.journal.read()).transpose()?.unwrap_or_default();
    let mut found = Vec::new();
    for numbers in [&in_place, &taken_back] {
        found.push(numbers.iter().map(|&number| look_up(worker, &read, number)).collect::<Result<Vec<_>, _>>()?);
    }
    let (undone, applied) = (found.pop().unwrap_or_default(), found.pop().unwrap_or_default());
    let fact = put(worker, applied, undone)?;
    Ok(tell_edits(worker, &fact)?)
}

/// Puts in place what was in place when the workbench last had the model that was loaded just now.
pub fn take_over(worker: &mut Worker<'_>) -> Result<(), Error> {
    let Some(recorder) = worker.operations.as_mut() else { return Ok(()) };
    recorder.numbers.clear();
    if recorder.role != (Role::Workbench { takes_over: true }) {
        return Ok(());
    }
    let read = recorder.journal.read()?;
    for complaint in &read.complaints {
        worker.emitter.log("engine", "warning", complaint.clone());
    }
    let standing = read.standing(&worker.ready()?.mark.fingerprint);
    if standing == Standing::default() {
        return Ok(());
    }
    let find = |numbers: &[u64]| {
        let mut found = Vec::new();
        for &number in numbers {
            match look_up(worker, &read, number) {
                Ok(edit) => found.push(edit),
                Err(error) => {
                    let text = format!("the edit of operation {number} is not put in place again: {error}");
                    worker.emitter.log("engine", "warning", text);
                }
            }
        }
        found
    };
    let (applied, undone) = (find(&standing.in_place), find(&standing.taken_back));
    let (placed, redoable) = (applied.len(), undone.len());
    let fact = put(worker, applied, undone)?;
    let loaded = worker.ready()?;
    if let Some(last) = read.operations.iter().rev().find(|operation| left(operation, loaded, &standing))
        && let Some(name) = differing(loaded, last)?
    {
        let text = format!(
            "`{name}` has other last bits than after operation {} (another device or another libtorch)",
            last.number
        );
        worker.emitter.log("engine", "warning", text);
    }
    let edits = |count: usize| if count == 1 { "1 edit".to_owned() } else { format!("{count} edits") };
    let text = format!(
        "in place from earlier sessions: {}, {} taken back; --fresh starts without them",
        edits(placed),
        edits(redoable)
    );
    worker.emitter.log("edits", "info", text);
    tell_edits(worker, &fact)
}

/// Whether an operation left the model as it stands, and knew its weights.
fn left(operation: &Operation, loaded: &Loaded, standing: &Standing) -> bool {
    operation.model.fingerprint == loaded.mark.fingerprint
        && operation.in_place == standing.in_place
        && !operation.weights.is_empty()
}

/// A parameter that has other bits than after an operation.
fn differing(loaded: &Loaded, operation: &Operation) -> Result<Option<String>, Error> {
    let complete = loaded.stack.applied().len() == operation.in_place.len();
    let mut weights = loaded.stack.weights()?.into_iter().filter(|_| complete);
    Ok(weights.find(|(name, hash)| operation.weights.get(name) != Some(hash)).map(|(name, _)| name))
}

/// The edit of an operation, checked against the model.
fn look_up(worker: &Worker<'_>, read: &Read, number: u64) -> Result<(u64, Edit), Error> {
    let missing = || Error::Request(format!("the journal has no edit with the number {number}"));
    let edit = read.find(number).and_then(Operation::edit).ok_or_else(missing)?;
    let recorder = worker.operations.as_ref().ok_or_else(missing)?;
    let loaded = worker.ready()?;
    let file = recorder.journal.delta(&edit.delta);
    let delta = DeltaFile::read_exactly(&file, &edit.delta.sha256)?;
    delta.fits(&file, loaded.stack.base(), &loaded.mark)?;
    let read = delta.edits.into_iter().next().ok_or_else(missing)?;
    Ok((number, Edit { verdict: edit.verdict.clone(), ..read }))
}

/// Has the edits be these and no others; gives the fact whose rows are shown.
fn put(worker: &mut Worker<'_>, applied: Vec<(u64, Edit)>, undone: Vec<(u64, Edit)>) -> Result<Fact, Error> {
    let numbers = applied.iter().chain(&undone).map(|(number, _)| (*number, *number)).collect();
    let shown = applied.last().or(undone.last()).map(|(_, edit)| edit.fact().clone()).unwrap_or_default();
    worker.loaded()?.stack.replace(applied, undone)?;
    if let Some(recorder) = worker.operations.as_mut() {
        recorder.numbers = numbers;
    }
    Ok(shown)
}
