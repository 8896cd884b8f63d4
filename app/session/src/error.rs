//! How a session fails; each as one sentence with the remedy.

use locus_protocol::{Blame, Outcome};
use std::path::PathBuf;

/// A failure of a session or of one of its jobs.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An error of the engine, as it is.
    #[error(transparent)]
    Engine(#[from] locus_engine::Error),
    /// An error of a records file, as it is.
    #[error(transparent)]
    Records(#[from] locus_records::Error),
    /// The built-in model cannot be unpacked.
    #[error(
        "the built-in model cannot be unpacked: {0}; make that folder writable, or set XDG_CACHE_HOME to one that is"
    )]
    BuiltIn(#[from] locus_demo::FileError),
    /// A plugin named on the command line cannot be used.
    #[error(transparent)]
    Load(#[from] locus_plugin_host::LoadError),
    /// There is no plugin with this id.
    #[error(transparent)]
    Unknown(#[from] locus_plugin_host::UnknownPlugin),
    /// A plugin returned an error.
    #[error("plugin `{id}`: {error}")]
    Plugin {
        /// Id of the plugin.
        id: String,
        /// The error that it returned.
        error: locus_plugin::Error,
    },
    /// A plugin that was checked is not as it should be.
    #[error("{0}")]
    Unfit(String),
    /// A device that is not there.
    #[error("{0}")]
    Device(String),
    /// A request that cannot be carried out.
    #[error("{0}")]
    Request(String),
    /// One of many facts.
    #[error("fact {index} of the list: {error}")]
    Fact {
        /// Index of the fact, from 0.
        index: usize,
        error: Box<Error>,
    },
    /// A file of the user.
    #[error("{}: {message}", path.display())]
    File {
        path: PathBuf,
        /// What is wrong, and the remedy.
        message: String,
    },
    /// The engine thread cannot be started.
    #[error("cannot start the engine thread: {0}; free some memory, or end other programs")]
    Thread(std::io::Error),
    /// A panic of our own.
    #[error("the engine panicked: {0}; please report it")]
    Panic(String),
    /// What earlier sessions left in place on a model cannot be put there.
    #[error("the edits of earlier sessions cannot be restored: {0}; --fresh starts without them")]
    TakeOver(Box<Error>),
    /// A model could not be loaded, and the one before had to make room for it.
    #[error("{0}; the previous model was unloaded to make room, so no model is loaded now")]
    NoModelNow(Box<Error>),
    /// The user stopped the job.
    #[error("cancelled")]
    Cancelled,
}

impl Error {
    /// Whether the user stopped the job.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled | Self::Engine(locus_engine::Error::Cancelled))
            || matches!(self, Self::Plugin { error: locus_plugin::Error::Cancelled, .. })
    }

    /// Whether a plugin said it, or is to blame for it.
    pub(crate) fn is_of_plugin(&self) -> bool {
        matches!(self, Self::Plugin { .. } | Self::Engine(locus_engine::Error::Plugin { .. }))
    }

    /// What it comes from.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Engine(error) if error.is_out_of_memory() || error.is_of_a_card() => Blame::Device,
            Self::Plugin { error: locus_plugin::Error::Request(_), .. } => Blame::Request,
            Self::Load(_)
            | Self::Unknown(_)
            | Self::Unfit(_)
            | Self::Plugin { .. }
            | Self::Engine(locus_engine::Error::Plugin { .. }) => Blame::Plugin,
            Self::Device(_) | Self::Thread(_) => Blame::Device,
            Self::Fact { error, .. } | Self::NoModelNow(error) | Self::TakeOver(error) => error.blame(),
            _ => Blame::Request,
        }
    }

    /// How what failed so ends.
    pub(crate) fn outcome(&self) -> Outcome {
        Outcome::Failed { error: self.to_string(), blame: self.blame() }
    }

    /// The same, saying of which fact of a list it is.
    pub(crate) fn of_fact(self, index: usize) -> Self {
        if self.is_cancelled() { self } else { Self::Fact { index, error: Box::new(self) } }
    }

    /// A panic of our own. One that memory did not suffice for is no fault of the program's.
    pub(crate) fn panic(text: String) -> Self {
        locus_engine::Error::shortage_in(&text).map_or(Self::Panic(text), Self::Engine)
    }

    /// The error of plugin `id`. Where memory did not suffice for it, nobody is to blame but the machine.
    pub(crate) fn plugin(id: &str, error: locus_plugin::Error) -> Self {
        let short = match &error {
            locus_plugin::Error::Failed(text) | locus_plugin::Error::Panic(text) => {
                locus_engine::Error::shortage_in(text)
            }
            _ => None,
        };
        match short {
            Some(short) => Self::Engine(short.while_doing(|| format!("the plugin `{id}` computed"))),
            None => Self::Plugin { id: id.to_owned(), error },
        }
    }
}

/// Why a job ended early, and what is there nevertheless.
pub struct Stopped {
    /// Why the job stopped.
    pub error: Error,
    /// In words, for a job that was canceled.
    pub kept: String,
}

impl<E: Into<Error>> From<E> for Stopped {
    fn from(error: E) -> Self {
        Self { error: error.into(), kept: "nothing was changed".to_owned() }
    }
}
