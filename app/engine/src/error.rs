//! Every way in which the engine can fail, each as one sentence with the remedy.

use crate::memory::{self, Shortage};
use locus_files::{NotWritten, Refusal};
use std::path::PathBuf;

/// Result with the engine's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure of the engine.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of the model folder cannot be read.
    #[error("cannot read {}: {source}; give a folder with config.json, *.safetensors and tokenizer.json", path.display())]
    Read {
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is not written where it should go.
    #[error(transparent)]
    NotWritten(#[from] NotWritten),
    /// A file of facts does not hold what it should.
    #[error("{}: {message}", path.display())]
    Facts {
        path: PathBuf,
        /// Record, field and remedy.
        message: String,
    },
    /// A corpus, or a file of second moments, does not hold what it should.
    #[error("{}: {message}", path.display())]
    Corpus {
        path: PathBuf,
        /// Line or row, column and remedy.
        message: String,
    },
    /// A file of edits does not hold what it should, or belongs to another model.
    #[error("{}: {message}", path.display())]
    Edits {
        path: PathBuf,
        /// What is wrong, and the remedy.
        message: String,
    },
    /// A plugin failed or gave back something that cannot be used.
    #[error("plugin `{plugin}`: {message}")]
    Plugin {
        /// Id of the plugin.
        plugin: String,
        /// What it did wrong, in one sentence.
        message: String,
    },
    /// `config.json` is not what a supported architecture needs.
    #[error("{}: {message}", path.display())]
    Config {
        path: PathBuf,
        /// Field and remedy.
        message: String,
    },
    /// A weight file is damaged or lacks a tensor.
    #[error("{}: {message}", path.display())]
    Weights {
        /// The file or folder.
        path: PathBuf,
        message: String,
    },
    /// The tokenizer cannot be read or refuses a text.
    #[error("tokenizer: {0}")]
    Tokenizer(String),
    /// The subject does not occur in the prompt.
    #[error("the subject `{subject}` does not occur in the prompt `{prompt}`; give a prompt that contains it verbatim")]
    SubjectNotFound {
        /// The subject as given.
        subject: String,
        /// The prompt as given.
        prompt: String,
    },
    /// A request that cannot be carried out as asked.
    #[error("{0}")]
    Request(String),
    /// The user canceled the job.
    #[error("cancelled")]
    Cancelled,
    /// Memory does not suffice, on the CPU or on a GPU.
    #[error("{}", crate::memory::sentence(.doing, *.asked, *.free))]
    OutOfMemory {
        /// What was being done, as in "running block 12"; empty where nobody said.
        doing: String,
        /// Bytes that were asked for, where it is known.
        asked: Option<u64>,
        /// Bytes that are free, where it is known.
        free: Option<u64>,
    },
    /// libtorch raised an exception.
    #[error(
        "libtorch{}: {}{}",
        while_doing(.doing),
        locus_plugin::error::first_line(&.source.to_string()),
        afterwards(.source)
    )]
    Torch {
        /// What was being done, as in "running block 12"; empty where nobody said.
        doing: String,
        source: tch::TchError,
    },
}

fn while_doing(doing: &str) -> String {
    if doing.is_empty() { String::new() } else { format!(" failed while {doing}") }
}

/// What libtorch says where a card fails, other than for want of memory.
const OF_A_CARD: [&str; 5] = ["CUDA error", "CUDA driver error", "CUBLAS_STATUS_", "CUDNN_STATUS_", "CUSOLVER_STATUS_"];

fn is_of_a_card(source: &tch::TchError) -> bool {
    let text = source.to_string();
    OF_A_CARD.iter().any(|sign| text.contains(sign))
}

/// What to do about a failure of a card.
fn afterwards(source: &tch::TchError) -> &'static str {
    if is_of_a_card(source) {
        "; a GPU that failed like this often stays unusable for this process: if the next job fails too, restart Locus"
    } else {
        ""
    }
}

impl From<tch::TchError> for Error {
    fn from(source: tch::TchError) -> Self {
        let doing = String::new();
        match memory::shortage(&source) {
            Some(Shortage { asked, free }) => Self::OutOfMemory { doing, asked, free },
            None => Self::Torch { doing, source },
        }
    }
}

impl Error {
    /// The same, saying what was being done; who said so first knows best.
    #[must_use]
    pub fn while_doing(mut self, what: impl FnOnce() -> String) -> Self {
        if let Self::OutOfMemory { doing, .. } | Self::Torch { doing, .. } = &mut self
            && doing.is_empty()
        {
            *doing = what();
        }
        self
    }

    /// The shortage of memory that a message of libtorch tells of; `None` for any other message.
    #[must_use]
    pub fn shortage_in(text: &str) -> Option<Self> {
        let Shortage { asked, free } = memory::shortage_in(text)?;
        Some(Self::OutOfMemory { doing: String::new(), asked, free })
    }

    /// Whether a card failed, other than for want of memory.
    #[must_use]
    pub fn is_of_a_card(&self) -> bool {
        matches!(self, Self::Torch { source, .. } if is_of_a_card(source))
    }

    /// Whether memory did not suffice.
    #[must_use]
    pub fn is_out_of_memory(&self) -> bool {
        match self {
            Self::OutOfMemory { .. } => true,
            Self::Read { source, .. } | Self::NotWritten(NotWritten { reason: Refusal::Io(source), .. }) => {
                source.kind() == std::io::ErrorKind::OutOfMemory
            }
            _ => false,
        }
    }
}

/// Says what was being done where libtorch fails.
pub trait Doing<T> {
    /// The same result; an error of libtorch says that `what` was being done, as in "running block 12".
    ///
    /// # Errors
    /// The error that there was.
    fn doing(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Into<Error>> Doing<T> for std::result::Result<T, E> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| error.into().while_doing(what))
    }
}

#[cfg(test)]
mod tests {
    use super::Error;
    use tch::TchError;

    #[test]
    fn failures_of_a_card_are_told_apart() {
        let said = |text: &str| Error::from(TchError::Torch(text.to_owned()));
        let failed = said("CUDA error: an illegal memory access was encountered\nCUDA kernel errors might be reported");
        assert!(failed.is_of_a_card() && !failed.is_out_of_memory());
        let text = failed.while_doing(|| "running block 3".to_owned()).to_string();
        assert!(
            text.starts_with("libtorch failed while running block 3: ") && text.ends_with("restart Locus"),
            "{text}"
        );
        let short = said("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.10 GiB");
        assert!(short.is_out_of_memory() && !short.is_of_a_card());
        assert!(said("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`").is_out_of_memory());
        let other = said("mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)");
        assert!(!other.is_of_a_card() && !other.to_string().contains("restart Locus"));
    }
}
