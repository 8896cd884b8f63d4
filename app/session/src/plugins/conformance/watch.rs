//! The host's services with somebody who counts them, and who cancels after a while.

use locus_plugin::{
    Cells, Error, Host, Level, ModelInfo, NoisedSubject, PromptTokens, Reduction, Result, SampleRequest, StepReport,
    Suffix, SuffixOutput, SuffixRequest,
};
use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};
use tch::Tensor;

/// When a trial is cancelled.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limit {
    /// After so many reports.
    pub reports: Option<usize>,
    /// After so many services.
    pub services: Option<usize>,
    /// After that long.
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
    /// Whether it was cancelled.
    pub cancelled: bool,
}

impl<'a> Watch<'a> {
    /// Watches the services of `inner`, which is cancelled once the trial is `over`.
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

    /// A service begins.
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

    fn watched<T>(&self, service: impl FnOnce(&dyn Host) -> Result<T>) -> Result<T> {
        self.begin();
        let answer = service(self.inner);
        self.end();
        answer
    }
}

impl Host for Watch<'_> {
    fn report(&self, report: &StepReport) -> Result<()> {
        self.begin();
        let answer = self.inner.report(report);
        match &answer {
            Ok(()) => self.seen.borrow_mut().reports.push(report.clone()),
            Err(Error::Cancelled) => {}
            Err(error) => self.seen.borrow_mut().refused_report = Some(error.to_string()),
        }
        self.end();
        answer
    }

    fn progress(&self, phase: &str, done: u64, total: u64) -> Result<()> {
        self.watched(|host| host.progress(phase, done, total))
    }

    fn log(&self, level: Level, text: &str) {
        self.inner.log(level, text);
    }

    fn cancelled(&self) -> bool {
        self.inner.cancelled()
    }

    fn checkpoint(&self) -> Result<()> {
        self.watched(|host| host.checkpoint())
    }

    fn model(&self) -> Result<ModelInfo> {
        self.watched(|host| host.model())
    }

    fn tokenize(&self, text: &str, start: bool) -> Result<Vec<i64>> {
        self.watched(|host| host.tokenize(text, start))
    }

    fn tokenize_prompt(&self, template: &str, subject: &str, target: &str) -> Result<PromptTokens> {
        self.watched(|host| host.tokenize_prompt(template, subject, target))
    }

    fn detokenize(&self, ids: &[i64]) -> Result<String> {
        self.watched(|host| host.detokenize(ids))
    }

    fn replace_parameters(&self, parameters: &[(String, Tensor)]) -> Result<()> {
        self.watched(|host| host.replace_parameters(parameters))
    }

    fn parameter(&self, name: &str) -> Result<Tensor> {
        self.watched(|host| host.parameter(name))
    }

    fn capture_of(&self, facts: &[usize], rows: &[Vec<i64>], cells: &[Cells]) -> Result<Vec<Tensor>> {
        self.watched(|host| host.capture_of(facts, rows, cells))
    }

    fn prepare_suffix(&self, request: &SuffixRequest) -> Result<Suffix> {
        self.watched(|host| host.prepare_suffix(request))
    }

    fn run_suffix(&self, suffix: Suffix, added: &[Tensor], parameters: &[Tensor]) -> Result<SuffixOutput> {
        self.watched(|host| host.run_suffix(suffix, added, parameters))
    }

    fn release_suffix(&self, suffix: Suffix) -> Result<()> {
        // no work of the host's: it does not count
        self.inner.release_suffix(suffix)
    }

    fn solve_second_moment(&self, layer: usize, keys: &Tensor) -> Result<Tensor> {
        self.watched(|host| host.solve_second_moment(layer, keys))
    }

    fn second_moment(&self, layer: usize) -> Result<Tensor> {
        self.watched(|host| host.second_moment(layer))
    }

    fn noised_prediction(&self, prompt: &str, subject: &NoisedSubject) -> Result<Tensor> {
        self.watched(|host| host.noised_prediction(prompt, subject))
    }

    fn sample(&self, request: &SampleRequest) -> Result<Vec<String>> {
        self.watched(|host| host.sample(request))
    }

    fn objective_loss(&self, log_probabilities: &Tensor, reduction: Reduction) -> Result<Tensor> {
        self.watched(|host| host.objective_loss(log_probabilities, reduction))
    }
}
