//! What was told since the engine started: each front reads it at its own pace, so that none holds a step up.

use locus_link::{FromEngine, line_of};
use locus_protocol::{Event, JobId, Step};
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

/// Messages that a front may be behind before rows are merged for it.
const BEHIND: u64 = 32;
/// Bytes that are kept for fronts that come later. Beyond, old steps keep their losses and lose their rows.
const KEPT: usize = 256 << 20;

/// One thing that was told.
struct Told {
    line: Arc<[u8]>,
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
    /// Nothing.
    Other,
}

/// What was told, the oldest first, counted from the engine's start.
#[derive(Default)]
pub struct History {
    told: VecDeque<Told>,
    /// What has been forgotten.
    before: u64,
    bytes: usize,
}

impl History {
    /// Adds what happened.
    pub fn push(&mut self, event: Event) {
        let (kind, merged) = match &event {
            Event::Step(step) => (Kind::Step(step.job), Some(without_rows(step))),
            Event::Progress { job, .. } => (Kind::Progress(*job), Some(Arc::default())),
            Event::Memory(_) => (Kind::Memory, Some(Arc::default())),
            _ => (Kind::Other, None),
        };
        let line: Arc<[u8]> = line_of(&FromEngine::Event { event: Box::new(event) }).into();
        self.bytes += line.len();
        self.told.push_back(Told { line, merged, kind });
        if self.bytes > KEPT {
            self.shorten();
        }
    }

    /// How much has been told.
    pub fn end(&self) -> u64 {
        self.before + self.told.len() as u64
    }

    /// What was told from a place on, as bytes, and the place after it. `merge` leaves out what a later message of the
    /// same kind says anew, where there is much of it.
    pub fn since(&self, place: u64, most: usize, merge: bool) -> (Vec<u8>, u64) {
        let start = place.max(self.before);
        let first = (start - self.before) as usize;
        let merge = merge && self.end() - start > BEHIND;
        let mut last = HashSet::new();
        let mut is_last = vec![true; self.told.len() - first];
        if merge {
            for (index, told) in self.told.iter().enumerate().skip(first).rev() {
                is_last[index - first] = told.kind == Kind::Other || last.insert(told.kind);
            }
        }
        let (mut bytes, mut next) = (Vec::new(), start);
        for (told, is_last) in self.told.iter().skip(first).zip(is_last) {
            if bytes.len() >= most {
                break;
            }
            let line = if is_last { &told.line } else { told.merged.as_ref().unwrap_or(&told.line) };
            bytes.extend_from_slice(line);
            next += 1;
        }
        (bytes, next)
    }

    /// Bytes that were told from a place on.
    pub fn bytes_since(&self, place: u64) -> usize {
        let first = (place.max(self.before) - self.before) as usize;
        if first == 0 { self.bytes } else { self.told.iter().skip(first).map(|told| told.line.len()).sum() }
    }

    /// Forgets what was told before a place.
    pub fn forget(&mut self, place: u64) {
        while self.before < place {
            let Some(told) = self.told.pop_front() else { return };
            self.bytes -= told.line.len();
            self.before += 1;
        }
    }

    /// Has the older half of the steps lose what later ones say anew.
    fn shorten(&mut self) {
        let half = self.told.len() / 2;
        for told in self.told.iter_mut().take(half) {
            if let Some(merged) = told.merged.take() {
                self.bytes -= told.line.len() - merged.len().min(told.line.len());
                told.line = merged;
            }
        }
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
