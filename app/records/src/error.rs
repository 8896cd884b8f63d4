//! How reading and writing records fails; each as one sentence with the remedy.

use locus_files::Refusal;
use std::path::{Path, PathBuf};

/// Result with the records' [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A file that does not hold what it should, or a request that cannot be carried out on it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A request that cannot be carried out.
    #[error("{0}")]
    Request(String),
    /// A file of the user.
    #[error("{}: {message}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong, and the remedy.
        message: String,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {source}; check the folder and the space left", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is not written where it should go.
    #[error("{}: {reason}", path.display())]
    Output {
        /// The file or folder.
        path: PathBuf,
        /// Why, and the remedy.
        reason: Refusal,
    },
}

impl Error {
    /// What to say of a file that is not written.
    pub(crate) fn not_written(path: &Path) -> impl FnOnce(Refusal) -> Self + '_ {
        move |refusal| match refusal {
            Refusal::Io(source) => Self::Write { path: path.to_owned(), source },
            reason => Self::Output { path: path.to_owned(), reason },
        }
    }
}
