//! The analysis as Hase et al. (2023) published it: three regressions of the score over facts and layers, with rows
//! treated as independent.

use crate::distributions::tail_of_f;
use crate::rows::{Counts, Rows};
use crate::sums::Sums;
use crate::unavailable::{Computed, Unavailable};
use serde::Serialize;

/// What is left of all variance by rounding alone.
const EXACT: f64 = 1e-14;

/// One row of the published table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Published {
    pub counts: Counts,
    /// R² of score ~ layer (categorical).
    pub layer: f64,
    /// R² of score ~ effect.
    #[serde(with = "crate::computed")]
    pub trace: Computed<f64>,
    /// R² of score ~ layer × effect, with all interactions.
    pub both: f64,
    /// R² of both less R² of the layer.
    pub difference: f64,
    /// Whether the difference could be chance, rows treated as independent.
    #[serde(with = "crate::computed")]
    pub test: Computed<FTest>,
    /// Errors of score ~ layer.
    pub layer_errors: Errors,
    /// Errors of score ~ effect.
    #[serde(with = "crate::computed")]
    pub trace_errors: Computed<Errors>,
}

/// An F test of nested regressions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct FTest {
    pub f: f64,
    /// Layers where effects differ between facts.
    pub first_freedom: f64,
    /// Rows less the coefficients of the larger regression.
    pub second_freedom: f64,
    pub p: f64,
}

/// How far a regression is off, over its own rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Errors {
    pub root_mean_square: f64,
    pub mean_absolute: f64,
}

/// The row of the published table for these rows, treated as independent.
///
/// # Errors
///
/// Where there are no rows, one layer, or no variance of the score.
pub fn published(rows: &Rows) -> Computed<Published> {
    let sums = Sums::new(rows);
    let of_layers = sums.all();
    let models = sums.models(&of_layers)?;
    let levels: Vec<Option<f64>> = of_layers.iter().enumerate().map(|(layer, own)| sums.level(layer, own)).collect();
    let line = sums.pooled(&of_layers).0;
    let errors = |expected: &dyn Fn(usize) -> f64| {
        let off: Vec<f64> = (0..rows.scores.len()).map(|row| rows.scores[row] - expected(row)).collect();
        let count = off.len() as f64;
        Errors {
            root_mean_square: (off.iter().map(|off| off * off).sum::<f64>() / count).sqrt(),
            mean_absolute: off.iter().map(|off| off.abs()).sum::<f64>() / count,
        }
    };
    Ok(Published {
        counts: rows.counts.clone(),
        layer: models.layer(),
        trace: models.trace(),
        both: models.both(),
        difference: models.difference(),
        test: test(&models, rows.places.len()),
        layer_errors: errors(&|row| levels[rows.layers[row]].unwrap_or_default()),
        trace_errors: line.map(|line| errors(&|row| line.at(rows.effects[row]))),
    })
}

fn test(models: &crate::sums::Models, facts: usize) -> Computed<FTest> {
    if facts < 2 {
        return Err(Unavailable::TooFewFacts { have: facts, need: 2 });
    }
    if models.varying == 0 {
        return Err(Unavailable::EffectsConstantAtEveryLayer);
    }
    let (rows, coefficients) = (models.rows as usize, models.layers + models.varying);
    if rows <= coefficients {
        return Err(Unavailable::NoFreedom { rows, coefficients });
    }
    if models.left_by_both <= EXACT * models.total {
        return Err(Unavailable::ExactFit);
    }
    let (first_freedom, second_freedom) = (models.varying as f64, (rows - coefficients) as f64);
    let explained = (models.left_by_layer - models.left_by_both).max(0.0);
    let f = (explained / first_freedom) / (models.left_by_both / second_freedom);
    Ok(FTest { f, first_freedom, second_freedom, p: tail_of_f(f, first_freedom, second_freedom)? })
}
