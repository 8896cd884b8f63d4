//! The plots that there are.

use serde::{Deserialize, Serialize};

/// A kind of plot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlotKind {
    /// The total loss of each step.
    Loss,
    /// Each term of the loss of one variant, or of the last edit.
    Terms,
    /// Probability of the new target read off after each layer.
    #[default]
    New,
    /// Probability of the true target read off after each layer.
    True,
    /// What restoring a layer recovers, beside what the edit changes there.
    TraceAndEdit,
}

impl PlotKind {
    /// Whether it goes by step, and not by layer.
    #[must_use]
    pub fn is_by_step(self) -> bool {
        matches!(self, Self::Loss | Self::Terms)
    }

    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::Loss => Self::Terms,
            Self::Terms => Self::New,
            Self::New => Self::True,
            Self::True => Self::TraceAndEdit,
            Self::TraceAndEdit => Self::Loss,
        }
    }
}
