//! An edit that is tried: it is found and measured, and its changes are kept without being put in place.

use super::{Applied, EditOrder, Job, JobKind};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Try {
    pub order: EditOrder,
    /// The model that it is tried on.
    #[serde(default)]
    pub on: TriedOn,
}

impl Job for Try {
    fn kind(&self) -> JobKind {
        JobKind::Try
    }

    fn title(&self) -> String {
        format!("trying {}", self.order.title())
    }

    fn lets_looks_in(&self) -> bool {
        true
    }

    fn needs_plugins(&self) -> bool {
        true
    }
}

/// The model that an edit is tried on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TriedOn {
    /// The unedited model, whatever edits are in place.
    #[default]
    Unedited,
    /// The model as it is, with the edits in place.
    AsItIs,
}

impl TriedOn {
    /// Numbers of the edits that the model contains, given those in place.
    #[must_use]
    pub fn edits(self, in_place: Vec<u64>) -> Vec<u64> {
        match self {
            Self::Unedited => Vec::new(),
            Self::AsItIs => in_place,
        }
    }
}

/// A variant: an edit that was tried and can be applied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tried {
    /// What it would do. Its number is 0, since it is not in place.
    pub would: Applied,
    /// Memory that its changes take while they are kept, in bytes.
    pub bytes: u64,
    /// Numbers of the edits in place that it was tried on top of; empty if it was tried on the unedited model.
    #[serde(default)]
    pub on_top_of: Vec<u64>,
}
