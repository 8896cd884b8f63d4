//! Edits that are tried and not put in place: several are kept beside each other at the price of their changes.

use crate::editing::{Found, find, put_in_place};
use crate::error::Error;
use crate::worker::{Stopped, Worker};
use locus_engine::edit::{Edit, bytes_of};
use locus_protocol::{Applied, EditOrder, Event, JobId, Tried};

/// An edit that was tried.
pub struct Variant {
    edit: Edit,
    would: Applied,
    /// Numbers of the edits that were in place.
    on_top_of: Vec<u64>,
}

/// Tries an edit on the model as it is now and keeps its changes under the job's number.
pub fn attempt(worker: &mut Worker<'_>, job: JobId, order: EditOrder) -> Result<(), Stopped> {
    // the model goes: a variant is its changes
    let Found { edit, would, .. } = find(worker, job, order)?;
    let on_top_of = in_place(worker)?;
    let bytes = bytes_of(&edit.deltas);
    worker.emitter.tell(Event::Tried(Tried { would: would.clone(), bytes, on_top_of: on_top_of.clone() }));
    worker.variants.insert(job, Variant { edit, would, on_top_of });
    Ok(())
}

/// Puts an edit in place that was tried. It does what it did then, since the same edits must be in place.
pub fn keep(worker: &mut Worker<'_>, job: JobId, tried: JobId) -> Result<(), Stopped> {
    let now = in_place(worker)?;
    let variant = worker.variants.get(&tried).ok_or_else(|| request("the variant is gone; run it again"))?;
    if variant.on_top_of != now {
        return Err(request("other edits are in place than when the variant was tried; run it again").into());
    }
    let model = worker.ready()?.stack.trial(&variant.edit.deltas)?;
    let Some(Variant { edit, would, .. }) = worker.variants.remove(&tried) else { return Ok(()) };
    Ok(put_in_place(worker, job, Found { edit, would, model })?)
}

fn in_place(worker: &Worker<'_>) -> Result<Vec<u64>, Error> {
    Ok(worker.ready()?.stack.applied().iter().map(|edit| edit.number).collect())
}

fn request(text: &str) -> Error {
    Error::Request(text.to_owned())
}
