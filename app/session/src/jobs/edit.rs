//! The job that edits a fact, or several together.

use crate::edits::finding::find;
use crate::edits::put_in_place;
use crate::error::Stopped;
use crate::record::recording::Recorder;
use crate::worker::Worker;
use locus_protocol::{EditOrder, JobId, TriedOn};

/// Edits a fact, or several together, and puts what was found in place.
pub fn run(worker: &mut Worker<'_>, job: JobId, order: EditOrder) -> Result<(), Stopped> {
    // before anything is computed for it
    worker.operations.as_ref().map_or(Ok(()), Recorder::check)?;
    let found = find(worker, job, order, TriedOn::AsItIs)?;
    Ok(put_in_place(worker, job, found)?)
}
