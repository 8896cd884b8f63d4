//! One run of a method as an edit runs it, watched. Nothing is put in place.

use super::Checks;
use super::watch::{Limit, Seen, Watch};
use crate::error::Error;
use crate::moments;
use crate::plugins::engaging::{Engaged, engage, only};
use crate::plugins::preparing::{PreparedEdit, prepare};
use locus_engine::edit::{EngineHost, Violation};
use locus_plugin::{EditRequest, Edited, Plan};
use locus_plugin_host::{Remark, take_remarks};
use locus_protocol::EditOrder;
use std::cell::Cell;

/// What a run came to.
pub struct Trial {
    /// What the method said before.
    pub plan: Plan,
    /// What it gave back, or how a plugin failed.
    pub outcome: Result<Edited, Error>,
    /// What was seen meanwhile.
    pub seen: Seen,
    /// What it did that makes its result worthless.
    pub violation: Option<Violation>,
    /// What plugins left behind.
    pub left: Vec<Remark>,
}

/// Runs an order until it ends or `limit` is reached.
///
/// # Errors
/// The user canceled; the objective or the method refuses the order before anything runs.
pub fn run(checks: &Checks<'_>, order: &EditOrder, limit: Limit) -> Result<Trial, Error> {
    let Checks { job, registry, options, .. } = *checks;
    // what was left before
    job.pace.tell_remarks();
    let mut order = order.clone();
    let prepared = prepare(job, registry, &mut order)?;
    let _ = moments::ensure(job, options, &prepared.plan.second_moments, None)?;
    let request = prepared.request.clone();
    let trial = run_request(checks, &order, &prepared, &request, limit)?;
    job.check_cancel()?;
    Ok(trial)
}

/// Asks the method of a prepared order for something else than was prepared.
///
/// # Errors
/// The user canceled; no host can be made for it; it failed by no fault of a plugin's.
pub fn run_request(
    checks: &Checks<'_>,
    order: &EditOrder,
    prepared: &PreparedEdit,
    request: &EditRequest,
    limit: Limit,
) -> Result<Trial, Error> {
    let Checks { job, registry, .. } = *checks;
    let loaded = job.loaded;
    let (model, moments) = (loaded.stack.model(), loaded.moments());
    let (over, user) = (Cell::new(false), || job.is_cancelled());
    let cancelled = || over.get();
    let host = EngineHost::new(model, prepared.info.clone(), moments.as_deref(), &cancelled, None, |_| {});
    let watch = Watch::new(&host, limit, &over, &user);
    let Engaged { outcome, violation } = engage(registry, loaded, order, prepared, &host, |method| {
        method.edit(request, &order.method_settings, &watch).map(|edited| vec![edited])
    })?;
    let (seen, left) = (watch.finish(), take_remarks());
    match only(outcome) {
        Err(error) if !error.is_of_plugin() => Err(error),
        outcome => Ok(Trial { plan: prepared.plan.clone(), outcome, seen, violation, left }),
    }
}
