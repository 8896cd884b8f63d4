//! The published regressions with errors clustered by fact.

use super::{Clustered, Coefficient, Wald, fit};
use crate::rows::Rows;
use crate::unavailable::{Computed, Unavailable};
use nalgebra::{DMatrix, DVector};
use serde::Serialize;

/// What the published regressions say if rows of one fact may go together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Honest {
    /// Slope of score ~ effect.
    #[serde(with = "crate::computed")]
    pub slope: Computed<Coefficient>,
    /// Slope of score ~ layer + effect.
    #[serde(with = "crate::computed")]
    pub slope_given_layer: Computed<Coefficient>,
    /// Whether the slopes of score ~ layer × effect are 0 at all layers: the question of the published F test.
    #[serde(with = "crate::computed")]
    pub joint: Computed<Wald>,
}

/// The published regressions, clustered by fact.
pub fn honest(rows: &Rows, confidence: f64) -> Honest {
    Honest {
        slope: slope(rows, confidence),
        slope_given_layer: slope_given_layer(rows, confidence),
        joint: joint(rows),
    }
}

/// What every regression here needs.
fn check(rows: &Rows) -> Computed<()> {
    if rows.scores.is_empty() {
        return Err(Unavailable::NoRows);
    }
    if rows.places.len() < 2 {
        return Err(Unavailable::TooFewFacts { have: rows.places.len(), need: 2 });
    }
    if rows.scores.windows(2).all(|pair| pair[0] == pair[1]) {
        return Err(Unavailable::AllScoresEqual);
    }
    Ok(())
}

/// A regression of the scores on a column of ones, or one per layer, and further columns.
fn regression(rows: &Rows, by_layer: bool, further: &[Vec<f64>]) -> Computed<Clustered> {
    let layers = if by_layer { rows.centers.len() } else { 1 };
    let x = DMatrix::from_fn(rows.scores.len(), layers + further.len(), |row, column| {
        if column >= layers {
            further[column - layers][row]
        } else {
            f64::from(u8::from(!by_layer || rows.layers[row] == column))
        }
    });
    fit(&x, &DVector::from_column_slice(&rows.scores), &rows.facts)
}

fn slope(rows: &Rows, confidence: f64) -> Computed<Coefficient> {
    check(rows)?;
    if rows.effects.windows(2).all(|pair| pair[0] == pair[1]) {
        return Err(Unavailable::EffectsConstant);
    }
    regression(rows, false, std::slice::from_ref(&rows.effects))?.coefficient(1, confidence)
}

fn slope_given_layer(rows: &Rows, confidence: f64) -> Computed<Coefficient> {
    check(rows)?;
    if rows.centers.len() == 1 {
        return Err(Unavailable::OneLayer);
    }
    if varying(rows).is_empty() {
        return Err(Unavailable::EffectsConstantAtEveryLayer);
    }
    regression(rows, true, std::slice::from_ref(&rows.effects))?.coefficient(rows.centers.len(), confidence)
}

fn joint(rows: &Rows) -> Computed<Wald> {
    check(rows)?;
    if rows.centers.len() == 1 {
        return Err(Unavailable::OneLayer);
    }
    let varying = varying(rows);
    if varying.is_empty() {
        return Err(Unavailable::EffectsConstantAtEveryLayer);
    }
    let of_layer = |layer: &usize| {
        let own = |row: usize| if rows.layers[row] == *layer { rows.effects[row] } else { 0.0 };
        (0..rows.scores.len()).map(own).collect::<Vec<f64>>()
    };
    let further: Vec<Vec<f64>> = varying.iter().map(of_layer).collect();
    let columns: Vec<usize> = (0..further.len()).map(|column| rows.centers.len() + column).collect();
    regression(rows, true, &further)?.wald(&columns)
}

/// Layers where effects differ between facts.
fn varying(rows: &Rows) -> Vec<usize> {
    let differs = |layer: &usize| {
        let mut own = (0..rows.scores.len()).filter(|row| rows.layers[*row] == *layer).map(|row| rows.effects[row]);
        own.next().is_some_and(|first| own.any(|other| (other - first).abs() > 1e-10 * first.abs().max(1e-300)))
    };
    (0..rows.centers.len()).filter(differs).collect()
}
