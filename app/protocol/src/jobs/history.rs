//! Undo and redo of edits in place.

use super::{Job, JobKind};
use serde::{Deserialize, Serialize};

/// Which edit to undo.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undo {
    /// Its number, see [`crate::EditInPlace`], also if others came after it; `None` for the last edit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edit: Option<u64>,
}

impl Undo {
    /// Undoes the last edit in place.
    pub const LAST: Self = Self { edit: None };

    /// Undoes the edit with this number.
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
            Some(number) => format!("undoing edit {number}"),
            None => "undoing the last edit".to_owned(),
        }
    }
}

/// Redoes the edit that was undone last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redo {}

impl Job for Redo {
    fn kind(&self) -> JobKind {
        JobKind::Redo
    }

    fn title(&self) -> String {
        "redoing an edit".to_owned()
    }
}
