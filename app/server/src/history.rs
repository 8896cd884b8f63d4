//! What was told since the engine started: each front reads it at its own pace, so that none holds a step up.

use locus_link::{FromEngine, line_of};
use locus_protocol::{Event, JobId, Step};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Messages that a front may be behind before rows are merged for it.
const BEHIND: u64 = 32;
/// Bytes that are kept for fronts that come later. Beyond, old steps keep their losses and lose their rows.
const KEPT: usize = 256 << 20;

/// One thing that was told.
struct Told {
    line: Arc<[u8]>,
    /// Bytes that had been told before it.
    at: u64,
    /// The same without what a later one says anew; empty where nothing is left.
    merged: Option<Arc<[u8]>>,
    kind: Kind,
}

/// What a later message of the same kind says anew.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    /// The rows of a job's step.
    Step(JobId),
    /// How far a job is.
    Progress(JobId),
    /// The memory in use.
    Memory,
    Other,
}

/// What was told, the oldest first, counted from the engine's start.
#[derive(Default)]
pub struct History {
    told: VecDeque<Told>,
    /// Place of the last message of each kind that a later one says anew.
    last: HashMap<Kind, u64>,
    /// What has been forgotten.
    before: u64,
    /// Place up to which steps have lost what later ones say anew.
    shortened: u64,
    /// Bytes that are kept.
    bytes: usize,
    /// Bytes that were told since the engine started.
    told_bytes: u64,
}

impl History {
    pub fn push(&mut self, event: Event) {
        let (kind, merged) = match &event {
            Event::Step(step) => (Kind::Step(step.job), Some(without_rows(step))),
            Event::Progress { job, .. } => (Kind::Progress(*job), Some(Arc::default())),
            Event::Memory(_) => (Kind::Memory, Some(Arc::default())),
            _ => (Kind::Other, None),
        };
        let line: Arc<[u8]> = line_of(&FromEngine::Event { event: Box::new(event) }).into();
        if kind != Kind::Other {
            self.last.insert(kind, self.end());
        }
        let at = self.told_bytes;
        self.told_bytes += line.len() as u64;
        self.bytes += line.len();
        self.told.push_back(Told { line, at, merged, kind });
        if self.bytes > KEPT {
            self.shorten();
        }
    }

    /// How much has been told.
    pub fn end(&self) -> u64 {
        self.before + self.told.len() as u64
    }

    /// What was told from a place on, as bytes, and the place after it. `merge` leaves out what a later message of the
    /// same kind says anew, where there is much of it. It looks at nothing but what it gives: a front that joins late asks
    /// many times.
    pub fn since(&self, place: u64, most: usize, merge: bool) -> (Vec<u8>, u64) {
        let start = place.max(self.before);
        let merge = merge && self.end() - start > BEHIND;
        let (mut bytes, mut next) = (Vec::new(), start);
        for told in self.told.range(self.index(start)..) {
            if bytes.len() >= most {
                break;
            }
            let said_anew = merge && self.last.get(&told.kind).is_some_and(|&last| last > next);
            let line = if said_anew { told.merged.as_ref().unwrap_or(&told.line) } else { &told.line };
            bytes.extend_from_slice(line);
            next += 1;
        }
        (bytes, next)
    }

    /// Bytes that were told from a place on.
    pub fn bytes_since(&self, place: u64) -> u64 {
        self.told.get(self.index(place)).map_or(0, |told| self.told_bytes - told.at)
    }

    /// Where a place is among what is kept; the first of it, where it has been forgotten.
    fn index(&self, place: u64) -> usize {
        place.saturating_sub(self.before) as usize
    }

    /// Forgets what was told before a place.
    pub fn forget(&mut self, place: u64) {
        while self.before < place {
            let Some(told) = self.told.pop_front() else { return };
            self.bytes -= told.line.len();
            if self.last.get(&told.kind) == Some(&self.before) {
                self.last.remove(&told.kind);
            }
            self.before += 1;
        }
    }

    /// Has the older half of the steps lose what later ones say anew.
    fn shorten(&mut self) {
        let half = self.told.len() / 2;
        let first = self.index(self.shortened).min(half);
        for told in self.told.range_mut(first..half) {
            if let Some(merged) = told.merged.take() {
                self.bytes -= told.line.len() - merged.len().min(told.line.len());
                told.line = merged;
            }
        }
        self.shortened = self.shortened.max(self.before + half as u64);
    }
}

/// A step with its losses alone.
fn without_rows(step: &Step) -> Arc<[u8]> {
    let step = Step { rows: Vec::new(), losses: step.losses.clone(), ..*step };
    line_of(&FromEngine::Event { event: Box::new(Event::Step(step)) }).into()
}

#[cfg(test)]
mod tests {
    use super::History;
    use locus_link::FromEngine;
    use locus_protocol::{Event, LayerRow, Phase, Step};

    fn step(number: u64) -> Event {
        let losses = [("loss".to_owned(), number as f64)].into();
        Event::Step(Step { job: 1, step: number, steps: 99, layer: 3, losses, rows: vec![LayerRow::default(); 2] })
    }

    fn events(bytes: &[u8]) -> Vec<Event> {
        let lines = bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        lines
            .map(|line| match serde_json::from_slice(line).expect("a message") {
                FromEngine::Event { event } => *event,
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn a_front_that_is_behind_gets_every_loss_and_the_last_rows() {
        let mut history = History::default();
        for number in 0..40 {
            history.push(step(number));
            history.push(Event::Progress { job: 1, phase: Phase::Cells, done: number, total: 40 });
        }
        let (bytes, end) = history.since(0, usize::MAX, true);
        assert_eq!(end, 80);
        let told = events(&bytes);
        let steps: Vec<&Step> =
            told.iter().filter_map(|event| if let Event::Step(it) = event { Some(it) } else { None }).collect();
        assert_eq!(steps.len(), 40);
        assert!(steps.iter().all(|it| it.losses["loss"] == it.step as f64), "a loss is lost");
        assert_eq!(steps.iter().filter(|it| !it.rows.is_empty()).map(|it| it.step).collect::<Vec<_>>(), [39]);
        assert_eq!(told.len(), 41, "only the last progress is told");
        // a command that prints records gets all of them
        let (bytes, _) = history.since(0, usize::MAX, false);
        assert_eq!(events(&bytes).len(), 80);
        // one that keeps up gets all of them, too
        let (bytes, end) = history.since(78, usize::MAX, true);
        assert_eq!((events(&bytes).len(), end), (2, 80));
    }

    #[test]
    fn a_front_that_joins_in_the_middle_of_a_job_is_told_in_parts_and_of_the_last_rows_once() {
        let mut history = History::default();
        (0..500).for_each(|number| history.push(step(number)));
        let (mut told, mut place) = (Vec::new(), 0);
        while place < 400 {
            let (bytes, next) = history.since(place, 1, true);
            told.extend(events(&bytes));
            assert_eq!(next, place + 1, "one message a part");
            place = next;
        }
        // what comes while it reads says anew what was the last before
        (500..600).for_each(|number| history.push(step(number)));
        let (bytes, end) = history.since(place, usize::MAX, true);
        told.extend(events(&bytes));
        assert_eq!((told.len(), end), (600, 600));
        let with_rows = told.iter().filter_map(|event| match event {
            Event::Step(step) if !step.rows.is_empty() => Some(step.step),
            _ => None,
        });
        assert_eq!(with_rows.collect::<Vec<_>>(), [599]);
    }

    #[test]
    fn bytes_are_counted_as_they_were_told() {
        let mut history = History::default();
        let line = |history: &History, place| history.since(place, 1, false).0.len() as u64;
        (0..10).for_each(|number| history.push(step(number)));
        let sum: u64 = (3..10).map(|place| line(&history, place)).sum();
        assert_eq!(history.bytes_since(3), sum);
        history.forget(5);
        let sum: u64 = (5..10).map(|place| line(&history, place)).sum();
        assert_eq!((history.bytes_since(0), history.bytes_since(5)), (sum, sum));
        assert_eq!(history.bytes_since(10), 0);
    }

    #[test]
    fn old_steps_lose_their_rows_and_keep_their_losses() {
        let mut history = History::default();
        (0..10).for_each(|number| history.push(step(number)));
        history.shorten();
        (10..20).for_each(|number| history.push(step(number)));
        history.shorten();
        let told = events(&history.since(0, usize::MAX, false).0);
        let with_rows: Vec<bool> =
            told.iter().map(|event| matches!(event, Event::Step(step) if !step.rows.is_empty())).collect();
        assert_eq!(with_rows, [vec![false; 10], vec![true; 10]].concat());
        let kept: usize = (0..20).map(|place| history.since(place, 1, false).0.len()).sum();
        assert_eq!(history.bytes, kept);
    }

    #[test]
    fn what_all_have_read_is_forgotten_and_what_is_asked_for_comes_in_parts() {
        let mut history = History::default();
        (0..10).for_each(|number| history.push(step(number)));
        let (bytes, next) = history.since(0, 1, true);
        assert_eq!((events(&bytes).len(), next), (1, 1));
        history.forget(4);
        assert_eq!((history.since(0, usize::MAX, false).1, history.end()), (10, 10));
        assert_eq!(events(&history.since(0, usize::MAX, false).0).len(), 6);
        assert_eq!(history.bytes_since(10), 0);
    }
}
