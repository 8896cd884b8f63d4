//! The running job: what it does, how far it is, how long it takes yet.

use locus_protocol::{JobId, JobKind, Phase};
use std::collections::VecDeque;
use std::time::Duration;

/// Reports that the time left is estimated from.
const RECENT: usize = 20;

/// The running job.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Its number.
    pub id: JobId,
    /// What it does.
    pub kind: JobKind,
    /// A few words.
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
    /// When it went on after it had stood by for a look.
    pub went_on: Option<Duration>,
    recent: VecDeque<(Duration, u64)>,
}

impl Job {
    /// A job that was ordered just now.
    #[must_use]
    pub fn new(id: JobId, kind: JobKind, title: String, now: Duration) -> Self {
        let recent = VecDeque::with_capacity(RECENT);
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
            went_on: None,
            recent,
        }
    }

    /// Notes that it goes on after it stood by: that time is none of its steps'.
    pub fn go_on(&mut self, now: Duration) {
        self.recent.clear();
        self.went_on = Some(now);
    }

    /// Notes a report.
    pub fn report(&mut self, phase: Phase, done: u64, total: u64, now: Duration) {
        if self.phase.as_ref() != Some(&phase) || done < self.done {
            self.recent.clear();
        }
        self.phase = Some(phase);
        (self.done, self.total) = (done, total);
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back((now, done));
    }

    /// Seconds that one step took of late.
    #[must_use]
    pub fn seconds_per_step(&self) -> Option<f64> {
        let ((first_time, first), (last_time, last)) = (*self.recent.front()?, *self.recent.back()?);
        let steps = last.checked_sub(first).filter(|steps| *steps > 0)?;
        #[expect(clippy::cast_precision_loss, reason = "counts of steps are small")]
        Some((last_time.saturating_sub(first_time)).as_secs_f64() / steps as f64)
    }

    /// Time that the phase takes yet, from its recent steps.
    #[must_use]
    pub fn time_left(&self, now: Duration) -> Option<Duration> {
        let left = self.total.checked_sub(self.done)?;
        let (last_time, _) = *self.recent.back()?;
        #[expect(clippy::cast_precision_loss, reason = "counts of steps are small")]
        let seconds = self.seconds_per_step()? * left as f64;
        let waited = now.saturating_sub(last_time).as_secs_f64();
        Duration::try_from_secs_f64((seconds - waited).max(0.0)).ok()
    }

    /// Share of the phase that is done, where it is known.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "shown as a percentage")]
        (self.total > 0).then(|| (self.done as f64 / self.total as f64).min(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::Job;
    use locus_protocol::{JobKind, Phase};
    use std::time::Duration;

    #[test]
    fn the_time_left_follows_the_recent_steps() {
        let mut job = Job::new(1, JobKind::Edit, "an edit".into(), Duration::ZERO);
        let phase = || Phase::Method("optimising".into());
        assert_eq!(job.time_left(Duration::ZERO), None);
        for step in 1..=5_u64 {
            job.report(phase(), step, 20, Duration::from_secs(2 * step));
        }
        let now = Duration::from_secs(10);
        assert_eq!(job.time_left(now), Some(Duration::from_secs(30)));
        assert_eq!(job.time_left(now + Duration::from_secs(1)), Some(Duration::from_secs(29)));
        job.report(Phase::Evaluation, 0, 3, now);
        assert_eq!(job.time_left(now), None, "a new phase starts anew");
    }
}
