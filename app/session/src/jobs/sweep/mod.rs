//! A sweep: the cells of a grid one group after the other, each written into the ledger before the next begins.

mod cells;
mod estimate;
mod ground;
mod keeping;
mod localizing;
mod scoring;
mod screening;

use crate::SessionOptions;
use crate::error::{Error, Stopped};
use crate::pace::RunningJob;
use estimate::Estimate;
use ground::Ground;
use keeping::Keeping;
use locus_plugin_host::Registry;
use locus_protocol::{Event, LogLevel, Shard, SweepOrder, SweepStarted};
use locus_sweep::{Cell, Claim, Grid, Ledger, Localization, Plan};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

/// Facts whose cells are claimed and computed together.
const TOGETHER: usize = 16;
/// How often it is looked whether others are done with what they claimed.
const WAIT: Duration = Duration::from_millis(500);
/// Bytes that a row has, roughly.
const ROW_BYTES: u64 = 2500;

/// What is claimed together.
enum Group<'a> {
    /// Cells of one edit, objective, layer and seed.
    Cells(Vec<&'a Cell>),
    /// All localizers on a fact.
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
    rows.damage().iter().for_each(|damage| job.log("sweep", LogLevel::Warning, damage.to_string()));
    let screened = screening::screen(job, &ledger, &mut rows, &mut writer)?;
    if screened.facts.is_empty() {
        let why = screened.sentence();
        return Err(Error::Request(format!("no fact passes the filters of the grid ({why}); loosen [facts]")).into());
    }
    let plan = Plan::new(&ledger.grid_file(), ledger.grid(), ledger.identity(), &screened.facts).map_err(refused)?;
    let mut groups = groups(&plan, order.shard);
    let mut estimate =
        Estimate::new(&groups.iter().map(|group| (group.kind(ledger.grid()), group.keys().len())).collect::<Vec<_>>());
    let kept = Keeping::new(job, writer, rows, groups.iter().flat_map(Group::keys));
    let started = SweepStarted {
        job: job.number,
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
    let mut sweep = Sweep { bench, order, ledger: &ledger, plan: &plan, kept, ground, screened, started };
    sweep.tell(&estimate);
    loop {
        let mut held_by_others = Vec::new();
        for group in groups {
            let (kind, count) = (group.kind(ledger.grid()), group.keys().len());
            let left = sweep.left_of(&group).len();
            if left == 0 || (order.estimate_only && estimate.is_timed(&kind)) {
                estimate.done(&kind, count - left);
                continue;
            }
            sweep.kept.progress();
            job.check_cancel().map_err(|error| sweep.stopped(error.into()))?;
            let Some(claim) = sweep.kept.claim(group.name())? else {
                held_by_others.push(group);
                continue;
            };
            let start = std::time::Instant::now();
            let computed = sweep.group(&group, claim).map_err(|error| sweep.stopped(error))?;
            // of a group whose first cells alone were computed the others are left
            let done = count - sweep.left_of(&group).len();
            if computed == 0 {
                estimate.done(&kind, done);
            } else if estimate.timed(&kind, done, computed, start.elapsed()) {
                sweep.tell(&estimate);
            }
        }
        if held_by_others.is_empty() || order.estimate_only {
            break;
        }
        // theirs counts, and what they leave behind when they die is taken over
        groups = held_by_others;
        std::thread::sleep(WAIT);
        job.check_cancel().map_err(|error| sweep.stopped(error.into()))?;
        sweep.kept.catch_up()?;
    }
    sweep.kept.progress();
    sweep.tell(&estimate);
    if order.shard.is_none() && !order.estimate_only {
        sweep.kept.tidy();
    }
    Ok(())
}

/// A sweep under way.
struct Sweep<'a> {
    bench: Bench<'a>,
    order: &'a SweepOrder,
    ledger: &'a Ledger,
    plan: &'a Plan,
    kept: Keeping<'a>,
    ground: Ground,
    screened: screening::Screened,
    started: SweepStarted,
}

impl Sweep<'_> {
    /// Keys of a group that are still to be computed.
    fn left_of(&self, group: &Group<'_>) -> BTreeSet<String> {
        let is_left = |key: &&str| self.kept.is_left(key, self.order.retry_failed);
        group.keys().into_iter().filter(is_left).map(str::to_owned).collect()
    }

    /// Computes and writes what is left of a group that was claimed; gives how many cells that were.
    fn group(&mut self, group: &Group<'_>, claim: Claim) -> Result<usize, Error> {
        // whoever had it before may have written meanwhile
        self.kept.catch_up()?;
        let left = self.left_of(group);
        let Self { bench, order, ledger, kept, ground, screened, .. } = self;
        let (grid, facts) = (ledger.grid(), &screened.facts);
        let mut count = 0;
        let mut keep = |row| {
            count += 1;
            kept.take(row)
        };
        let computed = match group {
            Group::Cells(cells) => {
                let of_grid = cells::OfGrid { grid, facts, first_only: order.estimate_only };
                cells::compute(*bench, of_grid, cells, &left, ground, &mut keep)
            }
            Group::Localizations(found) => {
                let found: Vec<&Localization> =
                    found.iter().copied().filter(|found| left.contains(&found.key)).collect();
                localizing::compute(bench.job, grid, facts, &found, &mut keep)
            }
        };
        // what was computed is kept, whatever ended the rest
        kept.write()?;
        drop(claim);
        computed.map(|()| count)
    }

    fn tell(&mut self, estimate: &Estimate) {
        // of all cells, as they are told, where this run has only a part of them
        self.started.done = self.kept.known(self.plan.keys());
        self.started.seconds = estimate.left();
        self.bench.job.tell(Event::Sweep(self.started.clone()));
    }

    fn stopped(&self, error: Error) -> Stopped {
        let (done, all) = (self.kept.done(), self.kept.all());
        Stopped { error, kept: format!("{done} of {all} cells are in the ledger; the same command resumes the sweep") }
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
    // each fact's runs are shared by its localizers and by nothing else
    let mut localizations: Vec<&Localization> = plan.localizations.iter().collect();
    localizations.sort_by_key(|found| (found.fact, found.localizer));
    let of_facts = localizations.chunk_by(|one, other| one.fact == other.fact);
    groups.extend(of_facts.map(|found| Group::Localizations(found.to_vec())));
    let same = |one: &Cell, other: &Cell| {
        (one.edit, one.layer, one.seed, one.fact / TOGETHER)
            == (other.edit, other.layer, other.seed, other.fact / TOGETHER)
            && one.objective == other.objective
    };
    groups.extend(plan.cells.chunk_by(same).map(|cells| Group::Cells(cells.iter().collect())));
    groups.retain(|group| shard.is_none_or(|shard| shard.has(group.name())));
    groups
}
