//! Panels for the tests.
#![allow(dead_code, reason = "each test uses some of it")]

use locus_analysis::panel::{Cell, Fact, Identity, Localizer, Panel, Study};
use serde_json::Value;
use std::collections::BTreeMap;

pub const TRACE: &str = "causal trace of MLP outputs";

/// What R computed.
pub fn fixture() -> Value {
    serde_json::from_str(include_str!("../fixtures/r.json")).expect("JSON")
}

pub fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// A panel of rows of R: fact, layer, score, effect.
pub fn panel_of_rows(rows: &Value) -> Panel {
    let mut cells: BTreeMap<(u64, usize), (f64, f64)> = BTreeMap::new();
    for row in rows.as_array().expect("rows") {
        let key = (row["fact"].as_u64().expect("fact"), row["layer"].as_u64().expect("layer") as usize);
        cells.insert(key, (number(&row["score"]), number(&row["effect"])));
    }
    let mut layers: Vec<usize> = cells.keys().map(|key| key.1).collect();
    layers.sort_unstable();
    layers.dedup();
    let mut facts: Vec<u64> = cells.keys().map(|key| key.0).collect();
    facts.dedup();
    let table = |of: fn(&(f64, f64)) -> f64| {
        let row = |fact: &u64| layers.iter().map(|layer| cells.get(&(*fact, *layer)).map(of).into()).collect();
        facts.iter().map(row).collect::<Vec<Vec<Cell>>>()
    };
    let (scores, effects) = (table(|cell| cell.0), table(|cell| cell.1));
    panel(facts.iter().map(u64::to_string).collect(), layers, scores, effects)
}

/// A panel with one localizer.
pub fn panel(facts: Vec<String>, layers: Vec<usize>, scores: Vec<Vec<Cell>>, effects: Vec<Vec<Cell>>) -> Panel {
    let localizer = Localizer {
        name: TRACE.to_owned(),
        definition: "largest fraction restored over tokens, window 5, 10 noise draws".to_owned(),
        effects,
        draws: None,
        curves: None,
    };
    Panel {
        method: "ROME".to_owned(),
        window: 1,
        objective: "error injection".to_owned(),
        score: "rewrite score".to_owned(),
        score_definition: "normalized, teacher forced, first prompt".to_owned(),
        facts: facts.into_iter().map(|id| Fact { id, left_out: None }).collect(),
        layers,
        scores,
        localizers: vec![localizer],
    }
}

/// A panel of two tables without gaps, layers 0, 1, 2, ….
pub fn whole_panel(scores: &[Vec<f64>], effects: &[Vec<f64>]) -> Panel {
    let cells = |table: &[Vec<f64>]| table.iter().map(|row| row.iter().map(|value| Cell::Value(*value)).collect()).collect();
    let layers = (0..scores.first().map_or(0, Vec::len)).collect();
    panel((0..scores.len()).map(|fact| fact.to_string()).collect(), layers, cells(scores), cells(effects))
}

pub fn study(panels: Vec<Panel>) -> Study {
    let identity = Identity {
        model: "GPT-2 XL".to_owned(),
        program: "locus 0.1.0".to_owned(),
        facts: "counterfact.json".to_owned(),
        seed: 3,
    };
    Study { identity, dropped: Vec::new(), panels }
}

pub fn close(ours: f64, theirs: &Value, within: f64, what: &str) {
    let theirs = number(theirs);
    let off = (ours - theirs).abs();
    assert!(off <= within * theirs.abs().max(1e-3), "{what}: {ours} here, {theirs} by R");
}
