//! A fact on the model without some of the edits in place, compared with the model as it is. The edits stay in place.

use super::{Job, JobId, JobKind};
use crate::{BeforeAfter, Fact, LayerRow, counted};
use serde::{Deserialize, Serialize};

/// Measures a fact on the model with all edits in place but some.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LeaveOut {
    pub fact: Fact,
    /// Numbers of the edits that are left out.
    pub edits: Vec<u64>,
}

impl Job for LeaveOut {
    fn kind(&self) -> JobKind {
        JobKind::LeaveOut
    }

    fn title(&self) -> String {
        let without = match self.edits.as_slice() {
            [edit] => format!("edit {edit}"),
            edits => counted(edits.len(), "edit"),
        };
        format!("looking at “{}” without {without}", self.fact.prompt())
    }

    fn is_look(&self) -> bool {
        true
    }
}

/// Scores and layers of a fact on the model without one of the edits in place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LeftOut {
    pub job: JobId,
    pub fact: Fact,
    /// Numbers of all edits in place, the oldest first.
    pub in_place: Vec<u64>,
    /// Numbers of those that remain without the ones left out.
    pub with: Vec<u64>,
    /// Rows of that model, with the weight changes of all its edits together; empty if the fact lacks a target.
    pub rows: Vec<LayerRow>,
    /// Scores of the fact's prompts: `before` on the model as it is, `after` without those edits.
    pub scores: BeforeAfter,
}
