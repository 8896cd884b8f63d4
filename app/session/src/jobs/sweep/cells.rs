//! Cells: facts edited at one place, each alone on the unedited model.

use super::Bench;
use super::ground::Ground;
use crate::edits::finding;
use crate::error::Error;
use crate::measures::measuring::{Case, goal, measure, report};
use crate::moments;
use crate::plugins::preparing::prepare_on;
use locus_engine::edit::weight_changes;
use locus_protocol::{Aim, EditOrder, Fact, SweepRow, SweptCell, TriedOn};
use locus_records::operations::now;
use locus_sweep::{Cell, Grid, fact_mark};
use std::collections::BTreeMap;
use std::time::Instant;

/// A change larger than the weights themselves is told: no published method needs one.
const LARGEST_CHANGE: f64 = 1.0;

/// What came of one cell.
#[derive(Default)]
struct Outcome {
    aim: Aim,
    numbers: BTreeMap<String, f64>,
    notes: Vec<String>,
}

/// Computes cells of one edit, objective, layer and seed. A cell that fails is a row with its reason.
///
/// # Errors
/// The user stopped it.
pub fn compute(
    bench: Bench<'_>,
    grid: &Grid,
    facts: &[Fact],
    cells: &[&Cell],
    ground: &mut Ground,
) -> Result<Vec<SweepRow>, Error> {
    let mut rows = Vec::new();
    for cell in cells {
        let start = Instant::now();
        let outcome = one(bench, grid, cell.order(grid, &facts[cell.fact]), ground);
        let (outcome, failed) = match outcome {
            Ok(outcome) => (outcome, None),
            Err(error) if error.is_cancelled() => return Err(error),
            Err(error) => (Outcome::default(), Some(error.to_string())),
        };
        let axis = &grid.edits[cell.edit];
        rows.push(SweepRow::Cell(SweptCell {
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
            seconds: start.elapsed().as_secs_f64(),
            time: now(),
        }));
    }
    Ok(rows)
}

fn one(
    bench: Bench<'_>,
    grid: &Grid,
    mut order: EditOrder,
    ground: &mut Ground,
) -> Result<Outcome, Error> {
    let Bench { job, registry, options } = bench;
    job.check_cancel()?;
    let measures = grid.measures.measures();
    let prepared = prepare_on(job, registry, &mut order, TriedOn::Unedited)?;
    if !prepared.plan.second_moments.is_empty() {
        moments::ensure(job, options, &prepared.plan.second_moments)?;
    }
    let before = ground.before(bench, &order, &prepared, &measures, grid.facts.skip_marked)?;
    let edited = finding::run(job, registry, &order, &prepared, None)?;
    job.check_cancel()?;
    let loaded = job.loaded;
    let model = loaded.stack.base();
    let variant = loaded.stack.trial_on_unedited(&order.method, &edited.deltas)?;
    let aim = prepared.aims.first().cloned().unwrap_or_default();
    let case = Case {
        fact: &before.fact,
        goal: goal(model, prepared.noise.as_ref(), &aim, &order.fact),
        lowers: aim.lowers,
        relations: before.relations.clone(),
        spoken: Vec::new(),
        essence: before.essence.clone(),
    };
    let after = measure(&variant, &case, &measures, None, &mut || job.check_cancel())?;
    let (mut numbers, _) = report(&case, &measures, before.measured.clone(), Some(after));
    numbers.extend(edited.metrics.iter().map(|(name, value)| (format!("method.{name}"), *value)));
    let mut notes = edited.notes;
    let changes = weight_changes(model, &edited.deltas)?;
    if let Some(largest) = changes.iter().max_by(|one, other| one.relative.total_cmp(&other.relative)) {
        numbers.insert("relative_change".to_owned(), largest.relative);
        numbers.insert("change".to_owned(), changes.iter().map(|change| change.norm.powi(2)).sum::<f64>().sqrt());
        if largest.relative > LARGEST_CHANGE {
            notes.push(format!("the change of {} is {:.1} times as large as the weights", largest.parameter, largest.relative));
        }
    }
    if let Some((name, _)) = numbers.iter().find(|(name, value)| !value.is_finite() && !name.starts_with("method.")) {
        return Err(Error::Request(format!("{name} is no finite number")));
    }
    Ok(Outcome { aim, numbers, notes })
}
