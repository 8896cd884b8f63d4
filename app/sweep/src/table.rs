//! Scores by layer over the facts, as they are shown while a sweep runs.

use locus_protocol::SweepRow;
use locus_records::averages::Mean;
use std::collections::{BTreeMap, BTreeSet};

/// One score over some facts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    pub mean: f64,
    /// Half the width of its 95 % confidence interval.
    pub half_width: f64,
    pub count: usize,
}

/// The scores of edits around one layer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LayerRow {
    pub layer: usize,
    /// By name of the score, in the order of [`Table::scores`].
    pub scores: Vec<Option<Score>>,
    /// Number of cells that failed.
    pub failed: usize,
}

/// Scores by layer of one edit and objective.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Name of the edit in the grid.
    pub edit: String,
    /// Id of the objective.
    pub objective: String,
    /// Names of the scores.
    pub scores: Vec<String>,
    pub rows: Vec<LayerRow>,
}

/// The tables of these scores, one for each edit and objective that has rows; facts that were left out count as little as
/// cells that failed.
pub fn layer_table<'a>(rows: impl IntoIterator<Item = &'a SweepRow>, scores: &[&str]) -> Vec<Table> {
    /// By layer: values of every score, and failures.
    type Layers = BTreeMap<usize, (Vec<Vec<f64>>, usize)>;
    let mut tables: BTreeMap<(String, String), Layers> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for row in rows {
        let SweepRow::Cell(cell) = row else { continue };
        if !seen.insert(&cell.key) {
            continue;
        }
        let layers = tables.entry((cell.edit.clone(), cell.objective.clone())).or_default();
        let (values, failed) = layers.entry(cell.layer).or_insert_with(|| (vec![Vec::new(); scores.len()], 0));
        if cell.failed.is_some() {
            *failed += 1;
            continue;
        }
        for (values, score) in values.iter_mut().zip(scores) {
            values.extend(cell.numbers.get(*score).copied().filter(|value| value.is_finite()));
        }
    }
    let table = |((edit, objective), layers): ((String, String), Layers)| {
        let row = |(layer, (values, failed)): (usize, (Vec<Vec<f64>>, usize))| {
            let score = |values: &Vec<f64>| {
                let Mean { mean, half_width, count } = Mean::of(values)?;
                Some(Score { mean, half_width, count })
            };
            LayerRow { layer, scores: values.iter().map(score).collect(), failed }
        };
        let rows = layers.into_iter().map(row).collect();
        Table { edit, objective, scores: scores.iter().map(|&score| score.to_owned()).collect(), rows }
    };
    tables.into_iter().map(table).collect()
}
