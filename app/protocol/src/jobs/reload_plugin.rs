//! A new build of a plugin.

use super::{Job, JobId, JobKind};
use crate::PluginReady;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What to load anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadPlugin {
    /// Path of the library that was built.
    pub file: PathBuf,
}

impl Job for ReloadPlugin {
    fn kind(&self) -> JobKind {
        JobKind::Reload
    }

    fn title(&self) -> String {
        format!("loading {}", self.file.display())
    }

    fn needs_plugins(&self) -> bool {
        true
    }
}

/// A build of a plugin's file that took the place of an older one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PluginReloaded {
    pub job: JobId,
    pub file: PathBuf,
    /// What the new build holds.
    pub loaded: Vec<PluginReady>,
    /// What it replaced, by the ids under which that can still be used: `id@1` is the first build that was replaced.
    pub replaced: Vec<PluginReady>,
}
