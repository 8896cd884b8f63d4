//! Edits that are tried and not put in place: several are kept beside each other at the price of their changes.

use crate::editing::{Before, Found, find, put_in_place, weigh};
use crate::error::Error;
use crate::judging::Aims;
use crate::worker::{Stopped, Worker};
use locus_engine::edit::{Edit, bytes_of, check};
use locus_protocol::{Applied, EditStarted, Event, JobId, Tried, TriedOn, Try, counted};
use std::rc::Rc;

/// An edit that was tried.
pub struct Variant {
    edit: Rc<Edit>,
    would: Applied,
    aims: Aims,
    /// The file of tensors that are kept with it.
    artifacts: Rc<[u8]>,
    /// The edits that it was tried on top of; none for the unedited model.
    on_top_of: Vec<u64>,
}

#[cfg(test)]
impl Variant {
    /// An edit that was found on a model with no edit in place.
    pub fn of(found: Found) -> Self {
        Self {
            edit: found.edit,
            would: found.would,
            aims: found.aims,
            artifacts: found.artifacts,
            on_top_of: Vec::new(),
        }
    }
}

/// Tries an edit and keeps its changes under the job's number.
pub fn attempt(worker: &mut Worker<'_>, job: JobId, attempt: Try) -> Result<(), Stopped> {
    let Try { order, on } = attempt;
    // the model goes: a variant is its changes
    let Found { edit, would, aims, artifacts, .. } = find(worker, job, order, on)?;
    let on_top_of = worker.ready()?.edits_on(on);
    let bytes = bytes_of(&edit.deltas) + artifacts.len() as u64;
    worker.emitter.tell(Event::Tried(Tried { would: would.clone(), bytes, on_top_of: on_top_of.clone() }));
    worker.variants.insert(job, Variant { edit, would, aims, artifacts, on_top_of });
    Ok(())
}

/// Puts an edit in place that was tried. Where the same edits are in place it does what it did then; one that was tried on
/// the unedited model goes on top of others, too, and is measured anew with them.
pub fn keep(worker: &mut Worker<'_>, job: JobId, tried: JobId) -> Result<(), Stopped> {
    let now = worker.ready()?.edits_on(TriedOn::AsItIs);
    let variant = worker.variants.get(&tried).ok_or_else(|| request("the variant is gone; run it again"))?;
    let (would, model) = if variant.on_top_of == now {
        (variant.would.clone(), worker.ready()?.stack.trial(&variant.edit.order.method, &variant.edit.deltas)?)
    } else if variant.on_top_of.is_empty() {
        measure_on_top(worker, job, variant, &now)?
    } else {
        return Err(request("other edits are in place than when the variant was tried; run it again").into());
    };
    let Some(variant) = worker.variants.get_mut(&tried) else { return Ok(()) };
    if let Some(edit) = Rc::get_mut(&mut variant.edit) {
        edit.verdict.clone_from(&would.verdict);
    }
    let (edit, aims, artifacts) = (variant.edit.clone(), variant.aims.clone(), variant.artifacts.clone());
    put_in_place(worker, job, Found { edit, would, model, aims, artifacts })?;
    worker.variants.remove(&tried);
    Ok(())
}

/// Measures a variant of the unedited model with the edits in place.
fn measure_on_top(
    worker: &Worker<'_>,
    job: JobId,
    variant: &Variant,
    now: &[u64],
) -> Result<(Applied, locus_engine::model::Model), Error> {
    let Variant { edit, would, aims, .. } = variant;
    let (order, on) = (&edit.order, TriedOn::AsItIs);
    check(worker.ready()?.stack.model(), &order.method, &edit.deltas)?;
    let before = Before::of(worker, job, order, aims, on)?;
    worker.emitter.tell(Event::Edit(EditStarted {
        job,
        order: order.clone(),
        layers: order.layers.clone(),
        steps: 0,
        rows: before.rows.clone(),
        on_top_of: now.to_vec(),
    }));
    let edits = counted(now.len(), "edit");
    let note = format!(
        "found on the unedited model and put in place on top of {edits}: the changes add up, and all numbers here are \
         those with the {edits} in place"
    );
    let told = Applied {
        title: would.title.clone(),
        facts: would.facts,
        metrics: would.metrics.clone(),
        notes: std::iter::once(note).chain(would.notes.iter().cloned()).collect(),
        found_on_unedited: true,
        ..Applied::default()
    };
    weigh(worker, job, order, aims, on, &edit.deltas, before, told)
}

fn request(text: &str) -> Error {
    Error::Request(text.to_owned())
}
