//! How long a job takes yet: from the steps of the phase that runs, and from what the phases of an earlier job of the same
//! kind took. Time is an input; what is not known is no number.

use crate::looks::ahead;
use locus_protocol::Phase;
use std::collections::VecDeque;
use std::time::Duration;

/// Reports that the pace of late is taken from.
const RECENT: usize = 20;
/// How many times as long as the steps before it a step may take until nothing can be said of the phase.
const OVERDUE: f64 = 2.0;
/// Seconds that it may take in any case.
const SPARE: f64 = 1.0;

/// A phase that is over, or expected.
#[derive(Clone, Debug, PartialEq)]
pub struct Lap {
    pub phase: Phase,
    /// How much of it there was; 0 where nobody knew.
    pub total: u64,
    /// How long it took.
    pub seconds: f64,
}

/// How long it takes yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    pub time: Duration,
    /// Whether it is that of the whole job, and not of the phase alone.
    pub is_whole: bool,
}

/// How long something takes yet, in words where nobody knows.
#[must_use]
pub fn time_left(left: Option<Left>) -> String {
    let Some(Left { time, is_whole }) = left else { return "time left unknown".to_owned() };
    let time = ahead(time);
    if is_whole { format!("{time} left") } else { format!("{time} left of this phase") }
}

/// The phase that runs.
#[derive(Clone, Debug, PartialEq)]
struct Running {
    phase: Phase,
    began: Duration,
    /// What was done of it when it was told first.
    first: u64,
    done: u64,
    total: u64,
    recent: VecDeque<(Duration, u64)>,
}

/// The pace of a job.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pace {
    running: Option<Running>,
    laps: Vec<Lap>,
    /// What an earlier job of the same kind took.
    expected: Vec<Lap>,
    /// Whether it stood still for a while, so that its times say nothing to later jobs.
    stood_still: bool,
}

impl Pace {
    /// A job that begins, with what an earlier one of the same kind took.
    #[must_use]
    pub fn new(expected: Vec<Lap>) -> Self {
        Self { expected, ..Self::default() }
    }

    pub fn report(&mut self, phase: &Phase, done: u64, total: u64, now: Duration) {
        let goes_on = |running: &&mut Running| running.phase == *phase && done >= running.done;
        match self.running.as_mut().filter(goes_on) {
            Some(running) => (running.done, running.total) = (done, total),
            None => {
                self.close(now);
                let recent = VecDeque::with_capacity(RECENT);
                self.running = Some(Running { phase: phase.clone(), began: now, first: done, done, total, recent });
            }
        }
        if let Some(running) = &mut self.running {
            if running.recent.len() == RECENT {
                running.recent.pop_front();
            }
            running.recent.push_back((now, done));
        }
    }

    fn close(&mut self, now: Duration) {
        if let Some(Running { phase, began, total, .. }) = self.running.take() {
            self.laps.push(Lap { phase, total, seconds: now.saturating_sub(began).as_secs_f64() });
        }
    }

    /// Notes that it goes on after it stood still: that time is none of its steps'.
    pub fn go_on(&mut self, now: Duration) {
        self.stood_still = true;
        if let Some(running) = &mut self.running {
            (running.began, running.first) = (now, running.done);
            running.recent.clear();
            running.recent.push_back((now, running.done));
        }
    }

    /// What its phases took, for later jobs of the same kind; nothing where they say nothing.
    #[must_use]
    pub fn laps(mut self, now: Duration) -> Vec<Lap> {
        self.close(now);
        if self.stood_still { Vec::new() } else { self.laps }
    }

    /// Seconds that one step took of late.
    #[must_use]
    pub fn seconds_per_step(&self) -> Option<f64> {
        let running = self.running.as_ref()?;
        let ((first_time, first), (last_time, last)) = (*running.recent.front()?, *running.recent.back()?);
        per_step(last_time.saturating_sub(first_time), last.checked_sub(first)?)
    }

    /// Time left; none where it is not known. `is_last` says that no phase comes after the one that runs.
    #[must_use]
    pub fn left(&self, now: Duration, is_last: bool) -> Option<Left> {
        let running = self.running.as_ref()?;
        let expected = self.place();
        let counted = self.left_by_steps(running, now);
        let by_lap = || {
            let lap = self.expected.get(expected?)?;
            let seconds = scaled(lap, running.total) - now.saturating_sub(running.began).as_secs_f64();
            // it takes longer than expected, and nobody knows how long
            (seconds > 0.0).then_some(seconds)
        };
        let phase = counted.or_else(by_lap)?;
        let later = expected.map(|place| self.expected[place + 1..].iter().map(|lap| lap.seconds).sum::<f64>());
        let time = Duration::try_from_secs_f64(phase + later.unwrap_or(0.0)).ok()?;
        Some(Left { time, is_whole: later.is_some() || is_last })
    }

    /// The place of the phase that runs among those that are expected.
    fn place(&self) -> Option<usize> {
        let running = self.running.as_ref()?;
        let mut from = 0;
        for phase in self.laps.iter().map(|lap| &lap.phase).chain([&running.phase]) {
            // what came unexpected leaves the others where they are
            if let Some(place) = self.expected[from..].iter().position(|lap| lap.phase == *phase) {
                from += place + 1;
            } else if *phase == running.phase {
                return None;
            }
        }
        from.checked_sub(1)
    }

    /// Seconds that the phase takes yet, from its steps so far: as fast as of late and as on the whole, half and half.
    fn left_by_steps(&self, running: &Running, now: Duration) -> Option<f64> {
        let left = running.total.checked_sub(running.done).filter(|left| *left > 0)?;
        let (last_time, _) = *running.recent.back()?;
        let whole = per_step(last_time.saturating_sub(running.began), running.done.checked_sub(running.first)?)?;
        let each = f64::midpoint(self.seconds_per_step().unwrap_or(whole), whole);
        let waited = now.saturating_sub(last_time).as_secs_f64();
        if waited > OVERDUE * each + SPARE {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "counts of steps are small")]
        Some((each * left as f64 - waited).max(each / 2.0))
    }
}

fn per_step(time: Duration, steps: u64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "counts of steps are small")]
    (steps > 0 && !time.is_zero()).then(|| time.as_secs_f64() / steps as f64)
}

/// What a phase of this size is expected to take.
fn scaled(lap: &Lap, total: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts of steps are small")]
    if lap.total > 0 && total > 0 { lap.seconds * total as f64 / lap.total as f64 } else { lap.seconds }
}

#[cfg(test)]
mod tests {
    use super::{Lap, Left, Pace};
    use locus_protocol::Phase;
    use std::time::Duration;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    fn method(name: &str) -> Phase {
        Phase::Method(name.into())
    }

    /// Twenty steps of two seconds, then three layers of ten seconds, then a measurement of five that nobody counts.
    fn run(pace: &mut Pace, look: &mut dyn FnMut(&Pace, u64)) {
        for now in 0..=75 {
            match now {
                0..40 if now % 2 == 0 => pace.report(&method("optimizing"), now / 2, 20, seconds(now)),
                40 | 50 | 60 => pace.report(&method("spreading"), (now - 40) / 10, 3, seconds(now)),
                70 => pace.report(&Phase::Evaluation, 0, 1, seconds(now)),
                _ => {}
            }
            look(pace, now);
        }
    }

    #[test]
    fn the_time_left_of_a_phase_follows_its_steps_and_is_not_the_jobs() {
        let mut pace = Pace::default();
        let mut seen = Vec::new();
        run(&mut pace, &mut |pace, now| seen.push(pace.left(seconds(now), false)));
        assert_eq!(seen[0], None, "nothing is known at the start");
        assert_eq!(seen[20], Some(Left { time: seconds(20), is_whole: false }));
        assert_eq!(seen[21], Some(Left { time: seconds(19), is_whole: false }));
        assert_eq!(seen[45], None, "no layer is done yet");
        assert_eq!(seen[55], Some(Left { time: seconds(15), is_whole: false }));
        assert!(seen[70..].iter().all(Option::is_none), "nobody counts it");
    }

    #[test]
    fn a_job_that_was_done_before_is_known_as_a_whole() {
        let mut first = Pace::default();
        run(&mut first, &mut |_, _| {});
        let laps = first.laps(seconds(75));
        let took = |phase, total, seconds| Lap { phase, total, seconds };
        let expected =
            [took(method("optimizing"), 20, 40.0), took(method("spreading"), 3, 30.0), took(Phase::Evaluation, 1, 5.0)];
        assert_eq!(laps, expected);
        let mut again = Pace::new(laps);
        let mut worst = 0;
        run(&mut again, &mut |pace, now| {
            let Some(left) = pace.left(seconds(now), false) else { return };
            assert!(left.is_whole);
            worst = worst.max(left.time.as_secs().abs_diff(75 - now.min(75)));
        });
        // half a step is left until the step is told: five seconds of a layer
        assert!(worst <= 5, "off by {worst} seconds");
    }

    #[test]
    fn a_step_that_hangs_is_not_about_to_end() {
        let mut pace = Pace::default();
        for step in 0..=9 {
            pace.report(&method("optimizing"), step, 10, seconds(step));
        }
        assert_eq!(pace.left(seconds(9), true), Some(Left { time: seconds(1), is_whole: true }));
        for now in 13..70 {
            assert_eq!(pace.left(seconds(now), true), None, "at {now} s nobody knows");
        }
        pace.report(&method("optimizing"), 10, 10, seconds(70));
        assert_eq!(pace.left(seconds(71), false), None, "what comes after the last step is not nothing");
    }

    #[test]
    fn a_job_that_gets_slower_is_told_so_within_some_steps() {
        let mut pace = Pace::default();
        let mut now = 0;
        for step in 0..=100_u64 {
            pace.report(&Phase::Cells, step, 200, seconds(now));
            now += if step < 50 { 1 } else { 4 };
        }
        let left = pace.left(seconds(now - 4), true).map(|left| left.time.as_secs());
        assert!(left.is_some_and(|left| (300..=400).contains(&left)), "{left:?} of 400");
    }

    #[test]
    fn time_that_it_stood_still_counts_for_nothing() {
        let mut pace = Pace::default();
        for step in 0..=5 {
            pace.report(&method("optimizing"), step, 10, seconds(step));
        }
        pace.go_on(seconds(600));
        pace.report(&method("optimizing"), 6, 10, seconds(601));
        assert_eq!(pace.left(seconds(601), false).map(|left| left.time), Some(seconds(4)));
        assert!(pace.laps(seconds(610)).is_empty(), "it is no measure of later jobs");
    }

    #[test]
    fn a_larger_job_is_expected_to_take_longer_in_proportion() {
        let pace = |total| {
            let mut pace = Pace::new(vec![Lap { phase: Phase::Cells, total: 10, seconds: 20.0 }]);
            pace.report(&Phase::Cells, 0, total, seconds(0));
            pace.left(seconds(1), false)
        };
        assert_eq!(pace(20), Some(Left { time: seconds(39), is_whole: true }));
    }
}
