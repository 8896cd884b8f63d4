//! One call of a plugin with the host's services, and what is believed of its answer: alike for edits and for checks of
//! plugins.

use super::preparing::PreparedEdit;
use super::sealing::sealed;
use crate::error::Error;
use crate::model::loaded::Loaded;
use locus_engine::edit::{EngineHost, Violation, bounds, take_over};
use locus_engine::run::SubjectNoises;
use locus_plugin::object::MethodObject;
use locus_plugin::{Edited, Error as PluginError, Host};
use locus_plugin_host::Registry;
use locus_protocol::EditOrder;

/// What came of a call of a method.
pub struct Engaged {
    /// Its edits with changes that are the host's own, or why there are none.
    pub outcome: Result<Vec<Edited>, Error>,
    /// What makes the edit worthless, whatever the method says of it.
    pub violation: Option<Violation>,
}

/// Has the method of an order work for `host`, with the objective that has told its goals.
///
/// # Errors
/// It cannot begin.
pub fn engage(
    registry: &Registry,
    loaded: &Loaded,
    order: &EditOrder,
    prepared: &PreparedEdit,
    host: &EngineHost<'_>,
    call: impl FnOnce(&dyn MethodObject) -> locus_plugin::Result<Vec<Edited>>,
) -> Result<Engaged, Error> {
    let method = registry.method(&order.method)?;
    let model = loaded.model_on(prepared.on);
    let at_work = match prepared.objective.take() {
        Some(at_work) => at_work,
        None => {
            let started = registry.objective(&order.objective)?.start(&order.objective_settings);
            started.map_err(|error| Error::plugin(&order.objective, error))?
        }
    };
    host.set_objective(at_work);
    if let Some(noise) = &prepared.noise {
        let facts = prepared.request.edits.iter().map(|edit| (edit.template.as_str(), edit.subject.as_str()));
        host.set_noises(SubjectNoises::new(model, noise.clone(), facts)?);
    }
    let answer = sealed(loaded, &order.method, || Ok(call(&*method)));
    prepared.objective.replace(host.take_objective());
    let violation = host.violation()?;
    let outcome = answer.and_then(|answer| {
        let mut edits = judged([&order.method, &order.objective], answer, violation.as_ref(), host)?;
        for edited in &mut edits {
            bounds::edited(edited).map_err(|error| Error::plugin(&order.method, error))?;
            edited.deltas = take_over(model, &order.method, std::mem::take(&mut edited.deltas))?;
        }
        Ok(edits)
    });
    Ok(Engaged { outcome, violation })
}

/// What came of a call for one edit.
///
/// # Errors
/// There is none.
pub fn only(outcome: Result<Vec<Edited>, Error>) -> Result<Edited, Error> {
    outcome.map(|mut edits| edits.pop().unwrap_or_default())
}

/// The answer of the plugin `id` to a call that had the services of `host`, unless the host knows better; `objective` is
/// the one whose losses it asked for.
///
/// # Errors
/// It is not to be believed, or an error.
pub fn believed<T>(
    [id, objective]: [&str; 2],
    answer: locus_plugin::Result<T>,
    host: &EngineHost<'_>,
) -> Result<T, Error> {
    judged([id, objective], answer, host.violation()?.as_ref(), host)
}

/// The same where the violation is known already: to find it out, all that the plugin was handed is compared.
fn judged<T>(
    [id, objective]: [&str; 2],
    answer: locus_plugin::Result<T>,
    violation: Option<&Violation>,
    host: &EngineHost<'_>,
) -> Result<T, Error> {
    let worthless = |what: &Violation| PluginError::Failed(format!("{what}; the fact is left unedited"));
    Err(match (answer, violation, host.shortage()) {
        // it is not to blame that memory did not suffice for a service
        (Err(_), _, Some(short)) => Error::Engine(short),
        (Err(error @ PluginError::Panic(_)), ..) => Error::plugin(id, error),
        // whatever it made of that
        (_, Some(what @ Violation::NoLoss), _) => Error::plugin(objective, worthless(what)),
        // it may have passed on what it was refused, and a request beyond its bounds is no request of the user
        (Ok(_) | Err(PluginError::Request(_)), Some(what), _) => Error::plugin(id, worthless(what)),
        // the user has not
        (Err(PluginError::Cancelled), ..) if !host.cancelled() => {
            Error::plugin(id, PluginError::Failed("it says that it was canceled, but nobody canceled it".to_owned()))
        }
        (Err(error), ..) => Error::plugin(id, error),
        (Ok(answer), None, _) => return Ok(answer),
    })
}
