//! The checks of a method.

use super::trial::{self, Trial};
use super::watch::Limit;
use super::weights::{WeightsCopy, are_same, layer_of};
use super::{Checks, Finding, declaration, growth, left_behind, nonsense, said, settings};
use crate::error::Error;
use locus_engine::edit::{Violation, WeightEdit};
use locus_engine::model::Model;
use locus_plugin::{Edited, StepReport};
use locus_protocol::{EditOrder, PluginKind};
use locus_records::Preference;
use std::collections::BTreeSet;
use std::time::Duration;

/// How long a method may go on after it was canceled, on a small model. The boundary gives it no service any more.
const TIME_AFTER_CANCEL: Duration = Duration::from_millis(1500);

/// What an author does who wants to go on from the last edit.
const INDEPENDENT: &str = "edits are independent: keep no state between them, and read what an earlier one did from the weights, which host.parameter returns with all edits in place";

/// Names of the checks that need an edit that works.
const NEED_AN_EDIT: [&str; 4] = ["touches only its layers", "same seed, same edit", "undo restores", "memory"];

/// Makes all checks of a method.
///
/// # Errors
/// The user canceled; there is no objective or fact to check with.
pub fn check(checks: &mut Checks<'_>) -> Result<(), Error> {
    let (plugin, model) = (checks.plugin, checks.job.loaded.stack.model());
    let method = checks.registry.method(&plugin.id)?;
    checks.tell("declaration", declaration(plugin));
    let order = order(checks, &plugin.id)?;
    let info = &checks.job.loaded.info;
    let request = nonsense::request(&order);
    let accepts = |settings: &serde_json::Map<_, _>| method.plan(&request, settings, info).is_ok();
    checks.tell("settings", settings::refusals(&plugin.hyperparameters, accepts));

    let weights = WeightsCopy::of(model)?;
    let first = match trial::run(checks, &order, Limit::default()) {
        Err(error) if error.is_cancelled() || !error.is_of_plugin() => return Err(error),
        // it refuses in its plan what every method should take
        Err(error) => {
            let text = format!("{}; it should edit one fact of the model in its own layers", said(&error));
            checks.tell("edits", Err(text));
            return Ok(());
        }
        Ok(trial) => trial,
    };
    let works = match &first.violation {
        Some(Violation::Wrote(_)) => {
            checks.skip("edits", "an edit that writes into the host's tensors is rejected");
            false
        }
        _ => checks.tell("edits", edits(&first)),
    };
    checks.tell("reports its steps", reports(&first));
    checks.tell("leaves nothing behind", left_behind(&first.left, &plugin.id));
    if !checks.tell("leaves the weights alone", untouched(model, &weights, &first)?) {
        checks.skip("the other checks", "nothing that such a method returns is accepted");
        return Ok(());
    }
    let cancels = cancels(checks, &order, &first)?;
    checks.tell("cancels within a step", cancels);
    let told = nonsense::requests(checks, &order)?;
    checks.tell("errors, not panics: requests", told);
    let told = nonsense::settings(checks, &order)?;
    checks.tell("errors, not panics: settings", told);
    if !works {
        NEED_AN_EDIT.iter().for_each(|check| checks.skip(check, "it made no edit"));
        return Ok(());
    }
    if let Ok(edited) = &first.outcome {
        checks.tell(NEED_AN_EDIT[0], touches(model, &first, edited));
        let again = trial::run(checks, &order, Limit::default())?;
        checks.tell(NEED_AN_EDIT[1], repeats(edited, again.outcome));
    }
    let told = undo(checks, &order, first, &weights)?;
    checks.tell(NEED_AN_EDIT[2], told);
    let told = growth::check(checks, &order)?;
    checks.tell(NEED_AN_EDIT[3], told);
    let told = still_the_same(model, &weights)?;
    checks.tell("leaves the weights alone in the end", told);
    Ok(())
}

/// An edit of the first fact with the method's own settings, in the layers that suit it or in one a quarter of the way up.
fn order(checks: &Checks<'_>, method: &str) -> Result<EditOrder, Error> {
    let plugins = checks.registry.plugins();
    let objectives = || plugins.iter().filter(|plugin| plugin.kind == PluginKind::Objective).map(|plugin| &plugin.id);
    let preferred = Preference::shipped().objective;
    let objective = objectives().find(|id| **id == preferred).or_else(|| objectives().next());
    let none = || Error::Request("no objective is loaded to check a method with; name one with --plugin".to_owned());
    let loaded = checks.job.loaded;
    let suits = loaded.defaults.layers_of(method);
    Ok(EditOrder {
        fact: checks.fact()?.clone(),
        method: method.to_owned(),
        objective: objective.ok_or_else(none)?.clone(),
        layers: if suits.is_empty() { vec![loaded.info.layers / 4] } else { suits },
        method_settings: Default::default(),
        objective_settings: Default::default(),
        seed: 1,
        more: Vec::new(),
        free_generation: 0,
        no_scores: false,
        corpus_tokens: None,
    })
}

/// It gives back changes that can be applied.
fn edits(trial: &Trial) -> Finding {
    match &trial.outcome {
        Err(error) => Err(format!("{}; an edit with its default settings should work", said(error))),
        Ok(edited) => Ok(format!("changes of {} parameters, finite and of matching shapes", edited.deltas.len())),
    }
}

/// It reports every step in its order.
fn reports(trial: &Trial) -> Finding {
    if let Some(refused) = &trial.seen.refused_report {
        return Err(format!("a report was refused: {refused}"));
    }
    in_order(&trial.seen.reports, &trial.plan.layers)
}

/// Reports go up one by one, begin anew at 0, or come after the last step.
fn in_order(reports: &[StepReport], layers: &[usize]) -> Finding {
    let Some(last) = reports.last() else {
        return Err("it reported no step; call host.report in each, or the table of layers does not update".to_owned());
    };
    let mut before: Option<u64> = None;
    for StepReport { step, steps, layer, losses, .. } in reports {
        let follows = *step == 0 || step == steps || before.is_some_and(|before| before + 1 == *step);
        if !follows {
            let came = before.map_or("at first".to_owned(), |before| format!("after step {before}"));
            return Err(format!("{came} it reported step {step}; report each step once, counted from 0"));
        }
        if step > steps {
            return Err(format!("it reported step {step} of {steps}; announce as many steps as there are"));
        }
        if !layers.is_empty() && !layers.contains(layer) {
            return Err(format!(
                "it reported a step on layer {layer}, which is not in its plan; plan every layer that it edits"
            ));
        }
        if !losses.contains_key("loss") {
            return Err(format!("its report of step {step} has no loss; add one with .loss(\"loss\", value)"));
        }
        before = Some(*step);
    }
    let layers: BTreeSet<usize> = reports.iter().map(|report| report.layer).collect();
    let layers: Vec<String> = layers.iter().map(ToString::to_string).collect();
    Ok(format!("{} reports of up to {} steps, on layer {}", reports.len(), last.steps, layers.join(", ")))
}

/// It wrote into nothing of the host's, its handles included.
fn untouched(model: &Model, weights: &WeightsCopy, trial: &Trial) -> Result<Finding, Error> {
    match &trial.violation {
        Some(what @ Violation::Wrote(_)) => {
            Ok(Err(format!("{what}: copy a tensor before an in-place operation, and return changes instead")))
        }
        _ => still_the_same(model, weights),
    }
}

/// The model's own weights are as they were.
fn still_the_same(model: &Model, weights: &WeightsCopy) -> Result<Finding, Error> {
    let changed = weights.changed(model)?;
    Ok(match changed.first() {
        None => Ok("all weights are unchanged, bit for bit".to_owned()),
        Some(name) => Err(format!("`{name}` has changed: copy a tensor of the host before an in-place operation")),
    })
}

/// It stops soon after it was told.
fn cancels(checks: &Checks<'_>, order: &EditOrder, first: &Trial) -> Result<Finding, Error> {
    let limit = match first.seen.reports.is_empty() {
        true => Limit { services: Some(1), ..Limit::default() },
        false => Limit { reports: Some(1), ..Limit::default() },
    };
    let Trial { outcome, seen, .. } = trial::run(checks, order, limit)?;
    if seen.went_on > TIME_AFTER_CANCEL {
        return Ok(Err(format!(
            "it ran for {:.1} s before it checked for cancellation; call host.checkpoint()? in long computations",
            seen.went_on.as_secs_f64()
        )));
    }
    Ok(match outcome {
        Err(error) if error.is_cancelled() => Ok("it stopped at its next call to the host".to_owned()),
        // it was never told: it asked for nothing more
        Ok(_) => Ok("it had nothing left to stop".to_owned()),
        Err(error) => {
            let error = said(&error);
            Err(format!("it failed when it was canceled ({error}); pass errors on unchanged, with `?`"))
        }
    })
}

/// Its changes are of the layers that it planned.
fn touches(model: &Model, trial: &Trial, edited: &Edited) -> Finding {
    let planned = &trial.plan.layers;
    for delta in &edited.deltas {
        let name = &delta.parameter;
        match layer_of(model, name) {
            Some(layer) if !planned.contains(&layer) => {
                return Err(format!(
                    "it changes `{name}` of layer {layer}, but its plan is to edit {planned:?}; plan it, or leave it alone"
                ));
            }
            None if !planned.is_empty() => {
                return Err(format!("it changes `{name}`, which belongs to no layer in its plan {planned:?}"));
            }
            _ => {}
        }
    }
    Ok(format!("only parameters of {planned:?}"))
}

/// The same order gives the same changes.
fn repeats(first: &Edited, again: Result<Edited, Error>) -> Finding {
    match again {
        Err(error) => Err(format!("the same edit failed the second time: {}; {INDEPENDENT}", said(&error))),
        Ok(again) if are_same(&first.deltas, &again.deltas) => Ok("two runs agree bit for bit".to_owned()),
        Ok(_) => Err(format!("two runs differ; draw everything random from request.seed; {INDEPENDENT}")),
    }
}

/// With the edit taken back the model is what it was.
fn undo(checks: &Checks<'_>, order: &EditOrder, trial: Trial, weights: &WeightsCopy) -> Result<Finding, Error> {
    let Ok(edited) = trial.outcome else { return Ok(Err("it made no edit".to_owned())) };
    // the session's own list of edits is none of a check's business
    let mut stack = checks.job.loaded.stack.beside()?;
    let title = format!("check of {}", order.method);
    stack.apply(WeightEdit { title, order: order.clone(), deltas: edited.deltas, ..WeightEdit::default() })?;
    let moved = weights.changed(stack.model())?;
    stack.undo()?;
    let left = weights.changed(stack.model())?;
    Ok(match (&moved[..], &left[..]) {
        ([], _) => Err("its change alters no weight; return the difference from the model's weights".to_owned()),
        (_, [name, ..]) => Err(format!("`{name}` is not restored when the edit is undone")),
        _ => Ok(format!("{} parameters changed, and undo restores all of them bit for bit", moved.len())),
    })
}

#[cfg(test)]
mod tests {
    use super::in_order;
    use locus_plugin::StepReport;

    fn reports(steps: &[(u64, u64)]) -> Vec<StepReport> {
        steps.iter().map(|&(step, steps)| StepReport::new(step, steps, 3).loss("loss", 1.0)).collect()
    }

    #[test]
    fn steps_are_reported_in_their_order() {
        for good in
            [&[(0, 3), (1, 3), (2, 3)][..], &[(0, 2), (1, 2), (0, 2), (1, 2)], &[(0, 9), (9, 9), (9, 9)], &[(0, 1)]]
        {
            assert!(in_order(&reports(good), &[3]).is_ok(), "{good:?}");
        }
        for (bad, said) in [
            (&[][..], "no step"),
            (&[(0, 9), (2, 9)], "after step 0 it reported step 2"),
            (&[(1, 9)], "at first it reported step 1"),
            (&[(0, 1), (1, 1), (2, 1)], "step 2 of 1"),
        ] {
            let complaint = in_order(&reports(bad), &[3]).expect_err(said);
            assert!(complaint.contains(said), "{complaint}");
        }
        assert!(in_order(&reports(&[(0, 1)]), &[4]).expect_err("layer").contains("not in its plan"));
    }
}
