//! The checks of an objective.

use super::settings::{extremes, refusals, shown};
use super::trial::{self, Trial};
use super::watch::Limit;
use super::{Checks, Finding, declaration, left_behind, panic_of, said};
use crate::error::Error;
use crate::pace::RunningJob;
use crate::plugins::engaging::believed;
use crate::plugins::preparing::fact_to_edit;
use crate::plugins::sealing::sealed;
use locus_engine::edit::{EngineHost, bounds};
use locus_plugin::object::{ObjectiveInstance, ObjectiveObject};
use locus_plugin::{FactToEdit, Goal, Reduction};
use locus_plugin_host::take_remarks;
use locus_protocol::{EditOrder, Phase, PluginKind};
use serde_json::{Map, Value};
use std::time::Duration;
use tch::{Kind, Tensor};

/// A method is run for a few steps with the objective.
const LIMIT: Limit = Limit { reports: Some(3), services: None, time: Some(Duration::from_secs(20)) };

/// Makes all checks of an objective.
///
/// # Errors
/// The user canceled; there is no fact to check with.
pub fn check(checks: &mut Checks<'_>) -> Result<(), Error> {
    let plugin = checks.plugin;
    let job = checks.job;
    job.pace.tell_remarks();
    let objective = checks.registry.objective(&plugin.id)?;
    checks.tell("declaration", declaration(plugin));
    let refused = refusals(&plugin.hyperparameters, |settings| objective.start(settings).is_ok());
    checks.tell("settings", refused);

    let settings = job.loaded.defaults.of_objective(&plugin.id, &Map::new());
    let fact = fact_to_edit(checks.fact()?);
    let goal = goal(job, &fact, &*objective, &settings)?;
    let lowers = goal.as_ref().ok().map(|goal| goal.lowers);
    let has_goal = checks.tell("goal", goal.map(|goal| format!("it aims at `{}`", goal.target.trim())));
    let begin = || begin(job, &fact, &*objective, &settings);
    let loss = loss(&begin);
    let has_loss = checks.tell("loss", loss);
    if has_loss {
        let gradient = gradient(&begin);
        let towards = gradient.as_ref().ok().zip(lowers).map(|(gradient, lowers)| direction(gradient.rises, lowers));
        checks.tell("gradient", gradient.map(|found| format!("of length {:.3}", found.length)));
        match towards {
            Some(finding) => {
                checks.tell("direction", finding);
            }
            None => checks.skip("direction", "it has no goal or no gradient"),
        }
        checks.tell("one loss a fact", by_fact(&begin));
        checks.tell("same input, same loss", repeats(&begin));
    } else {
        for check in ["gradient", "direction", "one loss a fact", "same input, same loss"] {
            checks.skip(check, "it has no loss");
        }
    }
    checks.tell("leaves nothing behind", left_behind(&take_remarks(), &plugin.id));
    let told = nonsense(checks, &fact, &*objective)?;
    checks.tell("errors, not panics", told);
    if has_goal && has_loss {
        with_methods(checks)?;
    } else {
        checks.skip("each method", "it has no goal or no loss");
    }
    Ok(())
}

/// An objective at work that has said what it aims at for a fact, as one has before its losses are asked for.
type AtWork = (Goal, Box<dyn ObjectiveInstance>);

/// The outer error is no fault of the objective's.
fn aimed(
    job: RunningJob<'_>,
    fact: &FactToEdit,
    objective: &dyn ObjectiveObject,
    settings: &Map<String, Value>,
) -> Result<Result<AtWork, Error>, Error> {
    let loaded = job.loaded;
    let mut info = loaded.info.clone();
    // what a session computes of the subjects; any length does for a check
    info.embedding_deviation = 0.1;
    let cancelled = || job.is_cancelled();
    let host = EngineHost::new(loaded.stack.model(), info, None, &cancelled, None, |_| {});
    let id = &objective.description().info.id;
    let answer = sealed(loaded, id, || {
        Ok(objective.start(settings).and_then(|mut started| Ok((started.goal(fact, &host)?, started))))
    });
    job.check_cancel()?;
    let aimed = answer.and_then(|answer| believed([id, id], answer, &host)).and_then(|(goal, started)| {
        bounds::goal(&goal).map_err(|error| Error::plugin(id, error))?;
        Ok((goal, started))
    });
    match aimed {
        Err(error) if !error.is_of_plugin() => Err(error),
        aimed => Ok(aimed),
    }
}

/// It aims at some text for a fact of the model.
fn goal(
    job: RunningJob<'_>,
    fact: &FactToEdit,
    objective: &dyn ObjectiveObject,
    settings: &Map<String, Value>,
) -> Result<Result<Goal, String>, Error> {
    Ok(match aimed(job, fact, objective, settings)? {
        Ok((goal, _)) => Ok(goal),
        Err(error) => Err(format!("{}; it should return a goal for a fact with both targets", said(&error))),
    })
}

/// Log-probabilities of two rows and three tokens, to be followed back.
fn sample(shape: &[i64]) -> Result<Tensor, String> {
    let count: i64 = shape.iter().product();
    let numbers = Tensor::f_arange(count, (Kind::Float, tch::Device::Cpu));
    let numbers = numbers.and_then(|numbers| numbers.f_mul_scalar(-0.25)?.f_sub_scalar(0.5));
    let sample = numbers.and_then(|numbers| numbers.f_reshape(shape)?.f_set_requires_grad(true));
    sample.map_err(|error| locus_engine::Error::from(error).to_string())
}

/// Begins the work of an objective.
type Begin<'a> = dyn Fn() -> Result<Box<dyn ObjectiveInstance>, String> + 'a;

fn begin(
    job: RunningJob<'_>,
    fact: &FactToEdit,
    objective: &dyn ObjectiveObject,
    settings: &Map<String, Value>,
) -> Result<Box<dyn ObjectiveInstance>, String> {
    let aimed = aimed(job, fact, objective, settings).and_then(|aimed| aimed);
    aimed.map(|(_, at_work)| at_work).map_err(|error| format!("it does not start: {}", said(&error)))
}

/// The loss of log-probabilities is one finite number, for means and for sums.
fn loss(begin: &Begin<'_>) -> Finding {
    let mut started = begin()?;
    let mut seen = Vec::new();
    for reduction in [Reduction::Mean, Reduction::Sum] {
        let loss = started.loss(&sample(&[2, 3])?, reduction).map_err(|error| error.to_string())?;
        if loss.numel() != 1 {
            return Err(format!("for [rows, tokens], it returns {:?}; return one number", loss.size()));
        }
        let value = loss
            .f_to_kind(Kind::Double)
            .and_then(|loss| loss.f_reshape([-1]))
            .and_then(|loss| loss.f_double_value(&[0]));
        match value {
            Ok(value) if value.is_finite() => seen.push(format!("{value:.3}")),
            Ok(value) => return Err(format!("the loss of ordinary log-probabilities is {value}; keep it finite")),
            Err(error) => return Err(format!("its loss is not a number: {error}")),
        }
    }
    Ok(format!("{} for a mean and {} for a sum", seen[0], seen[1]))
}

/// What is known of the gradient of a loss.
struct Gradient {
    length: f64,
    /// Whether the loss rises with all log-probabilities together.
    rises: bool,
}

/// The loss can be followed back to the log-probabilities; its gradient.
fn gradient(begin: &Begin<'_>) -> Result<Gradient, String> {
    let mut started = begin()?;
    let given = sample(&[2, 3])?;
    let loss = started.loss(&given, Reduction::Mean).map_err(|error| error.to_string())?;
    let lost = "compute the loss with operations on the given tensor, without detach or numbers read from it";
    if !loss.requires_grad() {
        return Err(format!("no gradient leads from its loss to the log-probabilities; {lost}"));
    }
    let measure = || {
        let found = Tensor::f_run_backward(&[loss.f_sum(Kind::Float)?], &[&given], false, false)?;
        let gradient = Tensor::f_stack(&found, 0)?;
        let rises = gradient.f_sum(Kind::Double)?.f_double_value(&[])? > 0.0;
        Ok(Gradient { length: gradient.f_norm()?.f_double_value(&[])?, rises })
    };
    let found = measure().map_err(|error: tch::TchError| {
        let text = error.to_string();
        format!("its gradient cannot be computed: {}; {lost}", locus_plugin::error::first_line(&text))
    })?;
    if !found.length.is_finite() || found.length == 0.0 {
        return Err(format!("its gradient has length {}; {lost}", found.length));
    }
    Ok(found)
}

const UNSAID: &str = "the loss falls as the target gets less probable, but its goal does not say so, and edits would be scored the wrong way around; add Goal::lowering()";
const CONTRADICTED: &str = "its goal says lowering(), but the loss falls as the target gets more probable; remove Goal::lowering(), or flip the sign of the loss";

/// The loss pulls the target's probability to where the goal says: edits are scored by that.
fn direction(rises: bool, lowers: bool) -> Finding {
    match (rises, lowers) {
        (true, true) => Ok("the less probable the target, the lower the loss, and the goal says lowering()".to_owned()),
        (false, false) => Ok("the more probable the target, the lower the loss".to_owned()),
        (true, false) => Err(UNSAID.to_owned()),
        (false, true) => Err(CONTRADICTED.to_owned()),
    }
}

/// Many facts have a loss each.
fn by_fact(begin: &Begin<'_>) -> Finding {
    let mut started = begin()?;
    let loss = started.loss(&sample(&[4, 2, 3])?, Reduction::Mean).map_err(|error| error.to_string())?;
    match loss.size()[..] {
        [4] => Ok("for [facts, rows, tokens], it returns one loss per fact".to_owned()),
        ref size => Err(format!(
            "for four facts, it returns {size:?}; return one loss per fact, as Reduction::log_likelihood does"
        )),
    }
}

/// The same log-probabilities have the same loss.
fn repeats(begin: &Begin<'_>) -> Finding {
    let mut started = begin()?;
    let mut once = || started.loss(&sample(&[2, 3])?, Reduction::Mean).map_err(|error| error.to_string());
    let (first, again) = (once()?, once()?);
    let anew = begin()?.loss(&sample(&[2, 3])?, Reduction::Mean).map_err(|error| error.to_string())?;
    // what cannot be compared is not the same
    let same = |other: &Tensor| first.f_equal(other).unwrap_or(false);
    match same(&again) && same(&anew) {
        true => Ok("three calls agree bit for bit".to_owned()),
        false => Err("the same log-probabilities have different losses; keep no state between calls".to_owned()),
    }
}

/// Facts that lack something, and settings at the ends of their ranges.
fn nonsense(checks: &Checks<'_>, whole: &FactToEdit, objective: &dyn ObjectiveObject) -> Result<Finding, Error> {
    let job = checks.job;
    let facts = [
        ("no targets", FactToEdit { target_true: String::new(), target_new: String::new(), ..whole.clone() }),
        ("an empty subject", FactToEdit { subject: String::new(), ..whole.clone() }),
        ("a template without {}", FactToEdit { template: "Nothing is here".to_owned(), ..whole.clone() }),
    ];
    let advice = "return an Error::Request that says what to change";
    let sample = match sample(&[2, 3]) {
        Ok(sample) => sample,
        Err(error) => return Ok(Err(error)),
    };
    let mut count = 0;
    for (name, fact) in &facts {
        if let Some(text) = panic_of(&aimed(job, fact, objective, &Map::new())?) {
            return Ok(Err(format!("for a fact with {name}, it panicked: {text}; {advice}")));
        }
        count += 1;
    }
    for parameter in &checks.plugin.hyperparameters {
        for value in extremes(&parameter.kind) {
            let settings = Map::from_iter([(parameter.name.clone(), value.clone())]);
            let answered = aimed(job, whole, objective, &settings)?.and_then(|(_, mut at_work)| {
                let id = &objective.description().info.id;
                at_work.loss(&sample, Reduction::Mean).map_err(|error| Error::plugin(id, error))
            });
            if let Some(text) = panic_of(&answered) {
                let value = shown(&value);
                return Ok(Err(format!("with {} = {value}, it panicked: {text}; {advice}", parameter.name)));
            }
            count += 1;
        }
    }
    Ok(Ok(format!("answered absurd facts and extreme settings ({count} tried)")))
}

/// Every method takes steps with it.
fn with_methods(checks: &mut Checks<'_>) -> Result<(), Error> {
    let plugins = checks.registry.plugins();
    let methods: Vec<String> =
        plugins.into_iter().filter(|plugin| plugin.kind == PluginKind::Method).map(|plugin| plugin.id).collect();
    let count = methods.len() as u64;
    for (done, method) in methods.into_iter().enumerate() {
        checks.job.progress(Phase::Method("pairing with methods".to_owned()), done as u64, count);
        let loaded = checks.job.loaded;
        let suits = loaded.defaults.layers_of(&method);
        let order = EditOrder {
            fact: checks.fact()?.clone(),
            layers: if suits.is_empty() { vec![loaded.info.layers / 4] } else { suits },
            method: method.clone(),
            objective: checks.plugin.id.clone(),
            method_settings: Map::new(),
            objective_settings: Map::new(),
            seed: 1,
            more: Vec::new(),
            free_generation: 0,
            no_scores: false,
            corpus_tokens: None,
        };
        let finding = match trial::run(checks, &order, LIMIT) {
            Err(error) if error.is_cancelled() => return Err(error),
            Err(error) => Err(error.to_string()),
            Ok(trial) => left_behind(&trial.left, &checks.plugin.id).and_then(|_| steps(&trial)),
        };
        checks.tell(&format!("with {method}"), finding);
    }
    Ok(())
}

/// A method took steps, and its loss was a number.
fn steps(trial: &Trial) -> Finding {
    match &trial.outcome {
        Ok(_) => {}
        Err(error) if error.is_cancelled() => {}
        Err(error) => return Err(error.to_string()),
    }
    let losses: Vec<f64> = trial.seen.reports.iter().filter_map(|report| report.losses.get("loss").copied()).collect();
    match (losses.first(), losses.iter().find(|loss| !loss.is_finite())) {
        (_, Some(loss)) => Err(format!("its loss becomes {loss}; keep it finite")),
        (Some(first), None) => Ok(format!("{} steps from a loss of {first:.3}", losses.len())),
        (None, None) => Ok("it edits without reporting a loss".to_owned()),
    }
}
