//! The rows of a regression: one per fact and layer that has both a score and an effect, and what was left out.

use crate::panel::{Localizer, Panel};
use crate::unavailable::{Computed, Unavailable};
use crate::words::many;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many facts, layers and rows stand behind a number, and what was left out and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub facts: usize,
    pub layers: usize,
    pub rows: usize,
    /// Facts by the reason that the filter gives, and facts without any row.
    pub left_out: BTreeMap<String, usize>,
    /// Cells of facts that pass, by the reason that they are missing.
    pub missing: BTreeMap<String, usize>,
}

impl Counts {
    /// "652 facts, 9 layers, 5868 rows; left out: 12 facts (the model answers wrongly)".
    pub fn sentence(&self) -> String {
        let mut text =
            format!("{}, {}, {}", many(self.facts, "fact"), many(self.layers, "layer"), many(self.rows, "row"));
        let facts = self.left_out.iter().map(|(reason, count)| format!("{} ({reason})", many(*count, "fact")));
        let cells = self.missing.iter().map(|(reason, count)| format!("{} ({reason})", many(*count, "cell")));
        let all: Vec<String> = facts.chain(cells).collect();
        if !all.is_empty() {
            text.push_str("; left out: ");
            text.push_str(&all.join(", "));
        }
        text
    }
}

/// Rows in the order of facts, then layers. Facts and layers are numbered from 0 among those that have a row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    /// `[row]`: the number of its fact.
    pub facts: Vec<usize>,
    /// `[row]`: the number of its layer.
    pub layers: Vec<usize>,
    /// `[row]`.
    pub scores: Vec<f64>,
    /// `[row]`.
    pub effects: Vec<f64>,
    /// The layers of the model that the numbers stand for.
    pub centers: Vec<usize>,
    /// The places in the panel that the numbers of facts stand for.
    pub places: Vec<usize>,
    pub counts: Counts,
}

impl Rows {
    /// The rows of a panel with one localizer: facts that pass the filter, cells that have both numbers.
    pub fn new(panel: &Panel, localizer: &Localizer) -> Self {
        Self::of(panel, localizer, |_| true)
    }

    /// The same for those facts that `keep` wants, by their place in the panel.
    pub fn of(panel: &Panel, localizer: &Localizer, keep: impl Fn(usize) -> bool) -> Self {
        let mut rows = Rows::default();
        let mut raw_layers = Vec::new();
        for (place, fact) in panel.facts.iter().enumerate().filter(|(place, _)| keep(*place)) {
            if let Some(reason) = &fact.left_out {
                *rows.counts.left_out.entry(reason.clone()).or_default() += 1;
                continue;
            }
            let before = rows.scores.len();
            for layer in 0..panel.layers.len() {
                let pair = (&panel.scores[place][layer], &localizer.effects[place][layer]);
                if let (Some(score), Some(effect)) = (pair.0.value(), pair.1.value()) {
                    rows.facts.push(rows.places.len());
                    raw_layers.push(layer);
                    rows.scores.push(score);
                    rows.effects.push(effect);
                } else if let crate::panel::Cell::Missing(reason) =
                    if pair.0.value().is_none() { pair.0 } else { pair.1 }
                {
                    *rows.counts.missing.entry(reason.clone()).or_default() += 1;
                }
            }
            if rows.scores.len() > before {
                rows.places.push(place);
            } else {
                *rows.counts.left_out.entry("no layer has both numbers".to_owned()).or_default() += 1;
            }
        }
        let there: Vec<usize> = (0..panel.layers.len()).filter(|layer| raw_layers.contains(layer)).collect();
        rows.centers = there.iter().map(|layer| panel.layers[*layer]).collect();
        rows.layers = raw_layers.iter().filter_map(|layer| there.iter().position(|other| other == layer)).collect();
        rows.counts.facts = rows.places.len();
        rows.counts.layers = rows.centers.len();
        rows.counts.rows = rows.scores.len();
        rows
    }

    /// Numbers of the rows of each fact.
    pub fn by_fact(&self) -> Vec<Vec<usize>> {
        let mut rows = vec![Vec::new(); self.places.len()];
        self.facts.iter().enumerate().for_each(|(row, fact)| rows[*fact].push(row));
        rows
    }

    /// Facts that have a row at every layer.
    ///
    /// # Errors
    ///
    /// [`Unavailable::TooFewWholeFacts`] where there are fewer than two.
    pub fn whole(&self) -> Computed<Whole> {
        let complete = |(_, rows): &(usize, Vec<usize>)| rows.len() == self.centers.len();
        let (facts, kept): (Vec<usize>, Vec<Vec<usize>>) =
            self.by_fact().into_iter().enumerate().filter(complete).unzip();
        if kept.len() < 2 {
            return Err(Unavailable::TooFewWholeFacts { have: kept.len(), need: 2 });
        }
        let of = |values: &[f64]| kept.iter().map(|rows| rows.iter().map(|row| values[*row]).collect()).collect();
        let places = facts.iter().map(|fact| self.places[*fact]).collect();
        let left_out = self.places.len() - kept.len();
        Ok(Whole { scores: of(&self.scores), effects: of(&self.effects), places, left_out })
    }
}

/// Facts without gaps, both tables `[fact][layer]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Whole {
    pub scores: Vec<Vec<f64>>,
    pub effects: Vec<Vec<f64>>,
    /// `[fact]`: its place in the panel.
    pub places: Vec<usize>,
    /// Facts with a gap.
    pub left_out: usize,
}
