//! The engine thread: takes one command after the other and never dies of one.

use crate::Options;
use crate::emitter::Emitter;
use crate::error::Error;
use crate::loading::Loaded;
use crate::variants::{self, Variant};
use crate::{
    averaging, conformance, editing, evaluating, history, loading, memory, moments, operations, prediction, reloading,
    rescoring, saving, tracing,
};
use crossbeam_channel::{Receiver, bounded};
use locus_plugin_host::Registry;
use locus_protocol::{Command, Event, Fact, JobId, JobKind, Outcome};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
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
    /// Set to stop the running job.
    pub cancel: &'a AtomicBool,
    /// Set to have the running job wait where it is.
    pub pause: &'a AtomicBool,
    /// Threads that libtorch takes by itself.
    pub all_threads: i32,
    /// The model, once there is one.
    pub loaded: Option<Loaded>,
    /// Edits of that model that were tried and are not in place, by the jobs that tried them.
    pub variants: BTreeMap<JobId, Variant>,
    /// The journal of operations, where the session uses it.
    pub operations: Option<operations::Recorder>,
}

/// Runs until [`Command::Quit`] or until nobody can send any more.
pub fn run(options: Options, commands: &Receiver<Command>, emitter: Emitter, cancel: &AtomicBool, pause: &AtomicBool) {
    emitter.hello();
    let (stop, stopped) = bounded::<()>(0);
    let events = emitter.sender();
    let watcher = std::thread::Builder::new().name("memory".to_owned()).spawn(move || memory::watch(&events, &stopped));
    let registry = Registry::new(options.search.clone());
    let operations = options.operations.as_ref().map(operations::Recorder::new);
    let mut worker = Worker {
        options,
        registry,
        emitter,
        cancel,
        pause,
        all_threads: tch::get_num_threads(),
        loaded: None,
        variants: BTreeMap::new(),
        operations,
    };
    match worker.open_plugins() {
        Ok(()) => worker.serve(commands),
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
        match command.job() {
            Some(job) => {
                let outcome = Outcome::Failed { error: error.to_string(), blame: error.blame() };
                emitter.tell(Event::Finished { job, outcome, seconds: 0.0 });
            }
            None if command == Command::Quit => return,
            None => emitter.log("engine", "error", error.to_string()),
        }
    }
}

impl Worker<'_> {
    fn open_plugins(&mut self) -> Result<(), Error> {
        let (_, refused) = self.registry.scan();
        for file in &self.options.plugins {
            self.registry.add(file)?;
        }
        self.registry.plugins().into_iter().map(Event::Plugin).for_each(|event| self.emitter.tell(event));
        refused.into_iter().map(Event::PluginRefused).for_each(|event| self.emitter.tell(event));
        Ok(())
    }

    fn serve(&mut self, commands: &Receiver<Command>) {
        let mut waiting: Option<Command> = None;
        while let Some(command) = waiting.take().or_else(|| commands.recv().ok()) {
            match command {
                Command::Quit => return,
                Command::Predict { fact } => {
                    // a newer request replaces an older one that waits
                    let (fact, next) = newest_prediction(fact, commands);
                    waiting = next;
                    self.quietly(|worker| prediction::predict(worker, &fact));
                }
                Command::Load { job, source } => {
                    self.job(job, JobKind::Load, loading::title(&source), |worker| loading::load(worker, job, &source));
                }
                Command::Trace { job, order } => {
                    let title = format!("tracing “{}”", order.fact.prompt());
                    self.job(job, JobKind::Trace, title, |worker| tracing::trace(worker, job, order));
                }
                Command::AverageTraces { job, order } => {
                    let title = format!("tracing {} facts", order.facts.len());
                    self.job(job, JobKind::Trace, title, |worker| averaging::average(worker, job, &order));
                }
                Command::Edit { job, order } => {
                    let title = format!("{} for “{}”", order.method, order.fact.prompt());
                    self.job(job, JobKind::Edit, title, |worker| editing::edit(worker, job, order));
                }
                Command::Try { job, order } => {
                    let title = format!("trying {} for “{}”", order.method, order.fact.prompt());
                    self.job(job, JobKind::Try, title, |worker| variants::attempt(worker, job, *order));
                }
                Command::Keep { job, tried } => {
                    let title = "putting a variant in place".to_owned();
                    self.job(job, JobKind::Edit, title, |worker| variants::keep(worker, job, tried));
                }
                Command::Drop { tried } => {
                    self.variants.remove(&tried);
                }
                Command::Evaluate { job, order } => {
                    let title = evaluating::title(&order);
                    self.job(job, JobKind::Evaluate, title, |worker| evaluating::evaluate(worker, job, order));
                }
                Command::Place { job, in_place, taken_back } => {
                    let title = "putting edits in place".to_owned();
                    self.job(job, JobKind::Place, title, |worker| operations::place(worker, in_place, taken_back));
                }
                Command::Rescore { job } => {
                    let title = "scoring the edits in place".to_owned();
                    self.job(job, JobKind::Rescore, title, |worker| rescoring::rescore(worker, job));
                }
                Command::Save { job, target } => {
                    self.job(job, JobKind::Save, "writing".to_owned(), |worker| saving::save(worker, job, &target));
                }
                Command::SecondMoments { job, task } => {
                    let title = moments::title(&task);
                    self.job(job, JobKind::SecondMoments, title, |worker| moments::run(worker, job, task));
                }
                Command::CheckPlugin { job, file, edits } => {
                    let title = format!("checking {}", file.display());
                    self.job(job, JobKind::Check, title, |worker| conformance::check(worker, job, &file, edits));
                }
                Command::ReloadPlugin { job, file } => {
                    let title = format!("loading {}", file.display());
                    self.job(job, JobKind::Reload, title, |worker| reloading::reload(worker, job, &file));
                }
                Command::Undo => self.quietly(|worker| history::undo(worker)),
                Command::UndoOne { edit } => self.quietly(|worker| history::undo_one(worker, edit)),
                Command::Redo => self.quietly(|worker| history::redo(worker)),
            }
        }
    }

    /// Runs a job and says how it ended. `body` says what is kept when it is cancelled.
    fn job(&mut self, job: JobId, kind: JobKind, title: String, body: impl FnOnce(&mut Self) -> Result<(), Stopped>) {
        let start = Instant::now();
        self.emitter.tell(Event::Started { job, kind, title });
        let result = catch_unwind(AssertUnwindSafe(|| body(self)))
            .unwrap_or_else(|panic| Err(Error::Panic(panic_text(&*panic)).into()));
        let outcome = match result {
            Ok(()) => Outcome::Done,
            Err(stopped) if stopped.error.is_cancelled() => Outcome::Cancelled { kept: stopped.kept },
            Err(Stopped { error, .. }) => Outcome::Failed { error: error.to_string(), blame: error.blame() },
        };
        self.cancel.store(false, Ordering::Relaxed);
        self.pause.store(false, Ordering::Relaxed);
        self.emitter.tell(Event::Finished { job, outcome, seconds: start.elapsed().as_secs_f64() });
    }

    /// Does something short that is no job; a failure goes into the log.
    fn quietly(&mut self, body: impl FnOnce(&mut Self) -> Result<(), Error>) {
        let result = catch_unwind(AssertUnwindSafe(|| body(self)))
            .unwrap_or_else(|panic| Err(Error::Panic(panic_text(&*panic))));
        if let Err(error) = result {
            self.emitter.log("engine", "error", error.to_string());
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

    /// Waits as long as the job is to pause.
    pub fn pause_here(&self) {
        while self.pause.load(Ordering::Relaxed) && !self.cancel.load(Ordering::Relaxed) {
            std::thread::sleep(GLANCE);
        }
    }

    /// The engine's error once the user has cancelled. A job that is to pause waits here.
    pub fn check_cancel(&self) -> locus_engine::Result<()> {
        self.pause_here();
        if self.cancel.load(Ordering::Relaxed) { Err(locus_engine::Error::Cancelled) } else { Ok(()) }
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

/// Skips predictions that a newer one replaces; the second value is a command of another kind that came after.
fn newest_prediction(mut fact: Fact, commands: &Receiver<Command>) -> (Fact, Option<Command>) {
    while let Ok(next) = commands.try_recv() {
        match next {
            Command::Predict { fact: newer } => fact = newer,
            other => return (fact, Some(other)),
        }
    }
    (fact, None)
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    locus_plugin::error::first_line(text.unwrap_or("without a message")).to_owned()
}
