//! Every way in which the engine can fail, each as one sentence with the remedy.

use std::path::PathBuf;

/// Result with the engine's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure of the engine.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of the model folder cannot be read.
    #[error("cannot read {}: {source}; give a folder with config.json, *.safetensors and tokenizer.json", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {source}; check the folder and the space left", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file of facts does not hold what it should.
    #[error("{}: {message}", path.display())]
    Facts {
        /// The file.
        path: PathBuf,
        /// Record, field and remedy.
        message: String,
    },
    /// A corpus, or a file of second moments, does not hold what it should.
    #[error("{}: {message}", path.display())]
    Corpus {
        /// The file.
        path: PathBuf,
        /// Line or row, column and remedy.
        message: String,
    },
    /// A file of edits does not hold what it should, or belongs to another model.
    #[error("{}: {message}", path.display())]
    Edits {
        /// The file.
        path: PathBuf,
        /// What is wrong, and the remedy.
        message: String,
    },
    /// A plugin failed or gave back something that cannot be used.
    #[error("plugin `{plugin}`: {message}")]
    Plugin {
        /// Its id.
        plugin: String,
        /// What it did.
        message: String,
    },
    /// `config.json` is not what a supported architecture needs.
    #[error("{}: {message}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// Field and remedy.
        message: String,
    },
    /// A weight file is damaged or lacks a tensor.
    #[error("{}: {message}", path.display())]
    Weights {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong.
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
    /// The user cancelled the job.
    #[error("cancelled")]
    Cancelled,
    /// libtorch raised an exception.
    #[error("libtorch: {}", locus_plugin::error::first_line(&.0.to_string()))]
    Torch(#[from] tch::TchError),
}
