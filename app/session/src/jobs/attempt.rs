//! An edit that is tried.

use crate::edits::finding::{Found, find};
use crate::error::Stopped;
use crate::measures::tried::TriedEdit;
use crate::worker::Worker;
use locus_engine::edit::bytes_of;
use locus_protocol::{Event, JobId, Tried, Try};

/// Tries an edit and keeps its changes under the job's number.
pub fn run(worker: &mut Worker<'_>, job: JobId, attempt: Try) -> Result<(), Stopped> {
    let Try { order, on } = attempt;
    // the model goes: a variant is its changes
    let Found { edit, would, aims, artifacts, .. } = find(worker, job, order, on)?;
    let on_top_of = worker.ready()?.edits_on(on);
    let bytes = bytes_of(&edit.deltas) + artifacts.len() as u64;
    worker.pace.tell(Event::Tried(Tried { would: would.clone(), bytes, on_top_of: on_top_of.clone() }));
    worker.variants.insert(job, TriedEdit { edit, would, aims, artifacts, on_top_of });
    Ok(())
}
