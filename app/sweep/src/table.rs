//! Scores by layer over the facts, as they are shown while a sweep runs.

use locus_protocol::SweepRow;
use locus_records::averages::Mean;
use std::collections::{BTreeMap, BTreeSet};

/// One score over some facts; the seeds of a fact count as one, with their mean.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    pub mean: f64,
    /// Half the width of its 95 % confidence interval.
    pub half_width: f64,
    /// Number of facts.
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
    /// By fact: the sum over its seeds, and how many they are.
    type Facts<'r> = BTreeMap<&'r str, (f64, f64)>;
    /// By layer: facts of every score, and failures.
    type Layers<'r> = BTreeMap<usize, (Vec<Facts<'r>>, usize)>;
    let mut tables: BTreeMap<(String, String), Layers<'_>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for row in rows {
        let SweepRow::Cell(cell) = row else { continue };
        if !seen.insert(&cell.key) {
            continue;
        }
        let layers = tables.entry((cell.edit.clone(), cell.objective.clone())).or_default();
        let (all, failed) = layers.entry(cell.layer).or_insert_with(|| (vec![BTreeMap::new(); scores.len()], 0));
        if cell.failed.is_some() {
            *failed += 1;
            continue;
        }
        for (facts, score) in all.iter_mut().zip(scores) {
            let Some(value) = cell.numbers.get(*score).filter(|value| value.is_finite()) else { continue };
            let (sum, seeds) = facts.entry(cell.fact.as_str()).or_default();
            *sum += value;
            *seeds += 1.0;
        }
    }
    let table = |((edit, objective), layers): ((String, String), Layers<'_>)| {
        let row = |(layer, (all, failed)): (usize, (Vec<Facts<'_>>, usize))| {
            let score = |facts: &Facts<'_>| {
                let values: Vec<f64> = facts.values().map(|(sum, seeds)| sum / seeds).collect();
                let Mean { mean, half_width, count } = Mean::of(&values)?;
                Some(Score { mean, half_width, count })
            };
            LayerRow { layer, scores: all.iter().map(score).collect(), failed }
        };
        let rows = layers.into_iter().map(row).collect();
        Table { edit, objective, scores: scores.iter().map(|&score| score.to_owned()).collect(), rows }
    };
    tables.into_iter().map(table).collect()
}

#[cfg(test)]
mod tests {
    use super::layer_table;
    use locus_protocol::{SweepRow, SweptCell};

    fn cell(fact: &str, seed: u64, score: f64) -> SweepRow {
        SweepRow::Cell(SweptCell {
            key: format!("{fact} {seed}"),
            fact: fact.into(),
            edit: "rome".into(),
            objective: "aim".into(),
            seed,
            numbers: [("rewrite_score".to_owned(), score)].into(),
            ..SweptCell::default()
        })
    }

    #[test]
    fn seeds_of_a_fact_count_as_one() {
        let rows = [cell("a", 0, 0.1), cell("a", 1, 0.3), cell("a", 2, 0.2), cell("b", 0, 0.5), cell("b", 1, 0.7)];
        let score = layer_table(&rows, &["rewrite_score"])[0].rows[0].scores[0].expect("a score");
        assert_eq!(score.count, 2, "facts, not cells");
        // of 0.2 and 0.6
        assert!((score.mean - 0.4).abs() < 1e-12, "{score:?}");
        assert!((score.half_width - 1.96 * 0.2 / 2.0_f64.sqrt()).abs() < 1e-12, "{score:?}");
    }
}
