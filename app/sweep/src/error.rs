//! How sweeps fail; each as one sentence with the remedy.

use locus_files::Refusal;
use std::path::{Path, PathBuf};

/// Result with the sweeps' [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A grid or a folder that a sweep cannot work with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The grid is invalid.
    #[error("{}: {message}", path.display())]
    Grid {
        path: PathBuf,
        /// What is wrong, and the remedy.
        message: String,
    },
    /// The folder contains something else.
    #[error("{}: {message}", path.display())]
    Folder {
        /// The folder or a file of it.
        path: PathBuf,
        /// What is wrong, and the remedy.
        message: String,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {source}; check the folder and the free disk space", path.display())]
    Write {
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Error {
    pub(crate) fn folder(path: &Path, message: impl Into<String>) -> Self {
        Self::Folder { path: path.to_owned(), message: message.into() }
    }

    pub(crate) fn read(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::Read { path: path.to_owned(), source }
    }

    pub(crate) fn written(path: &Path) -> impl FnOnce(Refusal) -> Self + '_ {
        move |refusal| match refusal {
            Refusal::Io(source) => Self::Write { path: path.to_owned(), source },
            reason => Self::Folder { path: path.to_owned(), message: reason.to_string() },
        }
    }
}
