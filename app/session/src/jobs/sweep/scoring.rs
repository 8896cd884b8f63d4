//! Edited models scored together: the records of several facts, each under a model with its own edit, which its rows see
//! beside the weights; none is built.

use super::Bench;
use super::ground::{Before, Ground};
use crate::error::Error;
use crate::measures::measuring::goal;
use crate::plugins::preparing::prepare_on;
use locus_engine::edit::low_rank_changes;
use locus_engine::evaluate::{Company, Record, ScoringGoal, VariantOfRecord};
use locus_engine::model::LowRankChange;
use locus_plugin::Edited;
use locus_protocol::{Fact, LogLevel, TriedOn};
use locus_sweep::{Cell, Grid};
use std::rc::Rc;

/// A cell as it is scored.
struct Scored {
    before: Rc<Before>,
    goal: ScoringGoal,
    changes: Vec<LowRankChange>,
}

/// By cell: the likelihoods of its record after its edit; none where they have to be found by themselves, because the edit
/// is not of low rank, the objective noises the subject, or one of the records cannot be scored.
///
/// # Errors
/// The user stopped it.
pub fn together(
    bench: Bench<'_>,
    grid: &Grid,
    facts: &[Fact],
    cells: &[&Cell],
    edits: &[Rc<Edited>],
    ground: &mut Ground,
) -> Result<Vec<Option<Record>>, Error> {
    match all(bench, grid, facts, cells, edits, ground) {
        Err(error) if error.is_cancelled() => Err(error),
        Err(error) => {
            let text = format!("the edits of several facts are scored one at a time: {error}");
            bench.job.log("sweep", LogLevel::Info, text);
            Ok(Vec::new())
        }
        found => found,
    }
}

fn all(
    bench: Bench<'_>,
    grid: &Grid,
    facts: &[Fact],
    cells: &[&Cell],
    edits: &[Rc<Edited>],
    ground: &mut Ground,
) -> Result<Vec<Option<Record>>, Error> {
    let Bench { job, registry, .. } = bench;
    if edits.len() != cells.len() || edits.len() < 2 {
        return Ok(Vec::new());
    }
    let model = job.loaded.stack.base();
    let measures = grid.measures.measures();
    let mut scored: Vec<Option<Scored>> = Vec::new();
    for (cell, edited) in cells.iter().zip(edits) {
        job.check_cancel()?;
        let mut order = cell.order(grid, &facts[cell.fact]);
        let prepared = prepare_on(job, registry, &mut order, TriedOn::Unedited)?;
        let aim = prepared.aims.first().cloned().unwrap_or_default();
        let goal = goal(model, prepared.noise.as_ref(), &aim, &order.fact);
        let changes = match goal.noise {
            None => low_rank_changes(model, &edited.deltas)?,
            Some(_) => None,
        };
        scored.push(match changes {
            Some(changes) => {
                let before = ground.before(bench, &order, &prepared, &measures, grid.facts.skip_marked)?;
                Some(Scored { before, goal, changes })
            }
            None => None,
        });
    }
    let relations: Vec<Vec<&Fact>> =
        scored.iter().flatten().map(|scored| scored.before.relations.iter().collect()).collect();
    let variants = scored.iter().flatten().zip(&relations).map(|(scored, relations)| VariantOfRecord {
        changes: scored.changes.iter().map(LowRankChange::shared).collect(),
        fact: &scored.before.fact,
        goal: &scored.goal,
        relations,
    });
    let mut records = Record::measure_each(model, variants.collect(), Company::on(model.device))?.into_iter();
    Ok(scored.iter().map(|scored| scored.as_ref().and_then(|_| records.next())).collect())
}
