//! Rows that a run has made: written into the ledger every second, so that little is lost whatever ends the run, and told
//! to whoever watches.

use crate::error::Error;
use crate::pace::RunningJob;
use locus_protocol::{Event, Phase, SweepRow};
use locus_sweep::{Claim, Rows, Worker};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How long a row waits to be written at most.
const WAIT: Duration = Duration::from_secs(1);

/// The rows of a run.
pub struct Keeping<'a> {
    job: RunningJob<'a>,
    writer: Worker,
    rows: Rows,
    /// Keys of this run's cells that have no row yet.
    outstanding: BTreeSet<String>,
    /// Cells of this run.
    all: usize,
    /// Keys of rows that this run has computed, so that a cell that fails again is not tried for ever.
    computed: BTreeSet<String>,
    /// Rows that are not written yet.
    waiting: Vec<SweepRow>,
    since: Instant,
}

impl<'a> Keeping<'a> {
    /// `keys` are those of all cells of this run; rows of earlier runs are told.
    pub fn new<'k>(job: RunningJob<'a>, writer: Worker, rows: Rows, keys: impl Iterator<Item = &'k str>) -> Self {
        let (mut outstanding, mut all) = (BTreeSet::new(), 0);
        for key in keys {
            all += 1;
            if rows.get(key).is_none() {
                outstanding.insert(key.to_owned());
            }
        }
        let computed = BTreeSet::new();
        let kept = Self { job, writer, rows, outstanding, all, computed, waiting: Vec::new(), since: Instant::now() };
        kept.rows.iter().for_each(|row| kept.told(row));
        kept
    }

    /// Cells of this run.
    pub const fn all(&self) -> usize {
        self.all
    }

    /// Cells of this run that have a row.
    pub fn done(&self) -> usize {
        self.all - self.outstanding.len()
    }

    /// How many of these keys have a row, whoever has computed it.
    pub fn known<'k>(&self, keys: impl Iterator<Item = &'k str>) -> usize {
        keys.filter(|key| self.rows.get(key).is_some()).count()
    }

    /// Whether a cell is still to be computed.
    pub fn is_left(&self, key: &str, retry_failed: bool) -> bool {
        match self.rows.get(key) {
            None => true,
            Some(row) => retry_failed && row.failed().is_some() && !self.computed.contains(key),
        }
    }

    /// Takes a group for this run, unless another one that lives is at it.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub fn claim(&self, group: &str) -> Result<Option<Claim>, Error> {
        self.writer.claim(group).map_err(super::refused)
    }

    /// Takes in a row that was computed.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn take(&mut self, row: SweepRow) -> Result<(), Error> {
        self.waiting.push(row);
        if self.since.elapsed() >= WAIT { self.write() } else { Ok(()) }
    }

    /// Writes the waiting rows to the ledger.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&mut self) -> Result<(), Error> {
        self.since = Instant::now();
        if self.waiting.is_empty() {
            return Ok(());
        }
        self.writer.add(&self.waiting).map_err(super::refused)?;
        for row in std::mem::take(&mut self.waiting) {
            self.outstanding.remove(row.key());
            self.computed.insert(row.key().to_owned());
            self.told(&row);
            self.rows.take_in(row);
        }
        self.progress();
        Ok(())
    }

    /// Takes in what others have written.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn catch_up(&mut self) -> Result<(), Error> {
        for row in self.rows.refresh().map_err(super::refused)? {
            self.outstanding.remove(row.key());
            self.told(&row);
        }
        Ok(())
    }

    /// Says how far the run is.
    pub fn progress(&self) {
        self.job.progress(Phase::SweepCells, self.done() as u64, self.all as u64);
    }

    /// Takes claims away that nobody needs any more.
    pub fn tidy(&self) {
        self.writer.tidy();
    }

    /// Facts are told with the sweep itself.
    fn told(&self, row: &SweepRow) {
        if !matches!(row, SweepRow::Fact(_)) {
            self.job.tell(Event::Swept { job: self.job.number, row: Box::new(row.clone()) });
        }
    }
}
