//! What is told of a plugin that is checked, and of one that is loaded anew.

use crate::{JobId, PluginKind, PluginReady};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// One check of one method or objective.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginChecked {
    /// The job.
    pub job: JobId,
    /// Method or objective.
    pub kind: PluginKind,
    /// Its id.
    pub id: String,
    /// What was looked at, in a few words.
    pub check: String,
    /// How it went.
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

/// A build of a plugin's file that took the place of an older one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PluginReloaded {
    /// The job.
    pub job: JobId,
    /// The file.
    pub file: PathBuf,
    /// What the new build holds.
    pub loaded: Vec<PluginReady>,
    /// What it replaced, by the ids under which that can still be used: `id@1` is the first build that was replaced.
    pub replaced: Vec<PluginReady>,
}
