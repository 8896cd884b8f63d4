//! Requests and settings that make no sense, or hardly any: whatever comes of them, it is an answer and no panic.

use super::settings::{extremes, shown};
use super::trial;
use super::watch::Limit;
use super::{Checks, Finding, panic_of};
use crate::error::Error;
use crate::plugins::preparing::prepare;
use locus_plugin::{Edit, EditRequest, Error as PluginError};
use locus_protocol::{EditOrder, Phase};
use std::time::Duration;

/// A run is canceled after so many reports, or after that long: the beginning says enough.
const LIMIT: Limit = Limit { reports: Some(5), services: None, time: Some(Duration::from_secs(3)) };
/// A layer that no model has.
const NOWHERE: usize = 100_000;

/// What an order asks of a method, before an objective has said what it aims at.
pub fn request(order: &EditOrder) -> EditRequest {
    let edit = Edit::new(&order.fact.template, &order.fact.subject, &order.fact.target_new);
    EditRequest { edits: vec![edit], layers: order.layers.clone(), seed: order.seed, apart: false }
}

/// Requests that make no sense.
///
/// # Errors
/// The user canceled.
pub fn requests(checks: &Checks<'_>, order: &EditOrder) -> Result<Finding, Error> {
    let method = checks.registry.method(&order.method)?;
    let mut prepared_order = order.clone();
    let prepared = prepare(checks.job, checks.registry, &mut prepared_order)?;
    let plain = prepared.request.clone();
    let edit = plain.edits[0].clone();
    let with_edits = |edits: Vec<Edit>| EditRequest { edits, ..plain.clone() };
    let with_layers = |layers: Vec<usize>| EditRequest { layers, ..plain.clone() };
    let all = (0..prepared.info.layers).collect();
    let cases = [
        ("no fact", with_edits(Vec::new())),
        ("two facts", with_edits(vec![edit.clone(), edit.clone()])),
        ("an empty target", with_edits(vec![Edit { target: String::new(), ..edit.clone() }])),
        ("a subject that is empty", with_edits(vec![Edit { subject: String::new(), ..edit.clone() }])),
        ("a template without {}", with_edits(vec![Edit { template: "Nothing is here".to_owned(), ..edit.clone() }])),
        ("a prompt of 5,000 words", with_edits(vec![Edit { template: format!("{}{{}}", "so ".repeat(5000)), ..edit }])),
        ("no layer", with_layers(Vec::new())),
        ("all layers", with_layers(all)),
        ("a layer that is not there", with_layers(vec![NOWHERE])),
    ];
    let count = cases.len();
    for (name, request) in cases {
        let panicked = |place: &str, text: &str| {
            format!("asked for {name}, its {place} panicked: {text}; return an Error::Request that says what to change")
        };
        if let Err(PluginError::Panic(text)) = method.plan(&request, &prepared_order.method_settings, &prepared.info) {
            return Ok(Err(panicked("plan", &text)));
        }
        let trial = trial::run_request(checks, &prepared_order, &prepared, &request, LIMIT);
        checks.job.check_cancel()?;
        let outcome = match trial {
            Ok(trial) => trial.outcome,
            // that is an answer
            Err(Error::Engine(short)) if short.is_out_of_memory() => continue,
            Err(error) => return Err(error),
        };
        if let Some(text) = panic_of(&outcome) {
            return Ok(Err(panicked("edit", text)));
        }
        match outcome {
            Ok(edited) if request.layers == [NOWHERE] && !edited.deltas.is_empty() => {
                let text =
                    format!("asked for layer {NOWHERE}, it edited something else; refuse layers that do not exist");
                return Ok(Err(text));
            }
            _ => {}
        }
    }
    Ok(Ok(format!("answered {count} absurd requests")))
}

/// Every hyperparameter at each end of its range.
///
/// # Errors
/// The user canceled.
pub fn settings(checks: &Checks<'_>, order: &EditOrder) -> Result<Finding, Error> {
    let parameters = &checks.plugin.hyperparameters;
    let ends: Vec<_> = parameters
        .iter()
        .flat_map(|parameter| extremes(&parameter.kind).into_iter().map(|value| (parameter.name.as_str(), value)))
        .collect();
    let count = ends.len();
    for (done, (name, value)) in ends.into_iter().enumerate() {
        checks.job.progress(Phase::Method("extreme settings".to_owned()), done as u64, count as u64);
        let mut order = order.clone();
        order.method_settings.insert(name.to_owned(), value.clone());
        let outcome = match trial::run(checks, &order, LIMIT) {
            Err(error) if error.is_cancelled() => return Err(error),
            trial => trial.and_then(|trial| trial.outcome),
        };
        let Some(text) = panic_of(&outcome) else { continue };
        return Ok(Err(format!(
            "with {name} = {}, it panicked: {text}; narrow the range, or return an error that says what to change",
            shown(&value)
        )));
    }
    Ok(Ok(match count {
        0 => "there are none".to_owned(),
        _ => format!("answered at both ends of every range ({count} tried)"),
    }))
}
