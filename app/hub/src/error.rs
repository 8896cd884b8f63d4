//! What can go wrong, in one sentence that says what to do.

use crate::id::ModelId;
use locus_files::{Refusal, size};
use std::path::{Path, PathBuf};

/// What comes of looking up or downloading a model.
pub type Result<T> = std::result::Result<T, Error>;

/// Why there is no model.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing says where the cache is.
    #[error("there is no folder for the hub's cache: set HF_HOME or HF_HUB_CACHE")]
    NoCache,
    /// The variable of the hub's address holds no address.
    #[error("HF_ENDPOINT: `{0}` is not the address of a hub; it must begin with https:// or http://")]
    Endpoint(String),
    /// It would have to be downloaded, and is not to be.
    #[error(
        "{id} is not in the hub's cache ({}), and HF_HUB_OFFLINE forbids downloading it; unset the variable, or run \
         `locus model download {id}` where the hub can be reached and copy the cache",
        cache.display()
    )]
    Offline {
        id: ModelId,
        /// Where it was looked for.
        cache: PathBuf,
    },
    /// It is not in the cache, and nobody was asked to download it.
    #[error("{id} is not in the hub's cache ({}); `locus model download {id}` downloads it", cache.display())]
    NotCached {
        id: ModelId,
        /// Where it was looked for.
        cache: PathBuf,
    },
    /// The hub has no such model, or does not show it.
    #[error(
        "the hub has no model {name} that is visible {}; correct the name{}",
        if *has_token { "to the owner of this token" } else { "without a token" },
        if *has_token { "" } else { ", or set HF_TOKEN if the model is private" }
    )]
    NotFound {
        /// The model, without a revision.
        name: String,
        /// Whether it was asked with a token.
        has_token: bool,
    },
    /// The model has no such branch, tag or commit.
    #[error(
        "{name} has no revision `{revision}`; give a branch, a tag or a full commit hash that the hub lists for it"
    )]
    NoRevision {
        /// The model, without a revision.
        name: String,
        /// What was asked for.
        revision: String,
    },
    /// Only those who have accepted the terms of the model may have it.
    #[error(
        "{name} is gated: accept its terms on its hub page, and {}",
        if *has_token { "set HF_TOKEN to a token of that account (the current one has no access)" }
        else { "set HF_TOKEN to a token of that account" }
    )]
    Gated {
        /// The model, without a revision.
        name: String,
        /// Whether it was asked with a token.
        has_token: bool,
    },
    /// The hub rejects the token.
    #[error("the hub rejects the token; set HF_TOKEN to a valid one, or remove it")]
    Token,
    /// The model lacks what every model that Locus runs has.
    #[error(
        "{id} has no {what} on the hub, which Locus needs; choose a model with config.json, tokenizer.json and weights"
    )]
    Lacks {
        id: ModelId,
        /// Names of the missing files, as in `config.json`.
        what: &'static str,
    },
    /// It does not fit on the disk.
    #[error(
        "{id} needs {} more, but only {} are free in {}; make room, or set HF_HUB_CACHE to a folder on another disk",
        size(*needed), size(*free), folder.display()
    )]
    Disk {
        id: ModelId,
        /// Bytes that are still to come.
        needed: u64,
        /// Bytes that are free.
        free: u64,
        folder: PathBuf,
    },
    /// The hub does not answer.
    #[error("the hub at {endpoint} cannot be reached ({why}); check the network, HTTPS_PROXY and HF_ENDPOINT")]
    Unreachable {
        endpoint: String,
        /// What the system says.
        why: String,
    },
    /// A file has come in part.
    #[error(
        "the connection was lost at {} of {} of {file} ({why}); run the command again to resume",
        size(*done), size(*whole)
    )]
    Cut {
        /// Its name in the model.
        file: String,
        /// Bytes that are kept.
        done: u64,
        /// Bytes that it has.
        whole: u64,
        /// What the system says.
        why: String,
    },
    /// What came is not what the hub said would come. Nothing of it is kept.
    #[error(
        "{file} arrived damaged: its SHA-256 is {found}, but the hub says {said}; it was deleted, run the command \
         again to download it"
    )]
    Hash {
        /// Its name in the model.
        file: String,
        /// SHA-256 of what arrived, in hexadecimal digits.
        found: String,
        /// As the hub has it.
        said: String,
    },
    /// The hub answers that it cannot answer now, or not so often.
    #[error("the hub at {endpoint} does not serve {what} now (status {status}); try again in a few minutes")]
    Busy {
        endpoint: String,
        /// What it was asked for.
        what: String,
        /// The status of its answer: 429, or one from 500 on.
        status: u16,
    },
    /// The hub sends an unexpected answer.
    #[error("unexpected answer from the hub at {endpoint} for {what}: {why}; try again later, and check HF_ENDPOINT")]
    Answer {
        endpoint: String,
        /// What it was asked for.
        what: String,
        /// What was not expected.
        why: String,
    },
    /// The cache cannot be written to.
    #[error("{}: {why}; the hub's cache must be a writable folder (HF_HUB_CACHE)", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
    /// The listener asked to stop.
    #[error("the download of {id} was stopped; what was downloaded is kept, run the same command again to resume")]
    Stopped { id: ModelId },
}

impl Error {
    /// Whether it may go well when it is tried again a moment later.
    pub(crate) fn passes(&self) -> bool {
        matches!(self, Self::Cut { .. } | Self::Unreachable { .. } | Self::Busy { .. })
    }

    /// A file or folder of the cache that the system does not make.
    pub(crate) fn write(path: &Path, source: impl std::fmt::Display) -> Self {
        Self::Write { path: path.to_owned(), why: source.to_string() }
    }

    /// The same of a refusal of `locus-files`.
    pub(crate) fn refused(path: &Path) -> impl FnOnce(Refusal) -> Self + '_ {
        move |refusal| Self::write(path, refusal)
    }
}
