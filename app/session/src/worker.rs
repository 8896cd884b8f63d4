//! The engine thread: takes one command after the other and never dies of one. What only looks at the model steps in
//! between two steps of a long job.

use crate::Options;
use crate::emitter::Emitter;
use crate::error::Error;
use crate::loading::Loaded;
use crate::orders::Orders;
use crate::variants::Variant;
use crate::{inspecting, jobs, memory, operations, prediction};
use crossbeam_channel::{Receiver, bounded};
use locus_plugin_host::Registry;
use locus_protocol::{Asked, Command, Control, Event, JobId, OpenPlugins, Outcome, Task};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
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
    control: &'a Control,
    /// Threads that libtorch takes by itself.
    pub all_threads: i32,
    /// The model, once there is one.
    pub loaded: Option<Loaded>,
    /// Edits of that model that were tried and are not in place, by the jobs that tried them.
    pub variants: BTreeMap<JobId, Variant>,
    /// The journal of operations, where the session uses it.
    pub operations: Option<operations::Recorder>,
    /// Whether the plugins have been opened.
    plugins_are_open: bool,
    /// What it was told and has not begun.
    orders: Orders<'a>,
    /// The job whose steps are made now; a look between two steps of a long job takes its place meanwhile.
    running: Cell<Option<Running>>,
    /// How long looks have held the running job up.
    looked: Cell<Duration>,
}

/// A job whose steps are made.
#[derive(Clone, Copy)]
struct Running {
    job: JobId,
    lets_looks_in: bool,
}

/// Runs until [`Command::Quit`] or until nobody can send any more.
pub fn run(options: Options, commands: &Receiver<Command>, emitter: Emitter, control: &Control) {
    emitter.hello(options.reproducible);
    let (stop, stopped) = bounded::<()>(0);
    let events = emitter.sender();
    let watcher = std::thread::Builder::new().name("memory".to_owned()).spawn(move || memory::watch(&events, &stopped));
    let mut worker = Worker::new(options, commands, emitter, control);
    let at_once = worker.options.open_plugins == OpenPlugins::AtStart || !worker.options.plugins.is_empty();
    match if at_once { worker.open_plugins() } else { Ok(()) } {
        Ok(()) => worker.serve(),
        Err(error) => refuse_all(&worker.emitter, commands, &error),
    }
    drop(stop);
    if let Ok(watcher) = watcher {
        let _ = watcher.join();
    }
}

/// Without plugins that were asked for no job is begun.
fn refuse_all(emitter: &Emitter, commands: &Receiver<Command>, error: &Error) {
    for command in commands {
        match command {
            Command::Do { job, .. } => emitter.tell(Event::Finished { job, outcome: failed(error), seconds: 0.0 }),
            Command::Plugins => emitter.tell(Event::Answered { order: Asked::Plugins, outcome: failed(error) }),
            Command::Inspect { .. } => emitter.tell(Event::Answered { order: Asked::Inspect, outcome: failed(error) }),
            Command::Quit => return,
            Command::Predict { .. } | Command::Drop { .. } => emitter.log("engine", "error", error.to_string()),
        }
    }
}

fn failed(error: &Error) -> Outcome {
    Outcome::Failed { error: error.to_string(), blame: error.blame() }
}

impl<'a> Worker<'a> {
    /// Without plugins and model yet.
    pub(crate) fn new(
        options: Options,
        commands: &'a Receiver<Command>,
        emitter: Emitter,
        control: &'a Control,
    ) -> Self {
        let all_threads = tch::get_num_threads();
        if let Some(threads) = options.threads {
            // before libtorch starts threads for the first time: where they do not fit, it ends the program
            tch::set_num_threads(threads);
        }
        let registry = Registry::new(options.search.clone());
        let operations = options.operations.as_ref();
        let operations =
            operations.map(|(folder, role)| operations::Recorder::new(folder, *role, options.reproducible));
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
            running: Cell::default(),
            looked: Cell::default(),
        }
    }
}

impl Worker<'_> {
    fn open_plugins(&mut self) -> Result<(), Error> {
        self.plugins_are_open = true;
        let (_, refused) = self.registry.scan();
        for file in &self.options.plugins {
            self.registry.add(file)?;
        }
        self.registry.plugins().into_iter().map(Event::Plugin).for_each(|event| self.emitter.tell(event));
        refused.into_iter().map(Event::PluginRefused).for_each(|event| self.emitter.tell(event));
        for reason in self.registry.untrusted() {
            self.emitter.log("plugins", "warning", reason.clone());
        }
        self.tell_remarks();
        Ok(())
    }

    /// Says what plugins have left behind since it was said last.
    pub fn tell_remarks(&self) {
        for remark in locus_plugin_host::take_remarks() {
            self.emitter.log(&remark.plugin, "warning", remark.to_string());
        }
    }

    fn serve(&mut self) {
        while let Some(command) = self.orders.next() {
            if !self.plugins_are_open && needs_plugins(&command) {
                let opened = self.open_plugins();
                self.log_failure(opened);
            }
            match command {
                Command::Quit => return,
                Command::Do { job, task } => self.job(job, task),
                Command::Predict { fact } => self.quietly(|worker| prediction::predict(worker, &fact)),
                Command::Drop { tried } => {
                    self.variants.remove(&tried);
                }
                // they have been told when they were opened
                Command::Plugins => {
                    self.emitter.tell(Event::Answered { order: Asked::Plugins, outcome: Outcome::Done })
                }
                Command::Inspect { what } => {
                    let looked = caught(|| inspecting::inspect(self, &what));
                    let outcome = looked.map_or_else(|error| failed(&error), |()| Outcome::Done);
                    self.emitter.tell(Event::Answered { order: Asked::Inspect, outcome });
                }
            }
        }
    }

    /// Runs a job and says how it ended.
    fn job(&mut self, job: JobId, task: Task) {
        self.emitter.begin();
        let start = self.begin(job, &task);
        self.looked.set(Duration::ZERO);
        self.running.set(Some(Running { job, lets_looks_in: task.lets_looks_in() }));
        let mut result = self.begins().and_then(|()| caught(|| jobs::run(self, job, task)));
        self.running.set(None);
        self.tell_remarks();
        if result.is_ok() {
            // nothing counts as done that is not written down
            result = self.emitter.settle().map_err(Stopped::from);
        }
        // what a look took is not the job's
        self.end(job, start.elapsed().saturating_sub(self.looked.get()), result);
    }

    fn begin(&self, job: JobId, task: &Task) -> Instant {
        self.emitter.tell(Event::Started { job, kind: task.kind(), title: task.title() });
        Instant::now()
    }

    /// Whether the running job may begin: what it tells can be written down, and it was not cancelled while it waited.
    fn begins(&self) -> Result<(), Stopped> {
        self.emitter.check()?;
        if self.is_cancelled() { Err(Error::Cancelled.into()) } else { Ok(()) }
    }

    fn end(&self, job: JobId, took: Duration, result: Result<(), Stopped>) {
        let outcome = match result {
            Ok(()) => Outcome::Done,
            Err(stopped) if stopped.error.is_cancelled() => Outcome::Cancelled { kept: stopped.kept },
            Err(Stopped { error, .. }) => failed(&error),
        };
        self.control.ended(job);
        self.emitter.tell(Event::Finished { job, outcome, seconds: took.as_secs_f64() });
    }

    /// Does something short that nobody waits for; a failure goes into the log.
    fn quietly(&mut self, body: impl FnOnce(&mut Self) -> Result<(), Error>) {
        let result = caught(|| body(self));
        self.log_failure(result);
    }

    fn log_failure(&self, result: Result<(), Error>) {
        if let Err(error) = result {
            self.emitter.log("engine", "error", error.to_string());
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
                tch::with_grad(|| self.look(look));
                self.running.set(Some(running));
                self.looked.set(self.looked.get() + start.elapsed());
            }
            if !self.control.is_paused(running.job) || self.is_cancelled() {
                return;
            }
            std::thread::sleep(GLANCE);
        }
    }

    /// Does what only looks at the model while a job stands still.
    fn look(&self, look: Command) {
        match look {
            Command::Predict { fact } => self.log_failure(caught(|| prediction::predict(self, &fact))),
            Command::Do { job, task } => {
                let start = self.begin(job, &task);
                self.running.set(Some(Running { job, lets_looks_in: false }));
                let result = self.begins().and_then(|()| caught(|| jobs::look(self, job, task)));
                self.end(job, start.elapsed(), result);
            }
            // no look
            _ => {}
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

/// Whether a command cannot be carried out without plugins.
fn needs_plugins(command: &Command) -> bool {
    match command {
        Command::Do { task, .. } => task.needs_plugins(),
        Command::Plugins => true,
        _ => false,
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

/// What `body` gives; an error where it panics.
fn caught<E: From<Error>>(body: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| Err(Error::panic(panic_text(&*panic)).into()))
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    locus_plugin::error::first_line(text.unwrap_or("without a message")).to_owned()
}
