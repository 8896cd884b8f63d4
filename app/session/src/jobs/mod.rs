//! What the engine does for each kind of task, in one file each. What a task is asked and what is told of it is in
//! `app/protocol/src/jobs`, under the same name.

mod attempt;
mod average_traces;
mod check_plugin;
mod edit;
mod evaluate;
#[cfg(test)]
mod failures;
mod history;
mod keep;
mod leave_out;
mod load;
mod place;
mod predict;
mod rates;
mod reload_plugin;
mod rescore;
mod save;
mod screen;
mod second_moments;
#[cfg(test)]
mod shortages;
mod sweep;
mod trace;

pub use predict::predict;

use crate::error::{Error, Stopped};
use crate::pace::RunningJob;
use crate::worker::Worker;
use locus_protocol::{JobId, Task};

/// Carries out a task.
///
/// # Errors
/// It cannot be done, or the user canceled it; what was not done is as it was before.
pub fn run(worker: &mut Worker<'_>, job: JobId, task: Task) -> Result<(), Stopped> {
    match task {
        Task::Load(load) => load::run(worker, job, &load),
        Task::Trace(order) => trace::run(worker.job(job)?, order),
        Task::AverageTraces(order) => average_traces::run(worker.job(job)?, &order),
        Task::Edit(order) => edit::run(worker, job, order),
        Task::Try(attempt) => attempt::run(worker, job, attempt),
        Task::Keep(keep) => keep::run(worker, job, keep),
        Task::Evaluate(order) => evaluate::run(worker.job(job)?, &worker.registry, &worker.options, order),
        Task::Screen(screen) => screen::run(worker.job(job)?, &screen),
        Task::Undo(undo) => Ok(history::undo(worker, job, undo)?),
        Task::Redo(_) => Ok(history::redo(worker, job)?),
        Task::Place(place) => place::run(worker, &place),
        Task::Rescore(_) => rescore::run(worker.job(job)?),
        Task::LeaveOut(order) => leave_out::run(worker.job(job)?, order),
        Task::Save(target) => save::run(worker.job(job)?, &target),
        Task::SecondMoments(task) => second_moments::run(worker.job(job)?, &worker.options, task),
        Task::Sweep(order) => sweep::run(worker.job(job)?, &worker.registry, &worker.options, &order),
        Task::Rates(order) => rates::run(worker.job(job)?, &order),
        Task::CheckPlugin(check) => check_plugin::run(worker, job, &check),
        Task::ReloadPlugin(reload) => {
            let Worker { pace, registry, loaded, .. } = worker;
            reload_plugin::run(pace, registry, loaded.as_ref(), job, &reload)
        }
    }
}

/// Carries out a task that only looks, while another one stands still.
///
/// # Errors
/// It cannot be done, or the user canceled it; it is no look.
pub fn look(job: RunningJob<'_>, task: Task) -> Result<(), Stopped> {
    match task {
        Task::Trace(order) => trace::run(job, order),
        Task::LeaveOut(order) => leave_out::run(job, order),
        _ => Err(Error::Request(format!("{} cannot be done between two steps of another job", task.title())).into()),
    }
}
