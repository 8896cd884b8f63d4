//! Edits: how one is found, what it does, and how it comes in place.

mod asking;
pub mod finding;
mod limits;
pub mod weighing;

use crate::error::Error;
use crate::record::recording::Done;
use crate::worker::Worker;
use finding::Found;
use locus_protocol::{Applied, EditDeed, Event, JobId};

/// Puts an edit that was found in place, records it, and tells it.
pub fn put_in_place(worker: &mut Worker<'_>, job: JobId, found: Found) -> Result<(), Error> {
    let Found { edit, would, model, artifacts, .. } = found;
    let deed = EditDeed::of(edit.order.clone(), edit.method.clone(), edit.objective.clone(), &would);
    let after = worker.ready()?.stack.with_built(edit, would.changes.clone(), model)?;
    worker.commit(&Done::edit(deed, &after, artifacts), after, |after, operations| {
        let number = after.applied().last().map_or(0, |edit| edit.number);
        Event::Applied(Applied {
            job,
            number,
            operation: operations.get(&number).copied(),
            weights: after.weights().clone(),
            ..would
        })
    })
}
