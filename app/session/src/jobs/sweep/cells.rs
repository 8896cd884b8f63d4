//! Cells: facts edited at one place, each alone on the unedited model.

use super::Bench;
use super::ground::Ground;
use super::scoring;
use crate::edits::finding::{self, Steps};
use crate::error::Error;
use crate::measures::measuring::{goal, is_record_alone, measure, measure_beside, report};
use crate::moments;
use crate::plugins::preparing::prepare_on;
use locus_engine::at_once::{Batched, Batches};
use locus_engine::edit::weight_changes;
use locus_engine::evaluate::Record;
use locus_engine::model::Model;
use locus_plugin::Edited;
use locus_protocol::{Aim, EditOrder, Fact, LogLevel, SweepRow, SweptCell, TriedOn};
use locus_records::operations::now;
use locus_sweep::{Cell, Grid, fact_mark};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Instant;

/// A change larger than the weights themselves is told: no published method needs one.
const LARGEST_CHANGE: f64 = 1.0;
/// Tokens that an optimization of one fact runs, roughly: its prompt in twenty contexts, from the subject on.
const TOKENS_OF_A_FACT: u64 = 220;
/// Bytes of a CPU's cache that one layer's activations may take.
const CACHE: u64 = 6 << 20;

/// What came of one cell.
#[derive(Default)]
struct Outcome {
    aim: Aim,
    numbers: BTreeMap<String, f64>,
    notes: Vec<String>,
}

/// What cells are counted in.
#[derive(Clone, Copy)]
pub struct OfGrid<'a> {
    pub grid: &'a Grid,
    /// Facts of the sweep, in order.
    pub facts: &'a [Fact],
    /// Only those that are found first are wanted, to see how long they take.
    pub first_only: bool,
}

/// Computes those of the cells of one edit, objective, layer and seed whose keys are in `wanted`, and hands each row to
/// `keep`. A cell that fails is a row with its reason. Edits that are found together are found with the same others
/// whichever of them are wanted, so that a sweep that was stopped comes to the same numbers.
///
/// # Errors
/// The user stopped it; what `keep` returns.
pub fn compute(
    bench: Bench<'_>,
    of_grid: OfGrid<'_>,
    cells: &[&Cell],
    wanted: &BTreeSet<String>,
    ground: &mut Ground,
    keep: &mut dyn FnMut(SweepRow) -> Result<(), Error>,
) -> Result<(), Error> {
    let OfGrid { grid, facts, first_only } = of_grid;
    let is_wanted = |cell: &Cell| wanted.contains(&cell.key);
    let parts = cells.chunks(at_once(bench.job.loaded.stack.base()));
    let parts = parts.filter(|part| part.iter().any(|cell| is_wanted(cell)));
    for part in parts.take(if first_only { 1 } else { usize::MAX }) {
        let start = Instant::now();
        let together = together(bench, grid, facts, part)?;
        let mut scored = scoring::together(bench, grid, facts, part, &together, ground)?;
        let share = start.elapsed().as_secs_f64() / part.len() as f64;
        for (place, cell) in part.iter().enumerate().filter(|(_, cell)| is_wanted(cell)) {
            let start = Instant::now();
            let order = cell.order(grid, &facts[cell.fact]);
            let found = together.get(place).cloned();
            let record = scored.get_mut(place).and_then(Option::take);
            let (outcome, failed) = match one(bench, grid, order, Known { found, record }, ground) {
                Ok(outcome) => (outcome, None),
                Err(error) if error.is_cancelled() => return Err(error),
                Err(error) => (Outcome::default(), Some(error.to_string())),
            };
            let axis = &grid.edits[cell.edit];
            keep(SweepRow::Cell(SweptCell {
                key: cell.key.clone(),
                fact: fact_mark(&facts[cell.fact]),
                edit: axis.label(),
                method: axis.method.clone(),
                objective: cell.objective.clone(),
                layer: cell.layer,
                window: axis.window,
                layers: cell.layers.clone(),
                seed: cell.seed,
                aim: outcome.aim,
                numbers: outcome.numbers,
                notes: outcome.notes,
                failed,
                seconds: share + start.elapsed().as_secs_f64(),
                time: now(),
            }))?;
        }
    }
    Ok(())
}

/// What a method found for the facts of some cells, several at once, each as if it were alone; nothing where it cannot do
/// that, or where one of the facts or want of memory kept it from it, so that a cell is computed by itself.
///
/// # Errors
/// The user stopped it.
fn together(bench: Bench<'_>, grid: &Grid, facts: &[Fact], cells: &[&Cell]) -> Result<Vec<Rc<Edited>>, Error> {
    let mut found = Vec::new();
    if cells.len() < 2 {
        return Ok(found);
    }
    let mut batches = Batches::of(Batched::Facts, cells.len(), cells.len());
    while let Some(next) = batches.next_batch() {
        let part = &cells[next.first..cells.len().min(next.first + next.most)];
        let made = batches.attempt(part.len(), part.len(), || match part_together(bench, grid, facts, part) {
            Err(Error::Engine(short)) if short.is_out_of_memory() => Err(short),
            other => Ok(other),
        });
        match made.map_err(Error::from).and_then(Option::transpose) {
            Ok(None) => {}
            Ok(Some(Some(edits))) if edits.len() == part.len() => found.extend(edits.into_iter().map(Rc::new)),
            Ok(Some(_)) => return Ok(Vec::new()),
            Err(error) if error.is_cancelled() => return Err(error),
            // whichever fact it was is found out alone
            Err(error) => {
                let text = format!("the edits of several facts are found one at a time: {error}");
                bench.job.log("sweep", LogLevel::Info, text);
                return Ok(Vec::new());
            }
        }
    }
    Ok(found)
}

/// Facts that are optimized in one batch. On a GPU all of them, since small products leave it idle; on a CPU so many
/// that the activations of a layer stay near, beyond which a batch gains nothing and costs memory.
fn at_once(model: &Model) -> usize {
    if model.device.is_cuda() {
        return usize::MAX;
    }
    let bytes = TOKENS_OF_A_FACT * model.architecture.inner.unsigned_abs() * 4;
    usize::try_from(CACHE / bytes.max(1)).unwrap_or(1).clamp(1, 16)
}

fn part_together(bench: Bench<'_>, grid: &Grid, facts: &[Fact], cells: &[&Cell]) -> Result<Option<Vec<Edited>>, Error> {
    let Bench { job, registry, options } = bench;
    let [first, others @ ..] = cells else { return Ok(None) };
    let mut order = first.order(grid, &facts[first.fact]);
    order.more = others.iter().map(|cell| facts[cell.fact].clone()).collect();
    let prepared = prepare_on(job, registry, &mut order, TriedOn::Unedited)?;
    if !prepared.plan.second_moments.is_empty() {
        let _ = moments::ensure(job, options, &prepared.plan.second_moments, None)?;
    }
    finding::run_apart(job, registry, &order, &prepared).transpose()
}

/// What is known of a cell already.
struct Known {
    found: Option<Rc<Edited>>,
    /// The likelihoods after it.
    record: Option<Record>,
}

fn one(
    bench: Bench<'_>,
    grid: &Grid,
    mut order: EditOrder,
    known: Known,
    ground: &mut Ground,
) -> Result<Outcome, Error> {
    let Bench { job, registry, options } = bench;
    job.check_cancel()?;
    let measures = grid.measures.measures();
    let prepared = prepare_on(job, registry, &mut order, TriedOn::Unedited)?;
    if !prepared.plan.second_moments.is_empty() {
        let _ = moments::ensure(job, options, &prepared.plan.second_moments, None)?;
    }
    let before = ground.before(bench, &order, &prepared, &measures, grid.facts.skip_marked)?;
    let edited = match known.found {
        Some(found) => found,
        None => Rc::new(finding::run(job, registry, &order, &prepared, Steps::Silent)?),
    };
    job.check_cancel()?;
    let loaded = job.loaded;
    let model = loaded.stack.base();
    let aim = prepared.aims.first().cloned().unwrap_or_default();
    let case = before.case(goal(model, prepared.noise.as_ref(), &aim, &order.fact), aim.lowers);
    let listen = &mut || job.check_cancel();
    let after = match known.record {
        // nothing else runs the edited model
        Some(record) if is_record_alone(&case, &measures) => {
            measure_beside(model, &case, record, &measures, None, listen)?
        }
        record => {
            let variant = loaded.stack.trial_on_unedited(&order.method, &edited.deltas)?;
            match record {
                Some(record) => measure_beside(&variant, &case, record, &measures, None, listen)?,
                None => measure(&variant, &case, &measures, None, None, listen)?,
            }
        }
    };
    let (mut numbers, _) = report(&case, &measures, before.measured.clone(), Some(after));
    numbers.extend(edited.metrics.iter().map(|(name, value)| (format!("method.{name}"), *value)));
    let mut notes = edited.notes.clone();
    let changes = weight_changes(model, &edited.deltas)?;
    if let Some(largest) = changes.iter().max_by(|one, other| one.relative.total_cmp(&other.relative)) {
        numbers.insert("relative_change".to_owned(), largest.relative);
        numbers.insert("change".to_owned(), changes.iter().map(|change| change.norm.powi(2)).sum::<f64>().sqrt());
        if largest.relative > LARGEST_CHANGE {
            notes.push(format!(
                "the change of {} is {:.1} times as large as the weights",
                largest.parameter, largest.relative
            ));
        }
    }
    if let Some((name, _)) = numbers.iter().find(|(name, value)| !value.is_finite() && !name.starts_with("method.")) {
        return Err(Error::Request(format!("{name} is not finite")));
    }
    Ok(Outcome { aim, numbers, notes })
}
