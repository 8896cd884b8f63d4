//! The engine thread: takes one command after the other and never dies of one. What only looks at the model steps in
//! between two steps of a long job.

use crate::emitter::Emitter;
use crate::error::Error;
use crate::worker::{Running, Stopped, Worker};
use crate::{Options, gauge, inspecting, jobs};
use crossbeam_channel::{Receiver, bounded};
use locus_protocol::{Asked, Command, Control, Event, JobId, OpenPlugins, Outcome, Task};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// Runs until [`Command::Quit`] or until nobody can send any more.
pub fn run(options: Options, commands: &Receiver<Command>, emitter: Emitter, control: &Control) {
    emitter.hello(options.reproducible);
    let (stop, stopped) = bounded::<()>(0);
    let events = emitter.sender();
    let watcher = std::thread::Builder::new().name("memory".to_owned()).spawn(move || gauge::watch(&events, &stopped));
    let mut worker = Worker::new(options, commands, emitter, control, |worker, look| worker.look(look));
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

    fn serve(&mut self) {
        while let Some(command) = self.orders.next() {
            if !self.plugins_are_open && needs_plugins(&command) {
                let opened = self.open_plugins();
                self.log_failure(opened);
            }
            match command {
                Command::Quit => return,
                Command::Do { job, task } => self.job(job, task),
                Command::Predict { fact } => self.quietly(|worker| jobs::predict(worker, &fact)),
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

    /// Does what only looks at the model while a job stands still.
    fn look(&self, look: Command) {
        match look {
            Command::Predict { fact } => self.log_failure(caught(|| jobs::predict(self, &fact))),
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
}

/// Whether a command cannot be carried out without plugins.
fn needs_plugins(command: &Command) -> bool {
    match command {
        Command::Do { task, .. } => task.needs_plugins(),
        Command::Plugins => true,
        _ => false,
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
