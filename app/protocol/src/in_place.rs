//! A list of edits.

use crate::WeightChange;
use serde::{Deserialize, Serialize};

/// An edit in place, or one that was taken back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EditInPlace {
    /// Its number: it counts from 1 and is never given twice.
    pub number: u64,
    /// A few words: method, layer, fact.
    pub title: String,
    /// Norm of all its changes together.
    #[serde(default, with = "crate::number::single")]
    pub norm: f64,
    /// The largest `‖ΔW‖ / ‖W‖` of a parameter.
    #[serde(default, with = "crate::number::single")]
    pub relative: f64,
    /// Facts that it edits.
    #[serde(default)]
    pub facts: usize,
    /// Its operation in the journal, where it was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<u64>,
    /// Whether it reached its aim when it was made, where that was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success: Option<bool>,
}

impl EditInPlace {
    /// An edit by what it moved.
    #[must_use]
    pub fn new(number: u64, title: &str, changes: &[WeightChange], facts: usize) -> Self {
        let norm = changes.iter().map(|change| change.norm * change.norm).sum::<f64>().sqrt();
        let relative = changes.iter().map(|change| change.relative).fold(0.0, f64::max);
        Self { number, title: title.to_owned(), norm, relative, facts, ..Self::default() }
    }

    /// Whether it is known to have missed its aim.
    #[must_use]
    pub fn missed_its_aim(&self) -> bool {
        self.success == Some(false)
    }
}
