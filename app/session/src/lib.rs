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
mod plugins;
mod record;
mod thread;
mod worker;

pub use error::Error;
pub use model::defaults::ModelDefaults;
pub use model::device::{ChosenDevice, choose, open_cuda};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use locus_plugin_host::SearchPaths;
use locus_protocol::{
    Command, Control, DeviceRequest, Event, MomentsOptions, NumberFormat, OpenPlugins, Reading, Role,
};
use locus_records::reproducible;
use std::path::PathBuf;
use std::thread::JoinHandle;

/// Events that may wait before the engine does.
const WAITING_EVENTS: usize = 4096;

/// What a session starts from.
pub struct Options {
    /// Which device to use.
    pub device: DeviceRequest,
    /// Number format of weights and activations.
    pub number_format: NumberFormat,
    /// CPU threads; `None` leaves it to the model's size.
    pub threads: Option<i32>,
    /// Whether to compute the same bits on every x86-64 processor, on one thread. The process has to be started for it,
    /// see [`reproducible`].
    pub reproducible: bool,
    /// Facts to use instead of those that belong to the model.
    pub facts: Option<PathBuf>,
    /// How they are read.
    pub reading: Reading,
    /// Text for second moments instead of the built-in one: one document a line, JSON Lines or Parquet.
    pub corpus: Option<PathBuf>,
    /// Tokens of the corpus to use; `None` leaves it to the model's width.
    pub corpus_tokens: Option<usize>,
    /// What else can be said of second moments.
    pub moments: MomentsOptions,
    /// Folder for second moments and the files of the built-in model.
    pub cache: PathBuf,
    /// Where plugins are looked for.
    pub search: SearchPaths,
    /// Plugins that were asked for: without them no job is begun.
    pub plugins: Vec<PathBuf>,
    /// When the plugins in the places of `search` are opened.
    pub open_plugins: OpenPlugins,
    /// Files to the first of which that no other program writes every event is appended; to none without them.
    pub journals: Vec<PathBuf>,
    /// Files of edits that are put in place with every model that is loaded, in their order.
    pub apply: Vec<PathBuf>,
    /// The folder of the journal of operations, and how it is used; nothing is recorded without it.
    pub operations: Option<(PathBuf, Role)>,
}

impl Options {
    /// The best device, the model's own facts, the built-in corpus, and nothing written but what `cache` holds.
    #[must_use]
    pub fn new(cache: PathBuf, search: SearchPaths) -> Self {
        Self {
            device: DeviceRequest::default(),
            number_format: NumberFormat::default(),
            threads: None,
            reproducible: false,
            facts: None,
            reading: Reading::default(),
            corpus: None,
            corpus_tokens: None,
            moments: MomentsOptions::default(),
            cache,
            search,
            plugins: Vec::new(),
            open_plugins: OpenPlugins::default(),
            journals: Vec::new(),
            apply: Vec::new(),
            operations: None,
        }
    }
}

/// The ends of a running session.
pub struct Handles {
    /// Orders.
    pub commands: Sender<Command>,
    /// What happens.
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
pub fn start(options: Options) -> Result<Handles, Error> {
    if options.reproducible {
        if !reproducible::is_on() {
            let text = "--reproducible: the program was not started for it; start it anew with the flag";
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
