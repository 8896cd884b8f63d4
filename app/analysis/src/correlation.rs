//! Pearson's correlation of score and effect at one layer: one row per fact.

use crate::distributions::both_tails_of_t;
use crate::rows::Rows;
use crate::unavailable::{Computed, Unavailable};
use serde::Serialize;

/// The correlation at one layer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AtLayer {
    /// The center of the edit.
    pub layer: usize,
    pub facts: usize,
    #[serde(with = "crate::computed")]
    pub correlation: Computed<Correlation>,
}

/// A correlation with its t test.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Correlation {
    pub r: f64,
    pub t: f64,
    pub freedom: f64,
    pub p: f64,
}

/// The correlation at every layer.
pub fn by_layer(rows: &Rows) -> Vec<AtLayer> {
    let of = |(number, layer): (usize, &usize)| {
        let here: Vec<usize> = (0..rows.scores.len()).filter(|row| rows.layers[*row] == number).collect();
        let pick = |values: &[f64]| here.iter().map(|row| values[*row]).collect::<Vec<f64>>();
        let correlation = test(&pick(&rows.scores), &pick(&rows.effects));
        AtLayer { layer: *layer, facts: here.len(), correlation }
    };
    rows.centers.iter().enumerate().map(of).collect()
}

/// Pearson's correlation with its t test.
///
/// # Errors
///
/// Where there are fewer than three pairs, or one side has no variance.
pub fn test(scores: &[f64], effects: &[f64]) -> Computed<Correlation> {
    if scores.len() < 3 {
        return Err(Unavailable::TooFewFacts { have: scores.len(), need: 3 });
    }
    let r = pearson(scores, effects)?;
    let freedom = (scores.len() - 2) as f64;
    let rest = 1.0 - r * r;
    if rest <= 1e-14 {
        return Err(Unavailable::ExactFit);
    }
    let t = r * (freedom / rest).sqrt();
    Ok(Correlation { r, t, freedom, p: both_tails_of_t(t, freedom)? })
}

/// Pearson's correlation, from -1 to 1, without its test.
///
/// # Errors
///
/// Where one side has no variance.
pub fn pearson(scores: &[f64], effects: &[f64]) -> Computed<f64> {
    let all_equal = |values: &[f64]| values.windows(2).all(|pair| pair[0] == pair[1]);
    if all_equal(scores) {
        return Err(Unavailable::AllScoresEqual);
    }
    if all_equal(effects) {
        return Err(Unavailable::EffectsConstant);
    }
    let centered = |values: &[f64]| {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        values.iter().map(|value| value - mean).collect::<Vec<f64>>()
    };
    let (scores, effects) = (centered(scores), centered(effects));
    let joint = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let r = joint(&scores, &effects) / (joint(&scores, &scores) * joint(&effects, &effects)).sqrt();
    if r.is_finite() { Ok(r.clamp(-1.0, 1.0)) } else { Err(Unavailable::NoVariance) }
}
