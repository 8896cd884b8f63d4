//! Checks of a plugin.

use super::{Job, JobId, JobKind};
use crate::PluginKind;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Which plugins to check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckPlugin {
    /// Path of the library.
    pub file: PathBuf,
    /// How many edits are made to see whether memory grows.
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
    /// Method or objective.
    pub kind: PluginKind,
    pub id: String,
    /// What was looked at, in a few words.
    pub check: String,
    /// Whether the check passed, failed, or was skipped.
    pub verdict: Verdict,
    /// What was seen; where it failed what is wrong, and what to do about it.
    pub text: String,
}

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Not as it should be.
    Failed,
    /// It could not be made; the text says why.
    Skipped,
}
