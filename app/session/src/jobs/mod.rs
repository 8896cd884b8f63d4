//! What the engine does for each kind of task.

use crate::error::Error;
use crate::worker::{Stopped, Worker};
use crate::{
    averaging, conformance, editing, evaluating, history, loading, moments, operations, reloading, rescoring, saving,
    tracing, variants,
};
use locus_protocol::{JobId, Task};

/// Carries out a task.
///
/// # Errors
/// It cannot be done, or the user cancelled it; what was not done is as it was before.
pub fn run(worker: &mut Worker<'_>, job: JobId, task: Task) -> Result<(), Stopped> {
    match task {
        Task::Load(load) => loading::load(worker, job, &load.source),
        Task::Trace(order) => tracing::trace(worker, job, order),
        Task::AverageTraces(order) => averaging::average(worker, job, &order),
        Task::Edit(order) => editing::edit(worker, job, order),
        Task::Try(attempt) => variants::attempt(worker, job, attempt),
        Task::Keep(keep) => variants::keep(worker, job, keep.tried),
        Task::Evaluate(order) => evaluating::evaluate(worker, job, order),
        Task::Undo(undo) => Ok(history::undo(worker, undo)?),
        Task::Redo(_) => Ok(history::redo(worker)?),
        Task::Place(place) => operations::place(worker, &place),
        Task::Rescore(_) => rescoring::rescore(worker, job),
        Task::Save(target) => saving::save(worker, job, &target),
        Task::SecondMoments(task) => moments::run(worker, job, task),
        Task::CheckPlugin(check) => conformance::check(worker, job, &check),
        Task::ReloadPlugin(reload) => reloading::reload(worker, job, &reload.file),
    }
}

/// Carries out a task that only looks, while another one stands still.
///
/// # Errors
/// It cannot be done, or the user cancelled it; it is no look.
pub fn look(worker: &Worker<'_>, job: JobId, task: Task) -> Result<(), Stopped> {
    match task {
        Task::Trace(order) => tracing::trace(worker, job, order),
        _ => Err(Error::Request(format!("{} cannot be done between two steps of another job", task.title())).into()),
    }
}
