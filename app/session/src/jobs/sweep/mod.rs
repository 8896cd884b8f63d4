//! A sweep: the cells of a grid one group after the other, each written into the ledger before the next begins.

mod cells;
mod estimate;
mod ground;
mod localizing;
mod screening;

use crate::SessionOptions;
use crate::error::{Error, Stopped};
use crate::pace::RunningJob;
use estimate::Estimate;
use ground::Ground;
use locus_plugin_host::Registry;
use locus_protocol::{Event, Phase, Shard, SweepOrder, SweepRow, SweepStarted};
use locus_sweep::{Cell, Claim, Grid, Ledger, Localization, Plan, Rows};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

/// Facts whose cells are claimed, computed and written together.
const TOGETHER: usize = 16;
/// How often it is looked whether others are done with what they claimed.
const WAIT: Duration = Duration::from_millis(500);
/// Bytes that a row has, roughly.
const ROW_BYTES: u64 = 2500;

/// What is claimed and written together.
enum Group<'a> {
    /// Cells of one edit, objective, layer and seed.
    Cells(Vec<&'a Cell>),
    /// All localizers on some facts.
    Localizations(Vec<&'a Localization>),
}

impl Group<'_> {
    fn keys(&self) -> Vec<&str> {
        match self {
            Self::Cells(cells) => cells.iter().map(|cell| cell.key.as_str()).collect(),
            Self::Localizations(found) => found.iter().map(|found| found.key.as_str()).collect(),
        }
    }

    /// The name of its claim.
    fn name(&self) -> &str {
        match self {
            Self::Cells(cells) => cells.first().map_or("", |cell| &cell.key),
            Self::Localizations(found) => found.first().map_or("", |found| &found.key),
        }
    }

    /// What it takes its time by.
    fn kind(&self, grid: &Grid) -> String {
        match self {
            Self::Cells(cells) => cells
                .first()
                .map_or_else(String::new, |cell| format!("{}\0{}", grid.edits[cell.edit].label(), cell.objective)),
            Self::Localizations(_) => "localizers".to_owned(),
        }
    }
}

/// What a sweep works with.
#[derive(Clone, Copy)]
struct Bench<'a> {
    job: RunningJob<'a>,
    registry: &'a Registry,
    options: &'a SessionOptions,
}

/// Sweeps what the ledger does not hold yet.
pub fn run(
    job: RunningJob<'_>,
    registry: &Registry,
    options: &SessionOptions,
    order: &SweepOrder,
) -> Result<(), Stopped> {
    let bench = Bench { job, registry, options };
    job.pace.say_each_once();
    let given = given_grid(order)?;
    let ground = Ground::new(bench, &given)?;
    let ledger = Ledger::open(&order.folder, order.grid.as_deref(), ground.identity()).map_err(refused)?;
    let mut writer = locus_sweep::Worker::begin(&ledger).map_err(refused)?;
    let mut rows = ledger.rows().map_err(refused)?;
    rows.damage().iter().for_each(|damage| job.log("sweep", "warning", damage.to_string()));
    let screened = screening::screen(job, &ledger, &mut rows, &mut writer)?;
    if screened.facts.is_empty() {
        let why = screened.sentence();
        return Err(Error::Request(format!("no fact passes the filters of the grid ({why}); loosen [facts]")).into());
    }
    let plan = Plan::new(&ledger.grid_file(), ledger.grid(), ledger.identity(), &screened.facts).map_err(refused)?;
    let mut groups = groups(&plan, order.shard);
    let mut estimate =
        Estimate::new(&groups.iter().map(|group| (group.kind(ledger.grid()), group.keys().len())).collect::<Vec<_>>());
    let number = job.number;
    let started = SweepStarted {
        job: number,
        folder: order.folder.clone(),
        title: ledger.grid().title.clone(),
        layers: ledger.identity().layers,
        facts: screened.facts.len(),
        left_out: screened.left_out.clone(),
        remarked: screened.remarked.clone(),
        cells: plan.cells.len(),
        localizations: plan.localizations.len(),
        done: 0,
        seconds: None,
        bytes: ROW_BYTES * (plan.cells.len() + plan.localizations.len()) as u64,
        free: locus_sweep::free_space(&order.folder),
    };
    let keys = groups.iter().flat_map(Group::keys);
    let outstanding: BTreeSet<String> = keys.filter(|key| rows.get(key).is_none()).map(str::to_owned).collect();
    let all = groups.iter().map(|group| group.keys().len()).sum();
    let mut sweep = Sweep { bench, order, ledger: &ledger, rows, outstanding, all, writer, ground, screened, started };
    for row in sweep.rows.iter().filter(|row| !matches!(row, SweepRow::Fact(_))) {
        job.tell(Event::Swept { job: number, row: Box::new(row.clone()) });
    }
    sweep.tell(&estimate);
    let mut timed: BTreeSet<String> = BTreeSet::new();
    loop {
        let mut held_by_others = Vec::new();
        for group in groups {
            let kind = group.kind(ledger.grid());
            if order.estimate_only && timed.contains(&kind) {
                continue;
            }
            sweep.progress();
            job.check_cancel().map_err(|error| sweep.stopped(error.into()))?;
            let count = group.keys().len();
            if sweep.left_of(&group).is_empty() {
                estimate.done(&kind, count);
                timed.insert(kind);
                continue;
            }
            let Some(claim) = sweep.writer.claim(group.name()).map_err(refused)? else {
                held_by_others.push(group);
                continue;
            };
            let start = std::time::Instant::now();
            let computed = sweep.group(&group, claim).map_err(|error| sweep.stopped(error))?;
            if computed == 0 {
                estimate.done(&kind, count);
            } else if estimate.timed(&kind, count, computed, start.elapsed()) {
                sweep.tell(&estimate);
            }
            timed.insert(kind);
        }
        if held_by_others.is_empty() || order.estimate_only {
            break;
        }
        // theirs counts, and what they leave behind when they die is taken over
        groups = held_by_others;
        std::thread::sleep(WAIT);
        job.check_cancel().map_err(|error| sweep.stopped(error.into()))?;
        sweep.catch_up()?;
    }
    sweep.progress();
    sweep.tell(&estimate);
    if order.shard.is_none() && !order.estimate_only {
        sweep.writer.tidy();
    }
    Ok(())
}

/// A sweep under way.
struct Sweep<'a> {
    bench: Bench<'a>,
    order: &'a SweepOrder,
    ledger: &'a Ledger,
    rows: Rows,
    /// Keys of this run's cells that have no row yet.
    outstanding: BTreeSet<String>,
    /// Cells of this run.
    all: usize,
    writer: locus_sweep::Worker,
    ground: Ground,
    screened: screening::Screened,
    started: SweepStarted,
}

impl Sweep<'_> {
    /// Keys of a group that are still to be computed.
    fn left_of(&self, group: &Group<'_>) -> Vec<String> {
        let is_left = |key: &&str| match self.rows.get(key) {
            None => true,
            Some(row) => self.order.retry_failed && row.failed().is_some() && !self.ground.has_retried(key),
        };
        group.keys().into_iter().filter(is_left).map(str::to_owned).collect()
    }

    /// Computes and writes what is left of a group that was claimed; gives how many cells that were.
    fn group(&mut self, group: &Group<'_>, claim: Claim) -> Result<usize, Error> {
        // whoever had it before may have written meanwhile
        self.catch_up()?;
        let left = self.left_of(group);
        let is_left = |key: &str| left.iter().any(|known| known == key);
        let facts = &self.screened.facts;
        let computed = match group {
            Group::Cells(cells) => {
                let cells: Vec<&Cell> = cells.iter().copied().filter(|cell| is_left(&cell.key)).collect();
                cells::compute(self.bench, self.ledger.grid(), facts, &cells, &mut self.ground)?
            }
            Group::Localizations(found) => {
                let found: Vec<&Localization> = found.iter().copied().filter(|found| is_left(&found.key)).collect();
                localizing::compute(self.bench.job, self.ledger.grid(), facts, &found)?
            }
        };
        self.writer.add(&computed).map_err(refused)?;
        drop(claim);
        let count = computed.len();
        for row in computed {
            self.ground.retried(row.key());
            self.outstanding.remove(row.key());
            self.rows.take_in(row.clone());
            self.told(row);
        }
        Ok(count)
    }

    /// Takes in what others have written.
    fn catch_up(&mut self) -> Result<(), Error> {
        for row in self.rows.refresh().map_err(refused)? {
            if !matches!(row, SweepRow::Fact(_)) {
                self.outstanding.remove(row.key());
                self.told(row);
            }
        }
        Ok(())
    }

    fn told(&self, row: SweepRow) {
        let job = self.bench.job;
        job.tell(Event::Swept { job: job.number, row: Box::new(row) });
    }

    fn done(&self) -> usize {
        self.all - self.outstanding.len()
    }

    fn progress(&self) {
        self.bench.job.progress(Phase::SweepCells, self.done() as u64, self.all as u64);
    }

    fn tell(&mut self, estimate: &Estimate) {
        self.started.done = self.done();
        self.started.seconds = estimate.left();
        self.bench.job.tell(Event::Sweep(self.started.clone()));
    }

    fn stopped(&self, error: Error) -> Stopped {
        let (done, all) = (self.done(), self.all);
        Stopped { error, kept: format!("{done} of {all} cells are in the ledger; the same command goes on") }
    }
}

/// The grid of the order, or that of its folder.
fn given_grid(order: &SweepOrder) -> Result<Grid, Error> {
    match &order.grid {
        Some(text) => Grid::parse(Path::new("the grid"), text).map_err(refused),
        None => Ok(Ledger::read(&order.folder).map_err(refused)?.grid().clone()),
    }
}

fn refused(error: locus_sweep::Error) -> Error {
    Error::Request(error.to_string())
}

/// What is claimed together, in the order in which it is computed: localizations first, so that curves of effects stand
/// when the first scores come. A group has the same cells whoever computes it, so that its numbers are the same to the
/// last bit; a shard has whole groups.
fn groups(plan: &Plan, shard: Option<Shard>) -> Vec<Group<'_>> {
    let mut groups = Vec::new();
    let mut by_facts: BTreeMap<usize, Vec<&Localization>> = BTreeMap::new();
    for found in &plan.localizations {
        by_facts.entry(found.fact / TOGETHER).or_default().push(found);
    }
    for mut found in by_facts.into_values() {
        found.sort_by_key(|found| (found.fact, found.localizer));
        groups.push(Group::Localizations(found));
    }
    let same = |one: &Cell, other: &Cell| {
        (one.edit, one.layer, one.seed, one.fact / TOGETHER)
            == (other.edit, other.layer, other.seed, other.fact / TOGETHER)
            && one.objective == other.objective
    };
    groups.extend(plan.cells.chunk_by(same).map(|cells| Group::Cells(cells.iter().collect())));
    groups.retain(|group| shard.is_none_or(|shard| shard.has(group.name())));
    groups
}
