//! `locus demo`: the workbench on the built-in model, or the same run as text.

use crate::cli::arguments::{Common, DemoAction};
use crate::cli::client::Client;
use crate::cli::{Failure, edit, engine, flags, output, settings, tables, trace, workbench};
use locus_protocol::shown::{message, shown};
use locus_protocol::{EditOrder, Fact, PluginKind, Surroundings, TraceKind, TraceOrder};
use locus_records::Preference;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// Opens the workbench on the built-in model where there is a terminal; prints the same run where there is none.
///
/// # Errors
/// Those of the jobs.
pub fn run(common: &Common, action: Option<DemoAction>) -> Result<(), Failure> {
    if let Some(DemoAction::Train { out, seed }) = action {
        return train(&out, seed);
    }
    if common.model.is_some() {
        return Err(Failure::usage("--model: the demo runs on the built-in model; leave the flag out"));
    }
    if output::has_terminal() && !common.json { workbench::run(common, false) } else { text(common) }
}

/// Trace, edit, before and after of the fact to begin with.
fn text(common: &Common) -> Result<(), Failure> {
    let mut client = Client::with_model(common)?;
    if let Some(model) = client.known.model.as_ref().filter(|_| !common.json) {
        output::print(&format!(
            "Locus demo: {} ({}, {} layers, {} parameters) on {} ({})\n\
             with and without taps the logits differ by {:e}\n",
            model.name,
            model.family,
            model.layers,
            model.parameters,
            shown(&model.device.name),
            shown(&model.device.reason),
            model.probe.deviation
        ))?;
    }
    let named = client.known.model.as_ref().and_then(|model| model.first_fact);
    let facts = &client.known.facts;
    let first = named.and_then(|case| facts.iter().find(|fact| fact.case_id == Some(case)));
    let fact = first.or(facts.first());
    let fact = fact.cloned().ok_or_else(|| Failure::failed("there are no facts"))?;
    let traced = trace::trace(&mut client, TraceOrder::new(fact.clone(), TraceKind::Hidden))?;
    let started =
        traced.started.as_ref().ok_or_else(|| Failure::failed("the engine sent no trace; please report it"))?;
    if !common.json {
        output::print(&tables::trace(started, &traced.scores, false))?;
    }
    let best = best_layer(started, &traced.scores);
    let order = order(&client, fact, best)?;
    let edited = edit::edit(&mut client, order, false)?;
    if let (Some(start), Some(applied), false) = (&edited.started, &edited.applied, common.json) {
        output::print(&format!("\nEdit: {}\n", shown(&message(&applied.title))))?;
        output::print(&tables::layers(&start.rows, &applied.rows, Some((started, &traced.scores))))?;
        output::print("")?;
        let fact = &start.order.fact;
        output::print(&tables::before_after(applied, &fact.target_new, &fact.target_true))?;
        if start.layers != [best] {
            output::print(&elsewhere(common, &client, &start.order, best))?;
        }
    }
    Ok(())
}

/// What to try next: the same edit where the trace is greatest.
fn elsewhere(common: &Common, client: &Client, order: &EditOrder, best: usize) -> String {
    let (flags, known) = (flags::of(common), &client.known);
    // what the engine filled in, it fills in again
    let there = Surroundings { flags: &flags, facts: &known.facts, plugins: &[] };
    let (method_settings, objective_settings) = Default::default();
    let order = EditOrder { layers: vec![best], method_settings, objective_settings, ..order.clone() };
    let command = there.edit(&order, &[], false);
    let method = &order.method;
    format!(
        "\nThe trace peaks at layer {best}; {method} edits its default layers for this model. To edit at the peak:\n  \
         {command}"
    )
}

/// The layer at which restoring the last subject token helps most.
fn best_layer(started: &locus_protocol::TraceStarted, scores: &[Vec<f64>]) -> usize {
    let row = scores[tables::last_subject(started)].iter().enumerate();
    row.max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(layer, _)| layer)
}

/// An edit with the preferred method and objective, or the first that are loaded: at the method's own layers for this
/// model, or at `layer` where it has none.
fn order(client: &Client, fact: Fact, layer: usize) -> Result<EditOrder, Failure> {
    let preferred = Preference::shipped();
    let pick = |kind, what: &str, preferred: String| {
        let ids = settings::ids(&client.known.plugins, kind);
        let found = ids.iter().find(|id| **id == preferred).or(ids.first()).cloned();
        found.ok_or_else(|| {
            Failure::plugin(format!("no {what} is loaded; build them with `cargo build --release --workspace`"))
        })
    };
    let method = pick(PluginKind::Method, "method", preferred.method)?;
    let has_layers = client.known.plugins.iter().any(|plugin| plugin.id == method && !plugin.layers.is_empty());
    Ok(EditOrder {
        fact,
        method,
        objective: pick(PluginKind::Objective, "objective", preferred.objective)?,
        layers: if has_layers { Vec::new() } else { vec![layer] },
        method_settings: serde_json::Map::new(),
        objective_settings: serde_json::Map::new(),
        seed: 0,
        more: Vec::new(),
        free_generation: 0,
        no_scores: false,
        corpus_tokens: None,
    })
}

/// Has the engine's program train the built-in model from scratch; this process becomes it.
fn train(out: &Path, seed: u64) -> Result<(), Failure> {
    if out.exists() {
        return Err(Failure::usage(format!("--out {}: it already exists; name a new folder", out.display())));
    }
    let program = engine::program()?;
    let mut command = Command::new(&program);
    command.arg("train").arg("--out").arg(out).args(["--seed", &seed.to_string()]);
    let error = command.exec();
    Err(Failure::failed(format!("{}: the engine cannot be started ({error})", program.display())))
}
