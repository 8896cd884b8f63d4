//! The running job: what it does, how far it is, how long it takes yet.

use super::pace::{Lap, Left, Pace};
use locus_protocol::{JobId, JobKind, Phase, Task};
use std::time::Duration;

/// The phase in which a method's steps come.
const OPTIMIZING: &str = "optimizing";

#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    pub id: JobId,
    pub kind: JobKind,
    pub title: String,
    /// When it was ordered.
    pub started: Duration,
    /// What it does now, once it has said so.
    pub phase: Option<Phase>,
    /// How much of the phase is done.
    pub done: u64,
    /// How much there is; 0 when nobody knows.
    pub total: u64,
    /// Whether it was told to stop.
    pub cancelling: bool,
    /// Whether it waits where it is until it is told to go on.
    pub paused: bool,
    /// When it began to stand by, if it does: until it goes on its time stands still.
    stands_since: Option<Duration>,
    /// When it went on after it had stood by for a trace.
    pub went_on: Option<Duration>,
    /// Steps that its method may take, where it has told.
    planned: u64,
    /// The last step of the round, and rounds of steps before it: a method may optimize several times.
    steps: Option<(u64, u64)>,
    pace: Pace,
}

impl Job {
    /// A job that was ordered just now.
    #[must_use]
    pub fn new(id: JobId, kind: JobKind, title: String, now: Duration) -> Self {
        Self {
            id,
            kind,
            title,
            started: now,
            phase: None,
            done: 0,
            total: 0,
            cancelling: false,
            paused: false,
            stands_since: None,
            went_on: None,
            planned: 0,
            steps: None,
            pace: Pace::default(),
        }
    }

    /// The same job, where it is known what an earlier one of its kind took.
    #[must_use]
    pub fn expecting(self, laps: Vec<Lap>) -> Self {
        Self { pace: Pace::new(laps), ..self }
    }

    /// Notes that it stands by for a look.
    pub fn stand_by(&mut self, now: Duration) {
        self.stands_since = Some(now);
    }

    /// Notes that it goes on after it stood by or paused: that time is none of its steps'.
    pub fn go_on(&mut self, now: Duration) {
        self.stands_since = None;
        self.pace.go_on(now);
    }

    /// Notes that it goes on after a trace had stepped in.
    pub fn go_on_after_a_trace(&mut self, now: Duration) {
        self.go_on(now);
        self.went_on = Some(now);
    }

    pub fn report(&mut self, phase: Phase, done: u64, total: u64, now: Duration) {
        self.pace.report(&phase, done, total, now);
        self.phase = Some(phase);
        (self.done, self.total) = (done, total);
    }

    /// Notes how many steps the method may take.
    pub fn plan(&mut self, steps: u64) {
        (self.planned, self.steps) = (steps, None);
    }

    /// Notes a step of the method, from 0, of those of one optimization.
    pub fn step(&mut self, step: u64, steps: u64, now: Duration) {
        // what is told after the last step is none
        if step >= steps {
            return;
        }
        let round = self.steps.map_or(0, |(last, round)| if step <= last { round + 1 } else { round });
        self.steps = Some((step, round));
        let done = (round * steps).saturating_add(step + 1);
        let total = self.planned.max((round + 1).saturating_mul(steps));
        self.report(Phase::Method(OPTIMIZING.to_owned()), done, total, now);
    }

    /// Whether it optimizes, so that its steps say how far it is.
    #[must_use]
    pub fn optimizes(&self) -> bool {
        matches!(&self.phase, Some(Phase::Method(name)) if name == OPTIMIZING)
    }

    /// Seconds that one step took of late.
    #[must_use]
    pub fn seconds_per_step(&self) -> Option<f64> {
        self.pace.seconds_per_step()
    }

    /// Time that it takes yet; none where nobody knows.
    #[must_use]
    pub fn left(&self, now: Duration) -> Option<Left> {
        self.pace.left(self.stands_since.unwrap_or(now), self.is_in_its_last_phase()).filter(|_| !self.paused)
    }

    /// Whether the phase that runs is the one that such jobs end with.
    fn is_in_its_last_phase(&self) -> bool {
        match (self.kind, &self.phase) {
            (_, None) => false,
            (JobKind::Load, Some(phase)) => *phase == Phase::Weights,
            (JobKind::Trace, Some(phase)) => *phase == Phase::Cells,
            // those of one phase
            (
                JobKind::SecondMoments
                | JobKind::Rescore
                | JobKind::LeaveOut
                | JobKind::Save
                | JobKind::Place
                | JobKind::Rates
                | JobKind::Reload,
                _,
            ) => true,
            _ => false,
        }
    }

    /// What its phases took, for later jobs of the same kind.
    #[must_use]
    pub fn laps(self, now: Duration) -> Vec<Lap> {
        let now = self.stands_since.unwrap_or(now);
        self.pace.laps(now)
    }

    /// Share of the phase that is done, where it is known.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "shown as a percentage")]
        (self.total > 0).then(|| (self.done as f64 / self.total as f64).min(1.0))
    }
}

/// What loads have in common, whatever model was there before.
pub const LOADS: &str = "load";

/// Jobs that take alike: the kind, and of an edit its method and how much it edits.
#[must_use]
pub fn likeness(task: &Task) -> String {
    match task {
        Task::Edit(order) => of_edit(order),
        Task::Try(attempt) => of_edit(&attempt.order),
        Task::Trace(order) => format!("trace {:?} {:?}", order.kind, order.intervention),
        Task::Load(load) => format!("{LOADS} {:?}", load.source),
        Task::Rescore(_) => "rescore".to_owned(),
        _ => String::new(),
    }
}

fn of_edit(order: &locus_protocol::EditOrder) -> String {
    let settings = serde_json::to_string(&order.method_settings).unwrap_or_default();
    format!("{} {} {} {} {settings}", order.method, order.objective, order.layers.len(), order.more.len())
}

#[cfg(test)]
mod tests {
    use super::Job;
    use locus_protocol::{JobKind, Phase};
    use std::time::Duration;

    #[test]
    fn the_steps_of_several_optimizations_count_together() {
        let mut job = Job::new(1, JobKind::Edit, "an edit".into(), Duration::ZERO);
        job.plan(60);
        let mut seen = Vec::new();
        for (number, step) in [0, 1, 2, 19, 0, 1].into_iter().enumerate() {
            job.step(step, 20, Duration::from_secs(number as u64));
            seen.push((job.done, job.total));
        }
        assert_eq!(seen, [(1, 60), (2, 60), (3, 60), (20, 60), (21, 60), (22, 60)]);
        job.report(Phase::Method("spreading over layers".into()), 1, 5, Duration::from_secs(9));
        job.step(20, 20, Duration::from_secs(10));
        assert_eq!((job.done, job.total), (1, 5), "what a method tells after its last step is no step");
    }
}
