//! Taking edits back, and putting them on again.

use super::{Job, JobKind};
use serde::{Deserialize, Serialize};

/// Which edit to take back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undo {
    /// Its number, see [`crate::EditInPlace`], whatever came after it; the last one without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edit: Option<u64>,
}

impl Undo {
    /// Undoes the last edit in place.
    pub const LAST: Self = Self { edit: None };

    /// The edit with this number.
    #[must_use]
    pub const fn of(edit: u64) -> Self {
        Self { edit: Some(edit) }
    }
}

impl Job for Undo {
    fn kind(&self) -> JobKind {
        JobKind::Undo
    }

    fn title(&self) -> String {
        match self.edit {
            Some(number) => format!("taking edit {number} back"),
            None => "taking the last edit back".to_owned(),
        }
    }
}

/// Puts the edit that was taken back last on again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redo {}

impl Job for Redo {
    fn kind(&self) -> JobKind {
        JobKind::Redo
    }

    fn title(&self) -> String {
        "putting an edit on again".to_owned()
    }
}
