//! The journal of operations: what was done to which model, so that it can be looked up, taken back after a restart and
//! run again.
//!
//! `journal` is the file and the deltas beside it, `lines` what its lines say, `loose` the deltas that no line names;
//! `recording` writes what this session does and puts it in place, `standing` is what the next start of the workbench
//! puts in place, `placing` puts it there.

mod journal;
mod lines;
mod loose;
mod placing;
mod recording;
mod standing;

pub use journal::{Journal, Keeping};
pub use lines::Read;
pub use loose::LooseChange;
pub(crate) use placing::{TakenOver, place, take_over};
pub(crate) use recording::{Done, Recorded, Recorder, commit, plugin_mark};
pub use recording::{facts_mark, now, run_name};
pub use standing::Standing;

use std::path::PathBuf;

/// What a session does with the journal of operations.
#[derive(Clone, Debug)]
pub struct Operations {
    /// The folder that it lies in.
    pub folder: PathBuf,
    /// How it is used.
    pub role: Role,
}

/// How a session uses the journal of operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// As the workbench: writes, and puts what was in place at the end in place again where `takes_over`.
    Workbench {
        /// Whether a model is loaded with the edits of earlier sessions.
        takes_over: bool,
    },
    /// As a command with a model of its own: writes.
    Command,
    /// Looks up edits only.
    Reader,
}
