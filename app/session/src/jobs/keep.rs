//! Putting in place what was tried.

use crate::edits::finding::Found;
use crate::edits::put_in_place;
use crate::edits::weighing::{Before, Told, weigh};
use crate::error::{Error, Stopped};
use crate::measures::tried::TriedEdit;
use crate::pace::RunningJob;
use crate::worker::Worker;
use locus_engine::edit::check;
use locus_engine::model::Model;
use locus_protocol::{Applied, EditStarted, Event, JobId, Keep, TriedOn, counted};
use std::rc::Rc;

/// Puts an edit in place that was tried. Where the same edits are in place it does what it did then; one that was tried on
/// the unedited model goes on top of others, too, and is measured anew with them.
pub fn run(worker: &mut Worker<'_>, job: JobId, keep: Keep) -> Result<(), Stopped> {
    let Keep { tried } = keep;
    let now = worker.ready()?.edits_on(TriedOn::AsItIs);
    let variant = worker.variants.get(&tried).ok_or_else(|| request("the variant no longer exists; run it again"))?;
    let (would, model) = if variant.on_top_of == now {
        (variant.would.clone(), worker.ready()?.stack.trial(&variant.edit.order.method, &variant.edit.deltas)?)
    } else if variant.on_top_of.is_empty() {
        measure_on_top(worker.job(job)?, variant, &now)?
    } else {
        return Err(request("the edits in place have changed since the variant was tried; run it again").into());
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
fn measure_on_top(job: RunningJob<'_>, variant: &TriedEdit, now: &[u64]) -> Result<(Applied, Model), Error> {
    let TriedEdit { edit, would, aims, .. } = variant;
    let (order, on) = (&edit.order, TriedOn::AsItIs);
    check(job.loaded.stack.model(), &order.method, &edit.deltas)?;
    let before = Before::of(job, order, aims, on, &order.layers)?;
    job.tell(Event::Edit(EditStarted {
        job: job.number,
        order: order.clone(),
        layers: order.layers.clone(),
        steps: 0,
        rows: before.rows.clone(),
        on_top_of: now.to_vec(),
    }));
    let edits = counted(now.len(), "edit");
    let note = format!(
        "found on the unedited model and applied on top of {edits}: the changes add up, and all numbers here are those with the {edits} in place"
    );
    let told = Applied {
        title: would.title.clone(),
        facts: would.facts,
        metrics: would.metrics.clone(),
        notes: std::iter::once(note).chain(would.notes.iter().cloned()).collect(),
        found_on_unedited: true,
        ..Applied::default()
    };
    let limits = would.verdict.as_ref().map_or_else(Vec::new, |verdict| verdict.limits.clone());
    weigh(job, order, aims, on, &edit.deltas, before, Told { applied: told, limits })
}

fn request(text: &str) -> Error {
    Error::Request(text.to_owned())
}
