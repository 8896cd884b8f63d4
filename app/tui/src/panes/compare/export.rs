//! The comparison as one table: settings, layers and scores down, variants across.

use super::below::MEASURES;
use super::grid::Grid;
use super::layer_number::LayerNumber;
use super::layers::{effect, row_before};
use crate::panes::Table;
use crate::state::{Attempt, State};
use locus_protocol::{AimVerdict, model_with};
use serde_json::{Value, json};

/// Numbers of a layer by their names in files.
const LAYER_NUMBERS: [(&str, LayerNumber); 4] = [
    ("probability_new", LayerNumber::New),
    ("probability_true", LayerNumber::True),
    ("probability_new_change", LayerNumber::Change),
    ("relative_weight_change", LayerNumber::WeightChange),
];

/// The table of the pane.
pub(super) fn table(number: LayerNumber, state: &State) -> Option<Table> {
    let variants = &state.compare.variants.list;
    let baseline = variants.get(state.compare.variants.baseline)?;
    let grid = Grid::new(state, usize::MAX);
    let mut columns: Vec<String> =
        ["part", "name", "layer", "effect_last_subject_token", "before"].map(str::to_owned).to_vec();
    for (place, variant) in variants.iter().enumerate() {
        columns.push(variant.letter.to_string());
        if place != state.compare.variants.baseline {
            columns.push(format!("{}_minus_{}", variant.letter, baseline.letter));
        }
    }
    let mut rows = Vec::new();
    let texts = |part: &str, name: &str, values: Vec<String>| -> Vec<Value> {
        let mut row = vec![json!(part), json!(name), json!(null), json!(null), json!(null)];
        for (place, value) in values.into_iter().enumerate() {
            row.push(json!(value));
            if place != state.compare.variants.baseline {
                row.push(json!(null));
            }
        }
        row
    };
    let model = model_with(&state.measured_on());
    rows.push(texts("setting", "measured_from", variants.iter().map(|_| model.clone()).collect()));
    if let Some(fact) = state.fact() {
        rows.push(texts("setting", "fact", variants.iter().map(|_| fact.prompt()).collect()));
    }
    let listed: Vec<_> = variants.iter().map(|variant| variant.settings.listed(&state.engine)).collect();
    let mut names: Vec<&String> = Vec::new();
    for (name, _) in listed.iter().flatten() {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    for name in names {
        let value = |settings: &Vec<(String, String)>| {
            settings.iter().find(|(known, _)| known == name).map_or_else(String::new, |(_, value)| value.clone())
        };
        rows.push(texts("setting", name, listed.iter().map(value).collect()));
    }
    let numbers = |part: &str, name: &str, layer: Option<usize>, before: Option<f64>, values: Vec<Option<f64>>| {
        let effect = layer.and_then(|layer| effect(state, layer));
        let mut row = vec![json!(part), json!(name), json!(layer), json!(effect), json!(before)];
        let against = values.get(state.compare.variants.baseline).copied().flatten();
        for (place, value) in values.into_iter().enumerate() {
            row.push(json!(value));
            if place != state.compare.variants.baseline {
                row.push(json!(value.zip(against).map(|(value, against)| value - against)));
            }
        }
        row
    };
    for (name, shown) in LAYER_NUMBERS {
        for layer in 0..state.layers() {
            let of = |attempt: &Option<&Attempt>| attempt.and_then(|a| shown.of(&a.view, layer));
            let before = row_before(&grid, layer).and_then(|row| shown.before(row));
            rows.push(numbers("layer", name, Some(layer), before, grid.attempts.iter().map(of).collect()));
        }
    }
    for measure in MEASURES {
        let values: Vec<_> = grid.attempts.iter().map(|attempt| attempt.and_then(measure.of)).collect();
        let before = grid.attempts.iter().flatten().find_map(|attempt| (measure.before)(attempt));
        rows.push(numbers(measure.section, measure.name, None, before, values));
    }
    for (name, of) in [("next token", top as fn(&Attempt) -> String), ("says", says)] {
        let values = grid.attempts.iter().map(|attempt| attempt.map_or_else(String::new, of)).collect();
        rows.push(texts("text", name, values));
    }
    let cursor = rows.iter().position(|row| row[1] == json!(name_of(number)) && row[2] == json!(state.layer()));
    let verdicts = grid.attempts.iter().map(|attempt| attempt.map_or_else(String::new, verdict)).collect();
    rows.push(texts("text", "verdict", verdicts));
    let title = format!("Variants measured from {model}");
    Some(Table { name: "compare".to_owned(), title, columns, rows, cursor: cursor.unwrap_or(0) })
}

fn name_of(number: LayerNumber) -> &'static str {
    LAYER_NUMBERS.iter().find(|(_, known)| *known == number).map_or("", |(name, _)| name)
}

fn verdict(attempt: &Attempt) -> String {
    attempt.view.verdict.as_ref().map(AimVerdict::words).unwrap_or_default()
}

fn top(attempt: &Attempt) -> String {
    let top = attempt.tried.as_ref().and_then(|tried| tried.would.scores.after.top.first());
    top.map_or_else(String::new, |token| token.text.clone())
}

fn says(attempt: &Attempt) -> String {
    let said = attempt.tried.as_ref().and_then(|tried| tried.would.said.first());
    said.and_then(|said| said.after.clone()).unwrap_or_default()
}
