//! Why a file is not written.

use std::fs::FileType;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// Why a file is not written, as what stands behind its name in a sentence.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// A folder where a file is to go.
    #[error("it is a folder; name a file")]
    Folder,
    /// The folder around it is not there, or is a file.
    #[error("its folder does not exist; create it first")]
    NoFolder,
    /// A pipe, a device or a socket where a file is to go.
    #[error("it is {0}, not a file; name a file")]
    Special(&'static str),
    /// Nobody may write to it.
    #[error("it is read-only; make it writable or name another")]
    ReadOnly,
    /// A link in a folder of all users, made by another one.
    #[error("it is a link that another user made; name the file itself")]
    ForeignLink,
    /// Another program is writing it.
    #[error("another locus is writing it; wait until it ends, or name another")]
    Busy,
    /// What must be new already exists.
    #[error("it already exists; name a new one")]
    Exists,
    /// A path without a name at its end, or the name that stands for standard output elsewhere.
    #[error("that names no file; name one")]
    NoName,
    /// Nobody reads from the pipe.
    #[error("nobody reads from that pipe; start its reader first")]
    NoReader,
    /// What the system said.
    #[error("cannot be written ({0}); check the folder and the free disk space")]
    Io(#[from] io::Error),
}

impl From<Refusal> for io::Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Io(error) => error,
            refusal => Self::other(refusal),
        }
    }
}

/// A file or folder that is not written, and why.
#[derive(Debug, thiserror::Error)]
#[error("{}", sentence(path, reason))]
pub struct NotWritten {
    /// The file or folder.
    pub path: PathBuf,
    /// Why, and the remedy.
    #[source]
    pub reason: Refusal,
}

impl NotWritten {
    /// What to say of `path` where writing it failed.
    pub fn at<R: Into<Refusal>>(path: &Path) -> impl FnOnce(R) -> Self + '_ {
        |reason| Self { path: path.to_owned(), reason: reason.into() }
    }
}

fn sentence(path: &Path, reason: &Refusal) -> String {
    match reason {
        Refusal::Io(error) => {
            format!("cannot write {}: {error}; check the folder and the free disk space", path.display())
        }
        reason => format!("{}: {reason}", path.display()),
    }
}

/// What something is that is neither a file nor a folder.
pub(crate) fn kind(file: FileType) -> &'static str {
    match file {
        _ if file.is_dir() => "a folder",
        _ if file.is_fifo() => "a pipe",
        _ if file.is_socket() => "a socket",
        _ if file.is_char_device() || file.is_block_device() => "a device",
        _ => "something else",
    }
}
