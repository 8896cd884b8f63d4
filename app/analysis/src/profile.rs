//! How scores and effects go over the layers, and how many scores are at the ceiling.

use crate::rows::Rows;
use crate::settings::Settings;
use serde::Serialize;

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LayerProfile {
    /// The center of the edit.
    pub layer: usize,
    pub facts: usize,
    /// Mean score over facts.
    pub score: f64,
    /// Mean effect over facts.
    pub effect: f64,
    /// Share of facts whose score is above the ceiling of the settings.
    pub at_ceiling: f64,
    /// Share of facts whose largest effect is here; a tie counts in parts.
    pub peaks: f64,
}

pub fn profile(rows: &Rows, settings: &Settings) -> Vec<LayerProfile> {
    let mut peaks = vec![0.0; rows.centers.len()];
    for own in rows.by_fact() {
        let Some(largest) = own.iter().map(|row| rows.effects[*row]).reduce(f64::max) else { continue };
        let tied: Vec<usize> = own.into_iter().filter(|row| rows.effects[*row] == largest).collect();
        tied.iter().for_each(|row| peaks[rows.layers[*row]] += 1.0 / tied.len() as f64);
    }
    let facts = rows.places.len().max(1) as f64;
    let of = |(number, layer): (usize, &usize)| {
        let here: Vec<usize> = (0..rows.scores.len()).filter(|row| rows.layers[*row] == number).collect();
        let mean = |of: &dyn Fn(usize) -> f64| here.iter().map(|row| of(*row)).sum::<f64>() / here.len().max(1) as f64;
        LayerProfile {
            layer: *layer,
            facts: here.len(),
            score: mean(&|row| rows.scores[row]),
            effect: mean(&|row| rows.effects[row]),
            at_ceiling: mean(&|row| f64::from(u8::from(rows.scores[row] > settings.ceiling))),
            peaks: peaks[number] / facts,
        }
    };
    rows.centers.iter().enumerate().map(of).collect()
}
