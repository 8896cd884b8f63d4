//! Whether the slope within facts is too small to matter: two one-sided tests against a margin. "No effect was found"
//! says little; this says how large an effect can still be.

use crate::clustered::Coefficient;
use crate::distributions::{interquartile_range, tail_of_t};
use crate::rows::Rows;
use crate::settings::Settings;
use crate::unavailable::{Computed, Unavailable};
use serde::Serialize;

/// The test, in units of the score: what a step of the effect from its first to its third quartile changes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Equivalence {
    /// Between the quartiles of the effect.
    pub step: f64,
    /// Slope times step, in units of the score.
    pub change: f64,
    /// Bounds at confidence 1 - 2 (1 - confidence): 90 % where other intervals have 95 %.
    pub low: f64,
    pub high: f64,
    pub confidence: f64,
    pub margin: f64,
    /// The larger p of the two one-sided tests.
    pub p: f64,
    pub verdict: Size,
}

/// How a change lies to its margin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Size {
    /// The interval lies within the margin: smaller than anything that counts.
    Negligible,
    /// The interval lies beyond the margin.
    Relevant,
    /// The data do not say.
    Undecided,
}

impl Size {
    pub fn name(self) -> &'static str {
        match self {
            Size::Negligible => "negligible",
            Size::Relevant => "relevant",
            Size::Undecided => "undecided",
        }
    }
}

/// Tests a slope against the margin of the settings.
///
/// # Errors
///
/// Where the quartiles of the effect are one number.
pub fn equivalence(rows: &Rows, slope: &Coefficient, settings: &Settings) -> Computed<Equivalence> {
    let step = interquartile_range(&rows.effects).filter(|step| *step > 0.0).ok_or(Unavailable::NoSpread)?;
    let confidence = 1.0 - 2.0 * (1.0 - settings.confidence);
    let (low, high) = slope.bounds(confidence)?;
    let (low, high, change, error) = (low * step, high * step, slope.estimate * step, slope.standard_error * step);
    let margin = settings.margin;
    let below = tail_of_t((change + margin) / error, slope.freedom)?;
    let above = tail_of_t((margin - change) / error, slope.freedom)?;
    let verdict = if low > -margin && high < margin {
        Size::Negligible
    } else if low > margin || high < -margin {
        Size::Relevant
    } else {
        Size::Undecided
    };
    Ok(Equivalence { step, change, low, high, confidence, margin, p: below.max(above), verdict })
}
