//! The engine without a terminal in front of it.

use crate::{Home, program};
use locus_plugin_host::SearchPaths;
use locus_protocol::{Command, Event, JobId, ModelSource, Outcome};
use locus_protocol::{DeviceRequest, Load, Start, Task};
use locus_session::{Handles, SessionOptions};
use std::time::Duration;

/// Longest wait for an event. It only keeps a test from hanging.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running engine with the built-in model and the plugins beside the program.
pub struct Session {
    /// Its ends.
    pub handles: Handles,
    next: JobId,
}

impl Session {
    /// Starts it on the processor with one thread, and with what else `options` says, and loads the built-in model. Gives
    /// what was told meanwhile.
    ///
    /// # Panics
    /// It cannot be started, or the model cannot be loaded.
    #[must_use]
    pub fn start(home: &Home, options: impl FnOnce(SessionOptions) -> SessionOptions) -> (Self, Vec<Event>) {
        let folder = program().parent().map(std::path::Path::to_owned);
        let search = SearchPaths::new(folder.as_deref(), None, None, &[]);
        let start = Start { device: DeviceRequest::Cpu, threads: Some(1), ..Start::default() };
        let usual = SessionOptions::new(start, home.cache(), search);
        let handles = locus_session::start(options(usual)).expect("a session");
        let mut session = Self { handles, next: 0 };
        let (outcome, told) = session.job(Load { source: ModelSource::BuiltIn });
        assert_eq!(outcome, Outcome::Done);
        (session, told)
    }

    /// Gives an order.
    ///
    /// # Panics
    /// The engine has ended.
    pub fn send(&self, command: Command) {
        self.handles.commands.send(command).expect("the engine listens");
    }

    /// The next event.
    ///
    /// # Panics
    /// The engine hangs or has ended.
    #[must_use]
    pub fn receive(&self) -> Event {
        let event = self.handles.events.recv_timeout(PATIENCE);
        event.unwrap_or_else(|error| panic!("the engine hangs or has ended: {error}"))
    }

    /// The number that the next job gets.
    #[must_use]
    pub fn next(&self) -> JobId {
        self.next + 1
    }

    /// Runs a job; its outcome and everything that was told.
    ///
    /// # Panics
    /// The engine hangs or has ended.
    pub fn job(&mut self, task: impl Into<Task>) -> (Outcome, Vec<Event>) {
        self.next += 1;
        let id = self.next;
        self.send(Command::start(id, task));
        let mut told = Vec::new();
        loop {
            match self.receive() {
                Event::Finished { job, outcome, .. } if job == id => return (outcome, told),
                event => told.push(event),
            }
        }
    }

    /// Ends it.
    ///
    /// # Panics
    /// It does not end well.
    pub fn end(self) {
        self.send(Command::Quit);
        while self.handles.events.recv().is_ok() {}
        self.handles.thread.join().expect("the engine ends");
    }
}
