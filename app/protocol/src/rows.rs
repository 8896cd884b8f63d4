//! The live table: one row per layer.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is known of one layer while an edit runs or after it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LayerRow {
    /// The layer, from 0.
    pub layer: usize,
    /// Probability of the new target's first token, read through the final norm and the unembedding from the
    /// residual stream after this layer at the last prompt token.
    #[serde(with = "crate::number::single")]
    pub probability_new: f64,
    /// The same for the true target's first token.
    #[serde(with = "crate::number::single")]
    pub probability_true: f64,
    /// Rank of the new target's first token among all tokens after this layer, 1 the most probable; `None` in old
    /// records, and if the probability is not a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank_new: Option<u64>,
    /// The same for the true target's first token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank_true: Option<u64>,
    /// `‖ΔW‖ / ‖W‖` of the layer's down-projection, if the edit has changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_change: Option<f64>,
    /// Numbers that the method reports, by the names it declares.
    #[serde(default, with = "crate::number::map", skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<String, f64>,
}

/// How far one parameter moved.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WeightChange {
    /// Name in the checkpoint.
    pub parameter: String,
    /// The layer it belongs to, if it belongs to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<usize>,
    /// Frobenius norm of the change.
    #[serde(with = "crate::number::single")]
    pub norm: f64,
    /// The same over the norm of the unedited parameter.
    #[serde(with = "crate::number::single")]
    pub relative: f64,
}
