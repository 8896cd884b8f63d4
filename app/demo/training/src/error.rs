//! What can go wrong while reading the world, training, or writing the built-in model.

use locus_demo::FileError;

/// An error of the built-in model's world, training or files.
#[derive(Debug, thiserror::Error)]
pub enum TrainingError {
    /// A file of the world is malformed; the message names the file and the line or key.
    #[error("{file}: {problem}")]
    World {
        /// The world's file, relative to `app/demo/world`.
        file: String,
        /// What is wrong and where.
        problem: String,
    },
    /// The tokenizer could not be trained or used.
    #[error("the tokenizer of the built-in model failed: {0}")]
    Tokenizer(String),
    /// An answer is not one token, so it could not be read off one row of logits.
    #[error("the answer `{0}` is not one token; raise the answers' weight in tokenizer.rs or use a shorter word")]
    LongAnswer(String),
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The weights could not be laid out as safetensors, or a file of them not be read.
    #[error("model.safetensors: {0}")]
    Weights(String),
    /// libtorch refused an operation.
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
    /// The caller asked to stop; nothing was written.
    #[error("training was canceled; nothing was written")]
    Cancelled,
    /// The loss stopped being a number.
    #[error("the loss at step {step} is {loss}; nothing was written")]
    Diverged {
        /// The step, from 0.
        step: usize,
        loss: f64,
    },
}

impl From<tokenizers::Error> for TrainingError {
    fn from(error: tokenizers::Error) -> Self {
        TrainingError::Tokenizer(error.to_string())
    }
}
