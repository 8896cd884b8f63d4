//! How reading and writing records fails; each as one sentence with the remedy.

use locus_files::NotWritten;
use std::path::PathBuf;

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
        path: PathBuf,
        /// What is wrong, and the remedy.
        message: String,
    },
    /// A file is not written where it should go.
    #[error(transparent)]
    NotWritten(#[from] NotWritten),
}
