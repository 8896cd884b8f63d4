//! How much of some work runs at once: the one place that batched work asks. Where memory does not suffice for a batch, it
//! is halved, that is said, and the work goes on from there with the same rows.

use crate::error::{Error, Result};
use crate::memory;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// Work whose batches can be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Batched {
    /// Cells of a heat map.
    Cells,
    /// Tokens of prompts whose targets are scored.
    Scores,
    /// Tokens of documents whose keys are summed up.
    SecondMoments,
    /// Texts that are generated.
    Texts,
    /// Prompts of which activations or probabilities are read.
    Activations,
    /// Facts whose edits are found together, each as if it were alone.
    Facts,
}

impl Batched {
    /// What its batches are counted in.
    fn unit(self) -> &'static str {
        match self {
            Self::Cells => "cells of a heat map",
            Self::Scores => "tokens of scored prompts",
            Self::SecondMoments => "tokens of a corpus",
            Self::Texts => "generated texts",
            Self::Activations => "prompts",
            Self::Facts => "facts",
        }
    }

    /// What no batch can be smaller than.
    fn one(self) -> &'static str {
        match self {
            Self::Cells => "one cell of a heat map",
            Self::Scores => "one prompt with its target",
            Self::SecondMoments => "one document",
            Self::Texts => "one text",
            Self::Activations => "one prompt",
            Self::Facts => "one fact",
        }
    }
}

/// A shortage of memory that a test wants; outside of tests nobody does.
#[derive(Clone, Copy, Debug)]
pub struct Provoked {
    /// Which batches run short.
    pub work: Batched,
    /// Those larger than this.
    pub above: usize,
    /// After so many blocks that go well.
    pub blocks: usize,
}

thread_local! {
    /// What memory has turned out to suffice for since the job began; the same for all batches of a kind.
    static LARGEST: RefCell<BTreeMap<Batched, usize>> = const { RefCell::new(BTreeMap::new()) };
    static WARNINGS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    static PROVOKED: Cell<Option<Provoked>> = const { Cell::new(None) };
    /// The batch that runs: its kind, its size, and blocks that it has run.
    static RUNNING: Cell<Option<(Batched, usize, usize)>> = const { Cell::new(None) };
}

/// A job begins: whole batches are tried again, since others may have let go of memory.
pub fn begin() {
    LARGEST.take();
}

/// What was said of batches that were halved, since this was asked last.
#[must_use]
pub fn take_warnings() -> Vec<String> {
    WARNINGS.take()
}

/// Has batches of this thread run short from now on, for tests.
pub fn provoke(shortage: Option<Provoked>) {
    PROVOKED.set(shortage);
}

/// A block of the model begins; the batch runs short here where a test wants it to.
///
/// # Errors
/// A test wants one.
pub(crate) fn reach_block() -> Result<()> {
    let Some((provoked, (work, size, blocks))) = PROVOKED.get().zip(RUNNING.get()) else { return Ok(()) };
    if work != provoked.work || size <= provoked.above {
        return Ok(());
    }
    RUNNING.set(Some((work, size, blocks + 1)));
    if blocks < provoked.blocks {
        return Ok(());
    }
    let bytes = |rows: usize| Some((rows as u64) << 20);
    Err(Error::OutOfMemory { doing: String::new(), asked: bytes(size), free: bytes(provoked.above) })
}

/// Some items, done batch by batch.
#[derive(Debug)]
pub struct Batches {
    work: Batched,
    most: usize,
    items: usize,
    begun: usize,
}

/// The batch that comes next.
#[derive(Clone, Copy, Debug)]
pub struct Next {
    /// Index of its first item.
    pub first: usize,
    /// How large it may be, at least 1. An item that is larger is a batch by itself.
    pub most: usize,
}

impl Batches {
    /// So many items, in batches whose size is `most`.
    #[must_use]
    pub fn of(work: Batched, items: usize, most: usize) -> Self {
        Self { work, most: most.max(1), items, begun: 0 }
    }

    /// The next batch; `None` once all items are done.
    #[must_use]
    pub fn next_batch(&self) -> Option<Next> {
        (self.begun < self.items).then(|| Next { first: self.begun, most: self.at_once() })
    }

    fn at_once(&self) -> usize {
        LARGEST.with_borrow(|largest| largest.get(&self.work).map_or(self.most, |known| self.most.min(*known)))
    }

    /// Runs the next batch: so many items, of `size` together. `None` where memory did not suffice; the next batch begins
    /// where this one did, and is half as large at most.
    ///
    /// # Errors
    /// Any other error; memory does not suffice for a single item.
    pub fn attempt<T>(&mut self, items: usize, size: usize, run: impl FnOnce() -> Result<T>) -> Result<Option<T>> {
        let before = RUNNING.replace(Some((self.work, size, 0)));
        let made = run();
        RUNNING.set(before);
        match made {
            Ok(made) => {
                self.begun += items.max(1);
                Ok(Some(made))
            }
            Err(Error::OutOfMemory { doing, asked, free }) => {
                let at_once = self.at_once();
                if items <= 1 || at_once == 1 {
                    let doing = if doing.is_empty() { "computing".to_owned() } else { doing };
                    let doing = format!("{doing} for {} alone", self.work.one());
                    return Err(Error::OutOfMemory { doing, asked, free });
                }
                let (size, unit) = (size.min(at_once), self.work.unit());
                let half = (size / 2).max(1);
                LARGEST.with_borrow_mut(|largest| largest.insert(self.work, half));
                let shortage = memory::shortage_words(&doing, asked, free);
                let warning = format!("{shortage}: continuing with batches of {half} {unit} instead of {size}");
                WARNINGS.with_borrow_mut(|warnings| warnings.push(warning));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Batched, Batches, Provoked, begin, provoke, reach_block, take_warnings};
    use crate::error::{Error, Result};

    /// Items of a size each, in batches of at most `most`; every batch runs three blocks.
    fn run(sizes: &[usize], most: usize) -> Result<(Vec<usize>, Vec<usize>)> {
        let (mut done, mut batches_run) = (Vec::new(), Vec::new());
        let mut batches = Batches::of(Batched::Scores, sizes.len(), most);
        while let Some(next) = batches.next_batch() {
            let (mut count, mut size) = (1, sizes[next.first]);
            while let Some(more) = sizes.get(next.first + count).filter(|more| size + **more <= next.most) {
                (count, size) = (count + 1, size + more);
            }
            let items = next.first..next.first + count;
            let made = batches.attempt(count, size, || {
                (0..3).try_for_each(|_| reach_block())?;
                Ok(items.collect::<Vec<_>>())
            })?;
            if let Some(made) = made {
                batches_run.push(size);
                done.extend(made);
            }
        }
        Ok((done, batches_run))
    }

    #[test]
    fn batches_that_run_short_are_halved_and_every_item_is_done_once() {
        let sizes = [3, 1, 2, 4, 1, 1, 2];
        let all: Vec<usize> = (0..sizes.len()).collect();
        assert_eq!(run(&sizes, 8).expect("room"), (all.clone(), vec![6, 8]));
        assert!(take_warnings().is_empty());
        for blocks in 0..3 {
            begin();
            provoke(Some(Provoked { work: Batched::Scores, above: 4, blocks }));
            let (done, batches) = run(&sizes, 8).expect("less at once");
            assert_eq!(done, all, "after {blocks} blocks");
            assert!(batches.iter().all(|size| *size <= 4), "{batches:?}");
            let said = take_warnings();
            assert_eq!(said.len(), 1, "{said:?}");
            let wanted = "out of memory (6.0 MiB asked for, 4.0 MiB free): continuing with batches of 3 tokens of scored prompts instead of 6";
            assert_eq!(said[0], wanted);
        }
        // it is known now, until another job begins
        run(&sizes, 8).expect("less at once");
        assert!(take_warnings().is_empty());
        begin();
        provoke(None);
        assert_eq!(run(&sizes, 8).expect("room").1, [6, 8]);
    }

    #[test]
    fn an_item_that_does_not_fit_alone_is_an_error_with_the_numbers() {
        provoke(Some(Provoked { work: Batched::Scores, above: 2, blocks: 1 }));
        let error = run(&[1, 1, 3, 1], 8).expect_err("too large").to_string();
        assert!(error.contains("for one prompt with its target alone (3.0 MiB asked for, 2.0 MiB free)"), "{error}");
        assert!(error.contains("free some memory"), "{error}");
        provoke(Some(Provoked { work: Batched::Cells, above: 0, blocks: 0 }));
        begin();
        run(&[1, 1], 2).expect("another kind of work runs short");
    }

    #[test]
    fn other_errors_are_passed_on() {
        let mut batches = Batches::of(Batched::Texts, 4, 4);
        let failed = batches.attempt(4, 4, || Err::<(), _>(Error::Cancelled));
        assert!(matches!(failed, Err(Error::Cancelled)));
        assert!(take_warnings().is_empty());
    }
}
