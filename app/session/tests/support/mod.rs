//! A session on the built-in model, as a test drives it.

#![allow(dead_code)] // every test binary uses a part of it

use locus_plugin_host::SearchPaths;
use locus_protocol::{Command, Event, Fact, ModelSource, Outcome};
use locus_protocol::{DeviceRequest, Load, Start, StepRows, Task};
use locus_session::{Handles, SessionOptions};

/// A session with the built-in model and the plugins beside the test.
pub struct Session {
    /// Commands and events.
    pub handles: Handles,
    /// The built-in facts.
    pub facts: Vec<Fact>,
    next: u64,
    /// Where the session keeps what it makes.
    pub cache: tempfile::TempDir,
}

impl Session {
    /// Starts one and loads the model.
    pub fn open() -> Self {
        Self::open_with(|_| {}).0
    }

    /// The same with changed options, and what was told while the model was loaded.
    pub fn open_with(change: impl FnOnce(&mut SessionOptions)) -> (Self, Vec<Event>) {
        tch::set_num_threads(1);
        let cache = tempfile::tempdir().expect("cache");
        let test = std::env::current_exe().expect("test");
        let search = SearchPaths::new(test.parent(), None, None, &[]);
        let start =
            Start { device: DeviceRequest::Cpu, threads: Some(1), step_rows: StepRows::All, ..Start::default() };
        let mut options = SessionOptions::new(start, cache.path().to_owned(), search);
        change(&mut options);
        let handles = locus_session::start(options).expect("session");
        let mut session = Self { handles, facts: Vec::new(), next: 0, cache };
        let events = session.done(Load { source: ModelSource::BuiltIn });
        for event in &events {
            match event {
                Event::Facts { facts, .. } => session.facts = facts.clone(),
                Event::Model(model) => {
                    assert!(model.probe.deviation == 0.0, "taps change the model: {model:?}");
                    assert!(!model.fingerprint.is_empty(), "{model:?}");
                }
                _ => {}
            }
        }
        (session, events)
    }

    /// Runs a job: what was told meanwhile, and how it ended.
    pub fn job(&mut self, task: impl Into<Task>) -> (Vec<Event>, Outcome) {
        let id = self.next;
        self.next += 1;
        self.handles.commands.send(Command::start(id, task)).expect("engine");
        let mut events = Vec::new();
        loop {
            match self.handles.events.recv().expect("engine") {
                Event::Finished { job, outcome, .. } if job == id => return (events, outcome),
                event => events.push(event),
            }
        }
    }

    /// Runs a job that has to end well.
    pub fn done(&mut self, task: impl Into<Task>) -> Vec<Event> {
        let (events, outcome) = self.job(task);
        assert_eq!(outcome, Outcome::Done);
        events
    }
}
