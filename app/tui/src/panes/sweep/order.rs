//! What `sweep` orders: the edit form's method and objective at all layers, for the facts that an edit would be about.

use crate::state::State;
use locus_protocol::{EditOrder, Fact, PluginKind, SweepOrder, counted};
use locus_sweep::{EditAxis, FactChoice, Grid, LayerChoice, LocalizerAxis, MeasureChoice};
use serde_json::{Map, Value};
use std::time::Duration;

/// What says in such a sweep at which layer a fact is.
const LOCALIZERS: [&str; 3] = ["causal-trace", "attribution", "random-layer"];

/// The sweep that the edit form asks for.
///
/// # Errors
/// One sentence: what is missing or wrong.
pub fn order(state: &State) -> Result<SweepOrder, String> {
    let asked = state.edit_order()?;
    let grid = grid(state, &asked)?;
    let text = toml::to_string(&grid)
        .map_err(|error| format!("the settings of the edit form cannot be written as a grid ({error})"))?;
    let folder = state.launch.sweep_folder.join(format!("{}-{}", time_text(state), asked.method));
    Ok(SweepOrder { folder, grid: Some(text), ..SweepOrder::default() })
}

fn grid(state: &State, asked: &EditOrder) -> Result<Grid, String> {
    let facts: Vec<&Fact> = std::iter::once(&asked.fact).chain(&asked.more).collect();
    let typed = state.facts.typed();
    // all of the file: they need no numbers
    let is_all = facts.len() == state.facts.recorded().len() && !facts.iter().any(|fact| typed.contains(fact));
    let named: &[&Fact] = if is_all { &[] } else { &facts };
    let mut cases = named.iter().map(|fact| case_of(fact, typed)).collect::<Result<Vec<u64>, String>>()?;
    let who = match facts.as_slice() {
        [fact] => fact.subject.clone(),
        facts => counted(facts.len(), "fact"),
    };
    cases.sort_unstable();
    let mut edit = EditAxis {
        method: asked.method.clone(),
        objectives: vec![asked.objective.clone()],
        layers: LayerChoice::Text("all".to_owned()),
        window: window(state, asked),
        settings: asked.method_settings.clone(),
        ..EditAxis::default()
    };
    if !asked.objective_settings.is_empty() {
        let settings = Value::Object(asked.objective_settings.clone());
        edit.objective_settings.insert(asked.objective.clone(), settings);
    }
    let localizer = |kind: &str| LocalizerAxis { name: String::new(), kind: kind.to_owned(), settings: Map::new() };
    Ok(Grid {
        title: format!("{} with {}: {who}", edit.label(), asked.objective),
        facts: FactChoice { cases, ..FactChoice::default() },
        seeds: vec![asked.seed],
        measures: MeasureChoice { free_generation: asked.free_generation, ..MeasureChoice::default() },
        edits: vec![edit],
        localizers: LOCALIZERS.map(localizer).to_vec(),
    })
}

/// Layers that an edit of the form changes: those that it names, or as many as the method chooses.
fn window(state: &State, asked: &EditOrder) -> usize {
    let of_method = || state.engine.plugin(PluginKind::Method, &asked.method).map_or(1, |method| method.layers.len());
    if asked.layers.is_empty() { of_method().max(1) } else { asked.layers.len() }
}

/// The number by which a grid names a fact.
fn case_of(fact: &Fact, typed: &[Fact]) -> Result<u64, String> {
    fact.case_id.ok_or_else(|| {
        let subject = &fact.subject;
        let why = if typed.contains(fact) {
            "is in no facts file, and a sweep takes its facts from one; start with --facts FILE"
        } else {
            "has no case_id, by which a sweep picks it; give the records of the facts file numbers, or mark all of them"
        };
        format!("the fact on {subject} {why}")
    })
}

/// Now, as names of files have it: 20261129T172805Z.
fn time_text(state: &State) -> String {
    let now: Duration = state.launch.began + state.now;
    let seconds = i64::try_from(now.as_secs()).unwrap_or_default();
    jiff::Timestamp::from_second(seconds).unwrap_or_default().strftime("%Y%m%dT%H%M%SZ").to_string()
}
