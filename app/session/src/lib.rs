//! The one thread that owns device, weights and plugins: commands in, events out.
//!
//! [`start`] spawns it. Whoever holds the [`Handles`] sends commands, receives events, and cancels jobs by a [`Control`]
//! that the engine looks at in every step. Workbench and headless commands use the same thread.

mod edits;
mod emitter;
mod error;
mod gauge;
mod inspecting;
mod jobs;
mod measures;
mod model;
mod moments;
mod orders;
mod pace;
#[cfg(test)]
mod paced;
mod plugins;
mod record;
mod thread;
mod worker;

pub use error::Error;
pub use model::device::{ChosenDevices, choose, open_cuda};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use locus_plugin_host::SearchPaths;
use locus_protocol::{Command, Control, Event, Start};
use locus_records::reproducible;
use std::path::PathBuf;
use std::thread::JoinHandle;

/// Events that may wait before the engine does.
const WAITING_EVENTS: usize = 4096;

/// What a session starts from: what was asked for, and what it means on this machine.
pub struct SessionOptions {
    /// What was asked for. Its `journal` is looked up by whoever starts the session, see [`Self::journals`].
    pub start: Start,
    /// Folder for second moments and the files of the built-in model.
    pub cache: PathBuf,
    /// Where plugins are looked for.
    pub search: SearchPaths,
    /// Files to the first of which that no other program writes every event is appended; to none without them.
    pub journals: Vec<PathBuf>,
    /// The folder of the journal of operations, which is used as `start.role` says; nothing is recorded without it.
    pub operations: Option<PathBuf>,
}

impl SessionOptions {
    /// What was asked for, and nothing written but what `cache` holds.
    #[must_use]
    pub fn new(start: Start, cache: PathBuf, search: SearchPaths) -> Self {
        Self { start, cache, search, journals: Vec::new(), operations: None }
    }
}

/// The ends of a running session.
pub struct Handles {
    /// Commands to the engine.
    pub commands: Sender<Command>,
    /// Events from the engine.
    pub events: Receiver<Event>,
    /// What is said to jobs while they run.
    pub control: Control,
    /// The file that every event is appended to, if one is.
    pub journal: Option<PathBuf>,
    /// The thread; it ends after [`Command::Quit`] or when all senders are gone.
    pub thread: JoinHandle<()>,
}

/// Starts the engine thread.
///
/// # Errors
/// The journal cannot be written, no thread can be started, or the process was not started for what is to be
/// reproducible.
pub fn start(options: SessionOptions) -> Result<Handles, Error> {
    if options.start.reproducible {
        if !reproducible::is_on() {
            let text = "--reproducible: the program was started without it; restart it with the flag";
            return Err(Error::Request(text.to_owned()));
        }
        locus_plugin_host::demand_determinism();
    }
    let (command_sender, commands) = unbounded();
    let (event_sender, events) = bounded(WAITING_EVENTS);
    let emitter = emitter::Emitter::new(event_sender, &options.journals)?;
    let journal = emitter.journal();
    let control = Control::default();
    let looked_at = control.clone();
    let thread = std::thread::Builder::new()
        .name("engine".to_owned())
        .spawn(move || thread::run(options, &commands, emitter, &looked_at))
        .map_err(Error::Thread)?;
    Ok(Handles { commands: command_sender, events, control, journal, thread })
}
