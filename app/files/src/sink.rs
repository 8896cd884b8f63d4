//! Where a command's table or picture goes: into a file, or straight to whoever reads.

use crate::append::stream;
use crate::draft::Draft;
use crate::refusal::Refusal;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// An open output. A file has its name when [`Sink::commit`] returns; a pipe or a device such as `/dev/null` or
/// `/dev/stdout` gets everything at once.
#[derive(Debug)]
pub enum Sink {
    /// A file, written by this program alone.
    File(Draft),
    /// A pipe or a device.
    Stream(File),
}

impl Sink {
    /// Opens the output, a file as a draft.
    ///
    /// # Errors
    /// Those of [`Draft::exclusive`]; nobody reads from a pipe.
    pub fn open(target: &Path) -> Result<Self, Refusal> {
        // what is open already stays open there, also where it is a file
        let is_open_already =
            ["/dev/stdout", "/dev/stderr", "/dev/fd", "/proc"].iter().any(|at| target.starts_with(at));
        if !is_open_already {
            match Draft::exclusive(target) {
                Err(Refusal::Special(_)) => {}
                other => return other.map(Self::File),
            }
        }
        Ok(Self::Stream(stream(target)?))
    }

    /// Gives a file its name.
    ///
    /// # Errors
    /// The system cannot keep it.
    pub fn commit(self) -> Result<(), Refusal> {
        match self {
            Self::File(draft) => draft.commit(),
            Self::Stream(mut file) => Ok(file.flush()?),
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(draft) => draft.write(bytes),
            Self::Stream(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(draft) => draft.flush(),
            Self::Stream(file) => file.flush(),
        }
    }
}
