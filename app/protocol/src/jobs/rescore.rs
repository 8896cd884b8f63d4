//! How the edits in place fare together.

use super::{Job, JobId, JobKind};
use crate::{BeforeAfter, WeightChange};
use serde::{Deserialize, Serialize};

/// Scores all edits in place again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rescore {}

impl Job for Rescore {
    fn kind(&self) -> JobKind {
        JobKind::Rescore
    }

    fn title(&self) -> String {
        "scoring the edits in place".to_owned()
    }
}

/// All edits in place, measured on the model that they make together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rescored {
    pub job: JobId,
    /// The edits, the oldest first.
    pub edits: Vec<EditRescored>,
    /// How far every touched parameter is from the checkpoint, by all edits together.
    pub changes: Vec<WeightChange>,
    /// Number of unedited facts whose statements make up the fixed text.
    pub text_facts: usize,
    /// Perplexity of that text under the unedited model; 0 if there is no text.
    #[serde(with = "crate::number::single")]
    pub perplexity_before: f64,
    /// The same with all edits in place.
    #[serde(with = "crate::number::single")]
    pub perplexity_now: f64,
}

/// One of the edits in place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EditRescored {
    pub number: u64,
    /// Scores of its first fact: on the unedited model, and with all edits in place.
    pub scores: BeforeAfter,
}

impl Rescored {
    /// The parameter with the largest relative change from the checkpoint.
    #[must_use]
    pub fn largest_change(&self) -> Option<&WeightChange> {
        self.changes.iter().max_by(|one, other| one.relative.total_cmp(&other.relative))
    }

    /// The relative rise of the text's perplexity; `None` if there is no text.
    #[must_use]
    pub fn perplexity_rise(&self) -> Option<f64> {
        (self.text_facts > 0).then(|| self.perplexity_now / self.perplexity_before - 1.0)
    }
}
