//! Cancels and pauses jobs while they run.

use crate::JobId;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Which jobs are to stop and which are to wait where they are. Whoever orders jobs and the engine share one; the engine
/// looks at it in every step, with the number of the job whose step it is. As no two jobs have the same number, a wish that
/// comes too late for its job is none for another.
#[derive(Clone, Debug, Default)]
pub struct Control(Arc<Mutex<Wishes>>);

#[derive(Debug, Default)]
struct Wishes {
    cancelled: BTreeSet<JobId>,
    paused: BTreeSet<JobId>,
}

impl Control {
    /// Cancels a job: one that runs, one that waits, or a look between two steps of another job, which continues.
    pub fn cancel(&self, job: JobId) {
        self.wishes().cancelled.insert(job);
    }

    /// Pauses a job where it is, or resumes it.
    pub fn pause(&self, job: JobId, waits: bool) {
        let paused = &mut self.wishes().paused;
        if waits {
            paused.insert(job)
        } else {
            paused.remove(&job)
        };
    }

    /// Whether a job should stop.
    #[must_use]
    pub fn is_cancelled(&self, job: JobId) -> bool {
        self.wishes().cancelled.contains(&job)
    }

    /// Whether a job should pause.
    #[must_use]
    pub fn is_paused(&self, job: JobId) -> bool {
        self.wishes().paused.contains(&job)
    }

    /// Forgets the requests to a job that has ended.
    pub fn ended(&self, job: JobId) {
        let mut wishes = self.wishes();
        wishes.cancelled.remove(&job);
        wishes.paused.remove(&job);
    }

    fn wishes(&self) -> MutexGuard<'_, Wishes> {
        // a set is whole whatever became of the thread that had it
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::Control;
    use std::time::{Duration, Instant};

    #[test]
    fn a_wish_is_for_one_job_and_ends_with_it() {
        let control = Control::default();
        let other_end = control.clone();
        other_end.cancel(1);
        other_end.cancel(2);
        other_end.pause(2, true);
        assert!(control.is_cancelled(1) && control.is_cancelled(2), "two at once both hold");
        assert!(control.is_paused(2) && !control.is_paused(1) && !control.is_cancelled(3));
        control.ended(1);
        assert!(!other_end.is_cancelled(1) && other_end.is_cancelled(2));
        other_end.pause(2, false);
        assert!(!control.is_paused(2));
        // too late for its job, and no other one's matter
        control.ended(2);
        other_end.cancel(2);
        other_end.pause(2, true);
        assert!(!control.is_cancelled(3) && !control.is_paused(3));
    }

    #[test]
    fn cancellations_from_many_threads_all_hold_while_jobs_end() {
        let control = Control::default();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let control = control.clone();
                scope.spawn(move || (0..1000).for_each(|number| control.cancel(4 * number + thread)));
            }
            let control = control.clone();
            scope.spawn(move || (4000..5000).for_each(|job| control.ended(job)));
        });
        assert!((0..4000).all(|job| control.is_cancelled(job)) && !control.is_cancelled(4000));
    }

    #[test]
    fn a_step_can_look_at_it_for_nothing() {
        let control = Control::default();
        control.cancel(1);
        let start = Instant::now();
        let looks = 10_000;
        assert!((2..looks).all(|job| !control.is_cancelled(job)));
        // a step of the smallest model takes a millisecond
        assert!(
            start.elapsed() < Duration::from_micros(50) * u32::try_from(looks).expect("few"),
            "{:?}",
            start.elapsed()
        );
    }
}
