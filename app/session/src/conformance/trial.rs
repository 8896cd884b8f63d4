//! One run of a method as an edit runs it, watched. Nothing is put in place.

use super::watch::{Limit, Seen, Watch};
use crate::editing::rows_of;
use crate::error::Error;
use crate::moments;
use crate::preparing::{Prepared, prepare};
use crate::sealing::sealed;
use crate::worker::Worker;
use locus_engine::edit::{EngineHost, SubjectNoises, bounds};
use locus_plugin::{EditRequest, Edited, Plan};
use locus_protocol::{EditOrder, JobId};
use std::sync::atomic::AtomicBool;

/// What a run came to.
pub struct Trial {
    /// What the method said before.
    pub plan: Plan,
    /// What it gave back, or how it failed.
    pub outcome: Result<Edited, locus_plugin::Error>,
    /// What was seen meanwhile.
    pub seen: Seen,
    /// What it did that makes its result worthless.
    pub violation: Option<String>,
}

/// Runs an order until it ends or `limit` is reached.
///
/// # Errors
/// The user cancelled; the objective or the method refuses the order before anything runs.
pub fn run(worker: &mut Worker<'_>, job: JobId, order: &EditOrder, limit: Limit) -> Result<Trial, Error> {
    let mut order = order.clone();
    let prepared = prepare(worker, &mut order)?;
    moments::ensure(worker, job, &prepared.plan.second_moments)?;
    let request = prepared.request.clone();
    let trial = run_request(worker, &order, &prepared, &request, limit)?;
    worker.check_cancel()?;
    Ok(trial)
}

/// Asks the method of a prepared order for something else than was prepared.
///
/// # Errors
/// The user cancelled; no host can be made for it.
pub fn run_request(
    worker: &Worker<'_>,
    order: &EditOrder,
    prepared: &Prepared,
    request: &EditRequest,
    limit: Limit,
) -> Result<Trial, Error> {
    let method = worker.registry.method(&order.method)?;
    let objective = worker.registry.objective(&order.objective)?;
    let loaded = worker.ready()?;
    let (model, moments) = (loaded.stack.model(), loaded.moments.as_ref());
    let rows = rows_of(loaded.stack.model(), &order.fact)?;
    let flag = AtomicBool::new(false);
    let shown = [model.tokenizer.joined(&order.fact.prompt(), &order.fact.target_new)?.target()[0]; 2];
    let host = EngineHost::new(model, prepared.info.clone(), moments, &flag, rows, shown, |_| {});
    let named = |error| Error::plugin(&order.objective, error);
    let at_work = match prepared.objective.take() {
        Some(at_work) => at_work,
        None => objective.start(&order.objective_settings).map_err(named)?,
    };
    host.set_objective(at_work);
    if let Some(noise) = &prepared.noise {
        let facts = prepared.request.edits.iter().map(|edit| (edit.template.as_str(), edit.subject.as_str()));
        host.set_noises(SubjectNoises::new(model, noise.clone(), facts)?);
    }
    let watch = Watch::new(&host, limit, &flag, worker.cancel);
    let outcome = sealed(worker, &order.method, || Ok(method.edit(request, &order.method_settings, &watch)))?;
    let (seen, violation) = (watch.finish(), host.violation());
    prepared.objective.replace(host.take_objective());
    let outcome = outcome.and_then(|edited| bounds::edited(&edited).map(|()| edited));
    Ok(Trial { plan: prepared.plan.clone(), outcome, seen, violation })
}
