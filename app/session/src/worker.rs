//! What the engine thread owns, and what happens between two steps of a job.

use crate::Options;
use crate::emitter::Emitter;
use crate::error::Error;
use crate::measures::tried::TriedEdit;
use crate::model::loaded::Loaded;
use crate::orders::Orders;
use crate::record::recording::{Done, Ends, Recorder, commit};
use crossbeam_channel::Receiver;
use locus_engine::edit::Arrangement;
use locus_plugin_host::Registry;
use locus_protocol::{Command, Control, Event, JobId};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How often a job that pauses looks whether it may go on.
const GLANCE: Duration = Duration::from_millis(20);

/// What the thread owns.
pub struct Worker<'a> {
    /// What the session started from.
    pub options: Options,
    /// The plugins.
    pub registry: Registry,
    /// Where events go.
    pub emitter: Emitter,
    /// Which jobs are to stop, and which to wait.
    pub control: &'a Control,
    /// Threads that libtorch takes by itself.
    pub all_threads: i32,
    /// The model, once there is one.
    pub loaded: Option<Loaded>,
    /// Edits of that model that were tried and are not in place, by the jobs that tried them.
    pub variants: BTreeMap<JobId, TriedEdit>,
    /// The journal of operations, where the session uses it.
    pub operations: Option<Recorder>,
    /// Whether the plugins have been opened.
    pub plugins_are_open: bool,
    /// What it was told and has not begun.
    pub orders: Orders<'a>,
    /// Does what only looks at the model while a job stands still.
    look: Look,
    /// The job whose steps are made now; a look between two steps of a long job takes its place meanwhile.
    pub running: Cell<Option<Running>>,
    /// How long looks have held the running job up.
    pub looked: Cell<Duration>,
}

/// What does a look between two steps of a job.
pub type Look = fn(&Worker<'_>, Command);

/// A job whose steps are made.
#[derive(Clone, Copy)]
pub struct Running {
    /// Its number.
    pub job: JobId,
    /// Whether looks may step in.
    pub lets_looks_in: bool,
}

impl<'a> Worker<'a> {
    /// Without plugins and model yet; `look` does what only looks at the model.
    pub fn new(
        options: Options,
        commands: &'a Receiver<Command>,
        emitter: Emitter,
        control: &'a Control,
        look: Look,
    ) -> Self {
        let all_threads = tch::get_num_threads();
        if let Some(threads) = options.threads {
            // before libtorch starts threads for the first time: where they do not fit, it ends the program
            tch::set_num_threads(threads);
        }
        let registry = Registry::new(options.search.clone());
        let operations = options.operations.as_ref();
        let operations = operations.map(|(folder, role)| Recorder::new(folder, *role, options.reproducible));
        Self {
            options,
            registry,
            emitter,
            control,
            all_threads,
            loaded: None,
            variants: BTreeMap::new(),
            operations,
            plugins_are_open: false,
            orders: Orders::new(commands),
            look,
            running: Cell::default(),
            looked: Cell::default(),
        }
    }
}

impl Worker<'_> {
    /// Says what plugins have left behind since it was said last.
    pub fn tell_remarks(&self) {
        for remark in locus_plugin_host::take_remarks() {
            self.emitter.log(&remark.plugin, "warning", remark.to_string());
        }
    }

    /// Between two steps of a job: does what was asked meanwhile and only looks at the model, one such thing at a time,
    /// and waits as long as the job is to pause.
    pub fn between_steps(&self) {
        let Some(running) = self.running.get() else { return };
        loop {
            if running.lets_looks_in
                && let Some(look) = self.orders.next_look()
            {
                let start = Instant::now();
                self.running.set(None);
                // as between two jobs, whatever the step that was interrupted has set
                tch::with_grad(|| (self.look)(self, look));
                self.running.set(Some(running));
                self.looked.set(self.looked.get() + start.elapsed());
            }
            if !self.control.is_paused(running.job) || self.is_cancelled() {
                return;
            }
            std::thread::sleep(GLANCE);
        }
    }

    /// The model, or what to do to have one.
    pub fn loaded(&mut self) -> Result<&mut Loaded, Error> {
        self.loaded.as_mut().ok_or_else(no_model)
    }

    /// The model to look at, or what to do to have one.
    pub fn ready(&self) -> Result<&Loaded, Error> {
        self.loaded.as_ref().ok_or_else(no_model)
    }

    /// Records a step, puts `after` in place and tells it, see [`commit`].
    ///
    /// # Errors
    /// It cannot be recorded or told; everything is as it was.
    pub fn commit(
        &mut self,
        step: &Done,
        after: Arrangement,
        event: impl FnOnce(&Arrangement, &BTreeMap<u64, u64>) -> Event,
    ) -> Result<(), Error> {
        let loaded = self.loaded.as_mut().ok_or_else(no_model)?;
        commit(&mut Ends { loaded, recorder: self.operations.as_mut(), emitter: &self.emitter }, step, after, event)
    }

    /// The engine's error once the user has cancelled. See [`Self::between_steps`], which comes first.
    pub fn check_cancel(&self) -> locus_engine::Result<()> {
        self.between_steps();
        self.emitter.check()?;
        if self.is_cancelled() { Err(locus_engine::Error::Cancelled) } else { Ok(()) }
    }

    /// Whether the user wants the running job to stop.
    pub fn is_cancelled(&self) -> bool {
        self.running.get().is_some_and(|running| self.control.is_cancelled(running.job))
    }
}

fn no_model() -> Error {
    Error::Request("no model is loaded; load one first".to_owned())
}

/// Why a job ended early, and what is there nevertheless.
pub struct Stopped {
    /// Why.
    pub error: Error,
    /// In words, for a job that was cancelled.
    pub kept: String,
}

impl<E: Into<Error>> From<E> for Stopped {
    fn from(error: E) -> Self {
        Self { error: error.into(), kept: "nothing was changed".to_owned() }
    }
}
