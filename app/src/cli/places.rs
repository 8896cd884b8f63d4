//! Folders of the user, by the XDG conventions.

use crate::cli::Failure;
use etcetera::BaseStrategy;
use std::path::PathBuf;

/// Where things are kept.
pub struct Places {
    /// What can be made anew: the built-in model's files, second moments.
    pub cache: PathBuf,
    /// Plugins of the user.
    pub plugins: PathBuf,
    /// The user's settings.
    pub config: PathBuf,
    /// Journals and logs.
    pub state: PathBuf,
}

impl Places {
    /// The folders; nothing is created.
    ///
    /// # Errors
    /// There is no home folder.
    pub fn find() -> Result<Self, Failure> {
        let base = etcetera::choose_base_strategy()
            .map_err(|_| Failure::failed("there is no home folder; set HOME to a folder that can be written"))?;
        Ok(Self {
            cache: base.cache_dir().join("locus"),
            plugins: base.data_dir().join("locus/plugins"),
            config: base.config_dir().join("locus"),
            state: base.state_dir().unwrap_or_else(|| base.data_dir()).join("locus"),
        })
    }
}
