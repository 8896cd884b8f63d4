//! Everything once on the built-in model: scores, traces, second moments, edits by every method, and an edited model that is
//! written and read back.

use super::plan::Plan;
use crate::cli::Failure;
use crate::cli::client::Client;
use locus_files::FolderDraft;
use locus_protocol::{
    EvaluateOrder, Event, Fact, Load, ModelSource, SaveTarget, SecondMomentsTask, TraceKind, TraceOrder, TriedOn, Try,
};
use locus_records::Places;
use std::collections::BTreeMap;

/// Numbers by what they are of, in the order in which they were measured.
pub type Measured = Vec<(String, Vec<f64>)>;

/// Measures everything that the plan lists, in its order.
///
/// # Errors
/// A job that fails.
pub fn all(client: &mut Client, plan: &Plan) -> Result<Measured, Failure> {
    let facts: Vec<Fact> = client.known.facts.iter().take(plan.facts).cloned().collect();
    let first = facts.first().cloned().ok_or_else(|| Failure::failed("the built-in model has no facts"))?;
    let mut measured = vec![("scores of facts".to_owned(), scores(client, &facts)?)];
    for (name, kind) in [
        ("trace of hidden states", TraceKind::Hidden),
        ("trace of MLP outputs", TraceKind::Mlp),
        ("trace of attention outputs", TraceKind::Attention),
    ] {
        measured.push((name.to_owned(), trace(client, &first, kind)?));
    }
    measured.push(("second moments".to_owned(), moments(client)?));
    for edit in &plan.edits {
        let mut numbers = Vec::new();
        client.job(Try { order: edit.order(&first), on: TriedOn::Unedited }, &mut |event| {
            if let Event::Tried(tried) = event {
                numbers = probabilities(&tried.would.numbers);
            }
        })?;
        measured.push((edit.name.clone(), numbers));
    }
    if let Some(edit) = plan.edits.first() {
        client.job(edit.order(&first), &mut |_| {})?;
        let cache = Places::find().map_err(|error| Failure::failed(error.to_string()))?.cache;
        let bad = |error: &dyn std::fmt::Display| Failure::failed(format!("{}: {error}", cache.display()));
        std::fs::create_dir_all(&cache).map_err(|error| bad(&error))?;
        // it is never finished, and goes with its contents
        let place = FolderDraft::replacing(&cache.join("selftest")).map_err(|error| bad(&error))?;
        let folder = place.path().join("edited");
        client.job(SaveTarget::Model(folder.clone()), &mut |_| {})?;
        client.job(Load { source: ModelSource::Folder(folder) }, &mut |_| {})?;
        measured.push(("edited model, written and read".to_owned(), scores(client, &facts)?));
        client.job(Load { source: ModelSource::BuiltIn }, &mut |_| {})?;
    }
    Ok(measured)
}

/// Probabilities among an edit's or an evaluation's numbers, by name.
fn probabilities(numbers: &BTreeMap<String, f64>) -> Vec<f64> {
    numbers.iter().filter(|(name, _)| name.ends_with("_probability")).map(|(_, value)| *value).collect()
}

/// Probabilities of all facts on the model as it is.
fn scores(client: &mut Client, facts: &[Fact]) -> Result<Vec<f64>, Failure> {
    let mut numbers = Vec::new();
    let order = EvaluateOrder { facts: facts.to_vec(), ..EvaluateOrder::default() };
    client.job(order, &mut |event| {
        if let Event::Evaluated(evaluated) = event {
            numbers.extend(probabilities(&evaluated.numbers));
        }
    })?;
    Ok(numbers)
}

/// All cells of a heat map.
fn trace(client: &mut Client, fact: &Fact, kind: TraceKind) -> Result<Vec<f64>, Failure> {
    let mut cells = Vec::new();
    client.job(TraceOrder::new(fact.clone(), kind), &mut |event| {
        if let Event::TraceRow { scores, .. } = event {
            cells.extend(scores);
        }
    })?;
    Ok(cells)
}

/// The largest eigenvalue of every layer's second moment.
fn moments(client: &mut Client) -> Result<Vec<f64>, Failure> {
    client.job(SecondMomentsTask::Collect, &mut |_| {})?;
    let mut largest = Vec::new();
    client.job(SecondMomentsTask::Verify { file: None }, &mut |event| {
        if let Event::SecondMoments(report) = event {
            largest = report.layers.iter().filter_map(|layer| Some(layer.check.as_ref()?.largest)).collect();
        }
    })?;
    Ok(largest)
}
