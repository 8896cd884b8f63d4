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
        as_published: true,
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
    let cells =
        |table: &[Vec<f64>]| table.iter().map(|row| row.iter().map(|value| Cell::Value(*value)).collect()).collect();
    let layers = (0..scores.first().map_or(0, Vec::len)).collect();
    panel((0..scores.len()).map(|fact| fact.to_string()).collect(), layers, cells(scores), cells(effects))
}

pub fn study(panels: Vec<Panel>) -> Study {
    let identity = Identity {
        model: "GPT-2 XL".to_owned(),
        program: "locus 0.1.0".to_owned(),
        facts: "counterfact.json".to_owned(),
        seeds: vec![3],
    };
    Study { identity, dropped: Vec::new(), panels }
}

pub fn close(ours: f64, theirs: &Value, within: f64, what: &str) {
    let theirs = number(theirs);
    let off = (ours - theirs).abs();
    assert!(off <= within * theirs.abs().max(1e-3), "{what}: {ours} here, {theirs} by R");
}

/// A study of two methods and two localizers, with noise draws, gaps and a filter; odd letters in its names.
pub fn sweep(facts: usize) -> Study {
    let layers = vec![0, 4, 8, 12, 16, 20];
    let wave = |fact: usize, layer: usize, phase: f64| ((fact * 13 + layer * 5) as f64 * 0.37 + phase).sin();
    let table = |of: &dyn Fn(usize, usize) -> f64| {
        let row = |fact: usize| (0..layers.len()).map(|layer| Cell::Value(of(fact, layer))).collect();
        (0..facts).map(row).collect::<Vec<Vec<Cell>>>()
    };
    let effect = |fact: usize, layer: usize| (0.3 + 0.3 * wave(fact, layer, 0.0)).max(0.0);
    let panels = ["ROME", "A_B & <C>"].into_iter().enumerate().map(|(number, method)| {
        let level = [0.5, 0.8, 0.9, 0.85, 0.6, 0.1];
        let score = |fact: usize, layer: usize| (level[layer] + 0.15 * wave(fact, layer, 1.0 + number as f64)).min(1.0);
        let ids = (0..facts).map(|fact| fact.to_string()).collect();
        let mut panel = panel(ids, layers.clone(), table(&score), table(&effect));
        panel.method = method.to_owned();
        let draw =
            |number: usize| table(&|fact, layer| effect(fact, layer) + 0.2 * wave(fact, layer, number as f64 * 2.1));
        panel.localizers[0].draws = Some((0..4).map(draw).collect());
        let mut gradient = panel.localizers[0].clone();
        gradient.name = "gradient of the edit's loss".to_owned();
        gradient.definition = "norm of the gradient, 50 % of <tokens> & more".to_owned();
        gradient.draws = None;
        gradient.as_published = false;
        gradient.effects = table(&|fact, layer| level[layer] + 0.3 * wave(fact, layer, 2.0));
        panel.localizers.push(gradient);
        panel.facts[0].left_out = Some("the model answers wrongly".to_owned());
        panel.scores[1][2] = Cell::Missing("the edit failed".to_owned());
        panel
    });
    let mut study = study(panels.collect());
    study
        .dropped
        .push(locus_analysis::panel::Dropped { reason: "the subject is not in the prompt".to_owned(), facts: 3 });
    study
}
