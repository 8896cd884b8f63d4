//! The host's services with somebody who counts them, and who cancels after a while.

use locus_plugin::call::{Answer, Arguments};
use locus_plugin::services::name;
use locus_plugin::{Error, Host, Level, Result, StepReport};
use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

/// When a trial is canceled.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limit {
    /// After this many reports.
    pub reports: Option<usize>,
    /// After this many calls of services.
    pub services: Option<usize>,
    /// After this much time.
    pub time: Option<Duration>,
}

/// Services that are watched.
pub struct Watch<'a> {
    inner: &'a dyn Host,
    limit: Limit,
    /// Whether the trial is over.
    over: &'a Cell<bool>,
    /// Whether the user wants to stop all of it.
    user: &'a dyn Fn() -> bool,
    started: Instant,
    services: Cell<usize>,
    cancelled_at: Cell<Option<Instant>>,
    seen: RefCell<Seen>,
}

/// What was seen of a trial.
#[derive(Debug, Default)]
pub struct Seen {
    /// Reports that were taken.
    pub reports: Vec<StepReport>,
    /// What was said of a report that was refused.
    pub refused_report: Option<String>,
    /// How long it went on after the cancellation.
    pub went_on: Duration,
    /// Whether it was canceled.
    pub cancelled: bool,
}

impl<'a> Watch<'a> {
    /// Watches the services of `inner`, which is canceled once the trial is `over`.
    pub fn new(inner: &'a dyn Host, limit: Limit, over: &'a Cell<bool>, user: &'a dyn Fn() -> bool) -> Self {
        Self {
            inner,
            limit,
            over,
            user,
            started: Instant::now(),
            services: Cell::new(0),
            cancelled_at: Cell::new(None),
            seen: RefCell::default(),
        }
    }

    /// What was seen, once the plugin has returned.
    pub fn finish(self) -> Seen {
        let mut seen = self.seen.into_inner();
        if let Some(at) = self.cancelled_at.get() {
            (seen.cancelled, seen.went_on) = (true, at.elapsed());
        }
        seen
    }

    /// Counts a service that begins, and cancels if the time is up.
    fn begin(&self) {
        self.services.set(self.services.get() + 1);
        let late = self.limit.time.is_some_and(|time| self.started.elapsed() >= time);
        if late || (self.user)() {
            self.cancel();
        }
    }

    /// A service has ended.
    fn end(&self) {
        let reports = self.seen.borrow().reports.len();
        let enough = |limit: Option<usize>, count: usize| limit.is_some_and(|limit| count >= limit);
        if enough(self.limit.reports, reports) || enough(self.limit.services, self.services.get()) {
            self.cancel();
        }
    }

    fn cancel(&self) {
        if self.cancelled_at.get().is_none() {
            self.cancelled_at.set(Some(Instant::now()));
            self.over.set(true);
        }
    }
}

impl Host for Watch<'_> {
    fn call(&self, service: &str, arguments: Arguments<'_>) -> Result<Answer> {
        // no work of the host's: it does not count
        if service == name::RELEASE_SUFFIX {
            return self.inner.call(service, arguments);
        }
        self.begin();
        let answer = self.inner.call(service, arguments);
        if service == name::REPORT {
            match &answer {
                Ok(_) => self.seen.borrow_mut().reports.extend(arguments.read::<StepReport>()),
                Err(Error::Cancelled) => {}
                Err(error) => self.seen.borrow_mut().refused_report = Some(error.to_string()),
            }
        }
        self.end();
        answer
    }

    fn log(&self, level: Level, text: &str) {
        self.inner.log(level, text);
    }

    fn cancelled(&self) -> bool {
        self.inner.cancelled()
    }
}
