//! How a method, an objective or a host service fails.

/// Result with a plugin's [`Error`]; the second parameter keeps the name usable for others.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure that crosses the boundary between host and plugin as a kind and a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The user canceled; propagate it unchanged, with `?`.
    #[error("cancelled")]
    Cancelled,
    /// The host, or the plugin, does not provide what was asked for; names it.
    #[error("not supported: {0}")]
    Unsupported(String),
    /// The request cannot be carried out; says what to change.
    #[error("{0}")]
    Request(String),
    /// Any other failure, in one sentence.
    #[error("{0}")]
    Failed(String),
    /// The other side panicked: message and location.
    #[error("panicked: {0}")]
    Panic(String),
}

impl From<tch::TchError> for Error {
    fn from(error: tch::TchError) -> Self {
        Self::Failed(format!("libtorch: {}", first_line(&error.to_string())))
    }
}

/// Cuts the kilobytes of stack trace off a libtorch error, and off a panic of tch, in which the message is escaped.
#[must_use]
pub fn first_line(text: &str) -> &str {
    let text = text.split("\nException raised from").next().unwrap_or(text);
    let text = text.split("\\nException raised from").next().unwrap_or(text);
    text.trim_end()
}
