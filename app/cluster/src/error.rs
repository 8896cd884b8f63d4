//! Why a sweep is not on the cluster; each as one sentence with the remedy.

use locus_files::Refusal;
use std::path::{Path, PathBuf};

/// Result with the cluster's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a sweep is not on the cluster, or why nothing is known of it there.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What is asked of Slurm makes no sense.
    #[error("{0}")]
    Directive(String),
    /// One of Slurm's programs is not there.
    #[error("there is no `{0}` on the PATH: use a login node of the cluster, or load its Slurm module")]
    NoProgram(String),
    /// One of Slurm's programs does not answer.
    #[error(
        "`{program}` has not answered within {seconds} s; check that Slurm is up (`scontrol ping`), and look at \
         `squeue --me` before you submit again"
    )]
    Silent {
        program: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// Slurm refuses the request, in its own words.
    #[error("`{program}` refuses: {words}")]
    Refused { program: String, words: String },
    /// A program cannot be run.
    #[error("`{program}` cannot be run ({source}); check the PATH")]
    Start {
        program: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// What Slurm says is not understood.
    #[error("the answer of `{program}` is not understood: {words}")]
    Unclear { program: String, words: String },
    /// A file cannot be written.
    #[error("{}: {reason}", path.display())]
    Write { path: PathBuf, reason: Refusal },
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Error {
    pub(crate) fn written(path: &Path) -> impl FnOnce(Refusal) -> Self + '_ {
        move |reason| Self::Write { path: path.to_owned(), reason }
    }
}
