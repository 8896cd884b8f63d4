//! Folders of the user, by the XDG conventions.

use etcetera::BaseStrategy;
use std::path::PathBuf;

/// Where things are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// What can be made anew: the built-in model's files, second moments.
    pub cache: PathBuf,
    /// Plugins of the user.
    pub plugins: PathBuf,
    /// Folder of the user's settings.
    pub config: PathBuf,
    /// Folder of journals and logs.
    pub state: PathBuf,
    /// Sweeps that the workbench starts.
    pub sweeps: PathBuf,
}

/// There is no home folder.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("there is no home folder; set HOME to a folder that can be written")]
pub struct NoHome;

impl Places {
    /// The folders; nothing is created.
    ///
    /// # Errors
    /// There is no home folder.
    pub fn find() -> Result<Self, NoHome> {
        let base = etcetera::choose_base_strategy().map_err(|_| NoHome)?;
        Ok(Self {
            cache: base.cache_dir().join("locus"),
            plugins: base.data_dir().join("locus/plugins"),
            config: base.config_dir().join("locus"),
            sweeps: base.data_dir().join("locus/sweeps"),
            state: base.state_dir().unwrap_or_else(|| base.data_dir()).join("locus"),
        })
    }

    /// Files of all events, of which a workbench writes the first that no other one does.
    #[must_use]
    pub fn journals(&self) -> Vec<PathBuf> {
        /// Workbenches that write at the same time at most.
        const MOST: usize = 100;
        let others = (2..MOST).map(|number| self.state.join(format!("journal-{number}.jsonl")));
        std::iter::once(self.state.join("journal.jsonl")).chain(others).collect()
    }
}
