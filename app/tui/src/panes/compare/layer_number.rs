//! What the pane shows of each layer.

use crate::state::EditView;
use locus_protocol::LayerRow;
use serde::{Deserialize, Serialize};

/// What is shown of each layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LayerNumber {
    /// Probability of the new target.
    #[default]
    New,
    /// Probability of the true target.
    True,
    /// How far the probability of the new target is from before the edit.
    Change,
    /// How far the weights are from before the edit.
    WeightChange,
}

impl LayerNumber {
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::New => Self::True,
            Self::True => Self::Change,
            Self::Change => Self::WeightChange,
            Self::WeightChange => Self::New,
        }
    }

    /// The number of a layer.
    #[must_use]
    pub fn of(self, view: &EditView, layer: usize) -> Option<f64> {
        let row = view.row(layer)?;
        match self {
            Self::New => Some(row.probability_new),
            Self::True => Some(row.probability_true),
            Self::Change => Some(row.probability_new - view.row_before(layer)?.probability_new),
            Self::WeightChange => row.weight_change,
        }
    }

    /// The number of a layer before any edit.
    #[must_use]
    pub fn before(self, row: &LayerRow) -> Option<f64> {
        match self {
            Self::New => Some(row.probability_new),
            Self::True => Some(row.probability_true),
            Self::Change | Self::WeightChange => None,
        }
    }
}
