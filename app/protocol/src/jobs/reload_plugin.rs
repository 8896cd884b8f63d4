//! A new build of a plugin.

use super::{Job, JobId, JobKind};
use crate::PluginReady;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Which library to load again.
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

/// A build of a plugin's file that replaced an older one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PluginReloaded {
    pub job: JobId,
    pub file: PathBuf,
    /// Plugins of the new build.
    pub loaded: Vec<PluginReady>,
    /// Plugins that it replaced, by the ids under which they can still be used: `id@1` is the first replaced build.
    pub replaced: Vec<PluginReady>,
}
