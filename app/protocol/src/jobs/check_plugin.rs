//! Checks of a plugin's file on the model.

use super::{Job, JobId, JobKind};
use crate::PluginKind;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Which plugins to check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckPlugin {
    /// Path of the library.
    pub file: PathBuf,
    /// Number of edits in the check for growing memory.
    pub edits: usize,
}

impl Job for CheckPlugin {
    fn kind(&self) -> JobKind {
        JobKind::Check
    }

    fn title(&self) -> String {
        format!("checking {}", self.file.display())
    }

    fn needs_plugins(&self) -> bool {
        true
    }
}

/// One check of one method or objective.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginChecked {
    pub job: JobId,
    pub kind: PluginKind,
    pub id: String,
    /// Name of the check.
    pub check: String,
    /// Whether the check passed, failed, or was skipped.
    pub verdict: Verdict,
    /// What was found; for a failure, what is wrong and what to do about it.
    pub text: String,
}

/// Result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The check passed.
    Ok,
    /// The check failed; the text says what to do.
    Failed,
    /// The check could not be made; the text says why.
    Skipped,
}
