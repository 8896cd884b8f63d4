//! Jobs that wait for the engine, and those that have ended. The engine does one after the other.

use super::{Job, State};
use crate::input::Effect;
use locus_protocol::{Command, JobId, JobKind, Outcome};
use std::collections::VecDeque;

/// Ended jobs that are remembered.
const REMEMBERED: usize = 200;

/// A job as it was ordered.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// Its number.
    pub job: JobId,
    /// What it does.
    pub kind: JobKind,
    /// A few words.
    pub title: String,
    /// What the engine is told.
    pub command: Command,
}

/// A job that has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// The job.
    pub order: Order,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took.
    pub seconds: f64,
}

/// The jobs besides [`State::job`], the running one.
#[derive(Clone, Debug, Default)]
pub struct Jobs {
    /// The order of the running job.
    pub running: Option<Order>,
    /// Those that wait, the next one first.
    pub waiting: VecDeque<Order>,
    /// Those that have ended, the oldest first.
    pub ended: VecDeque<Ended>,
}

impl Jobs {
    /// Whether a job waits.
    #[must_use]
    pub fn waits(&self, job: JobId) -> bool {
        self.waiting.iter().any(|order| order.job == job)
    }

    /// Takes a waiting job out of the queue.
    pub fn drop_waiting(&mut self, job: JobId) -> Option<Order> {
        let place = self.waiting.iter().position(|order| order.job == job)?;
        self.waiting.remove(place)
    }
}

impl State {
    /// Orders a job: it begins now, or when those that were ordered before have ended.
    pub fn order(&mut self, kind: JobKind, title: String, command: impl FnOnce(JobId) -> Command) -> Vec<Effect> {
        self.last_job += 1;
        let job = self.last_job;
        let order = Order { job, kind, title, command: command(job) };
        let mut effects = self.announce(job, &order.command);
        if self.job.is_some() {
            self.jobs.waiting.push_back(order);
        } else {
            effects.extend(self.start(order));
        }
        effects
    }

    /// Has the panes expect what a job is going to tell.
    fn announce(&mut self, job: JobId, command: &Command) -> Vec<Effect> {
        match command {
            Command::Trace { order, .. } => self.traces.ordered = Some((job, order.clone())),
            Command::Edit { order, .. } => self.edits.order(job, order.clone()),
            Command::Try { order, .. } => {
                let forgotten = self.compare.begin(job, order, self.edits.numbers());
                let forget = |tried| Effect::Send(Box::new(Command::Drop { tried }));
                return forgotten.into_iter().map(forget).collect();
            }
            _ => {}
        }
        Vec::new()
    }

    /// Takes a job that waits out of the queue.
    pub fn drop_waiting(&mut self, job: JobId) {
        if self.jobs.drop_waiting(job).is_some() {
            self.compare.forget(job);
        }
    }

    /// Starts the next job that waits, unless one runs.
    pub fn start_next(&mut self) -> Vec<Effect> {
        if self.job.is_some() || self.engine.gone {
            return Vec::new();
        }
        self.jobs.waiting.pop_front().map_or_else(Vec::new, |order| self.start(order))
    }

    /// Orders a job that has ended once more.
    pub fn order_again(&mut self, ended: &Order) -> Vec<Effect> {
        let command = ended.command.clone();
        self.order(ended.kind, ended.title.clone(), |job| command.with_job(job))
    }

    /// Remembers how the running job ended.
    pub fn remember(&mut self, job: JobId, outcome: &Outcome, seconds: f64) {
        let Some(order) = self.jobs.running.take_if(|order| order.job == job) else { return };
        if self.jobs.ended.len() == REMEMBERED {
            self.jobs.ended.pop_front();
        }
        self.jobs.ended.push_back(Ended { order, outcome: outcome.clone(), seconds });
    }

    fn start(&mut self, order: Order) -> Vec<Effect> {
        self.notices.clear();
        self.job = Some(Job::new(order.job, order.kind, order.title.clone(), self.now));
        let effect = Effect::Send(Box::new(order.command.clone()));
        self.jobs.running = Some(order);
        vec![effect]
    }
}
