//! The engine thread: takes one command after the other and never dies of one. What only looks at the model steps in
//! between two steps of a long job.

use crate::emitter::Emitter;
use crate::error::{Error, Stopped};
use crate::model::loaded::Loaded;
use crate::pace::{Pace, RunningJob};
use crate::worker::Worker;
use crate::{SessionOptions, gauge, inspecting, jobs};
use crossbeam_channel::{Receiver, bounded};
use locus_protocol::{Asked, Command, Control, Event, Inspect, JobId, LogLevel, OpenPlugins, Outcome, Task};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs until [`Command::Quit`] or until nobody can send any more.
pub fn run(options: SessionOptions, commands: &Receiver<Command>, emitter: Emitter, control: &Control) {
    emitter.hello(options.start.reproducible);
    let (stop, stopped) = bounded::<()>(0);
    let events = emitter.sender();
    let watcher = std::thread::Builder::new().name("memory".to_owned()).spawn(move || gauge::watch(&events, &stopped));
    let mut worker = Worker::new(options, Pace::new(emitter, commands, control, look));
    let opened = match worker.options.start.open_plugins {
        OpenPlugins::AtStart => worker.open_plugins(),
        OpenPlugins::WhenNeeded => worker.open_named(),
    };
    match opened {
        Ok(()) => worker.serve(),
        Err(error) => refuse_all(&worker.pace.emitter, commands, &error),
    }
    drop(stop);
    if let Ok(watcher) = watcher {
        let _ = watcher.join();
    }
}

/// Without plugins that were asked for no job is begun.
fn refuse_all(emitter: &Emitter, commands: &Receiver<Command>, error: &Error) {
    for command in commands {
        let outcome = error.outcome();
        match command {
            Command::Do { job, .. } => emitter.tell(Event::Finished { job, outcome, seconds: 0.0 }),
            Command::Plugins => emitter.tell(Event::Answered { order: Asked::Plugins, outcome }),
            Command::Inspect { .. } => emitter.tell(Event::Answered { order: Asked::Inspect, outcome }),
            Command::Quit => return,
            Command::Predict { .. } | Command::Drop { .. } => emitter.log("engine", LogLevel::Error, error.to_string()),
        }
    }
}

impl Worker<'_> {
    fn open_plugins(&mut self) -> Result<(), Error> {
        self.plugins_are_open = true;
        let (_, refused) = self.registry.scan();
        self.open_named()?;
        let Self { registry, pace, .. } = self;
        refused.into_iter().map(Event::PluginRefused).for_each(|event| pace.tell(event));
        for reason in registry.untrusted() {
            pace.log("plugins", LogLevel::Warning, reason.clone());
        }
        Ok(())
    }

    /// Opens those that were asked for by their files, beside what is open, and tells all of them.
    fn open_named(&mut self) -> Result<(), Error> {
        for file in &self.options.start.plugins {
            self.registry.add(file)?;
        }
        let Self { registry, pace, .. } = self;
        registry.plugins().into_iter().map(Event::Plugin).for_each(|event| pace.tell(event));
        pace.tell_remarks();
        Ok(())
    }

    fn serve(&mut self) {
        while let Some(command) = self.pace.orders.next() {
            if !self.plugins_are_open && needs_plugins(&command) {
                let opened = self.open_plugins();
                self.pace.log_failure(opened);
            }
            match command {
                Command::Quit => return,
                Command::Do { job, task } => self.carry_out(job, task),
                Command::Predict { fact } => self.pace.log_failure(caught(|| {
                    let loaded = self.ready()?;
                    jobs::predict(&self.pace.emitter, loaded, &fact)
                })),
                Command::Drop { tried } => {
                    self.variants.remove(&tried);
                }
                // they have been told when they were opened
                Command::Plugins => {
                    self.pace.tell(Event::Answered { order: Asked::Plugins, outcome: Outcome::Done });
                }
                Command::Inspect { what } => self.inspect(&what),
            }
        }
    }

    fn inspect(&self, what: &Inspect) {
        let looked = caught(|| inspecting::inspect(&self.pace.emitter, &self.options.cache, what));
        let outcome = looked.map_or_else(|error| error.outcome(), |()| Outcome::Done);
        self.pace.tell(Event::Answered { order: Asked::Inspect, outcome });
    }

    /// Runs a job and says how it ended.
    fn carry_out(&mut self, job: JobId, task: Task) {
        let start = self.pace.begin(job, &task);
        let mut result = self.pace.may_begin().and_then(|()| caught(|| jobs::run(self, job, task)));
        let looked = self.pace.stop();
        self.pace.tell_remarks();
        if result.is_ok() {
            // nothing counts as done that is not written down
            result = self.pace.emitter.settle().map_err(Stopped::from);
        }
        self.pace.end(job, start.elapsed().saturating_sub(looked), result);
    }
}

/// Does what only looks at the model while a job stands still.
fn look(pace: &Pace<'_>, loaded: &Loaded, look: Command) {
    match look {
        Command::Predict { fact } => {
            pace.log_failure(caught(|| jobs::predict(&pace.emitter, loaded, &fact)));
        }
        Command::Do { job, task } => {
            let start = pace.begin_look(job, &task);
            let running = RunningJob { number: job, loaded, pace };
            let result = pace.may_begin().and_then(|()| caught(|| jobs::look(running, task)));
            pace.end(job, start.elapsed(), result);
        }
        // no look
        _ => {}
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
