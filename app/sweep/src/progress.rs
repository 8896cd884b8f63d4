//! How far a sweep is, from its folder alone.

use crate::error::Result;
use crate::ledger::{Damage, Ledger, Rows, WorkerState, workers};
use locus_protocol::SweepRow;
use std::collections::BTreeMap;

/// How far a sweep is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {
    pub title: String,
    pub model: String,
    /// Facts that pass the filters.
    pub facts: usize,
    /// Facts that do not, by the reason.
    pub left_out: BTreeMap<String, usize>,
    /// Cells and localizations of the grid for those facts.
    pub all: usize,
    /// Those that are done, the failed among them.
    pub done: usize,
    /// Those that have failed, by the reason.
    pub failed: BTreeMap<String, usize>,
    /// Rows that belong to no cell of the grid: of facts beyond those that are swept, say.
    pub other_rows: usize,
    pub workers: Vec<WorkerState>,
    /// Seconds of computing that the rows say they took.
    pub seconds: f64,
    /// Lines that are no rows.
    pub damage: Vec<Damage>,
    /// Whether facts are still being looked at: `all` may grow.
    pub is_screening: bool,
}

/// How far the sweep in a folder is.
///
/// # Errors
/// It holds no sweep; a file cannot be read.
pub fn status(folder: &std::path::Path) -> Result<Status> {
    let ledger = Ledger::read(folder)?;
    let rows = ledger.rows()?;
    Ok(of(&ledger, &rows))
}

/// Groups of cells by name of edit, objective, layer and seed that a fact has.
fn cells_of_a_fact(ledger: &Ledger) -> usize {
    let grid = ledger.grid();
    let layers = ledger.identity().layers;
    let edits = grid.edits.iter().map(|edit| edit.objectives.len() * edit.layers.of(layers).map_or(0, |all| all.len()));
    edits.sum::<usize>() * grid.seeds.len() + grid.localizers.len()
}

/// The same of rows that were read.
#[must_use]
pub fn of(ledger: &Ledger, rows: &Rows) -> Status {
    let grid = ledger.grid();
    let mut status = Status {
        title: grid.title.clone(),
        model: ledger.identity().model.name.clone(),
        workers: workers(ledger.folder()),
        damage: rows.damage().to_vec(),
        ..Status::default()
    };
    let mut kept = std::collections::BTreeSet::new();
    let mut facts: Vec<_> =
        rows.iter().filter_map(|row| if let SweepRow::Fact(fact) = row { Some(fact) } else { None }).collect();
    facts.sort_by_key(|fact| fact.index);
    for fact in facts {
        if grid.facts.count.is_some_and(|count| kept.len() >= count) {
            // the rest were looked at together with the last that is swept
            break;
        }
        match &fact.left_out {
            None => {
                kept.insert(fact.fact.clone());
            }
            Some(why) => *status.left_out.entry(why.clone()).or_default() += 1,
        }
    }
    status.facts = kept.len();
    status.all = kept.len() * cells_of_a_fact(ledger);
    status.is_screening =
        grid.facts.count.is_some_and(|count| kept.len() < count) && status.workers.iter().any(|it| it.lives);
    let edits: BTreeMap<String, &crate::EditAxis> = grid.edits.iter().map(|edit| (edit.label(), edit)).collect();
    let localizers: std::collections::BTreeSet<String> =
        grid.localizers.iter().map(crate::LocalizerAxis::label).collect();
    let mut seen = std::collections::BTreeSet::new();
    for row in rows.iter() {
        let (place, seconds) = match row {
            SweepRow::Fact(_) => continue,
            SweepRow::Cell(cell) => {
                let belongs =
                    kept.contains(&cell.fact) && edits.contains_key(&cell.edit) && grid.seeds.contains(&cell.seed);
                let place = format!("{}\0{}\0{}\0{}\0{}", cell.edit, cell.objective, cell.layer, cell.seed, cell.fact);
                (belongs.then_some(place), cell.seconds)
            }
            SweepRow::Localized(found) => {
                let belongs = kept.contains(&found.fact) && localizers.contains(&found.localizer);
                (belongs.then(|| format!("{}\0{}", found.localizer, found.fact)), found.seconds)
            }
        };
        status.seconds += seconds;
        match place {
            Some(place) if seen.insert(place.clone()) => {
                status.done += 1;
                if let Some(why) = row.failed() {
                    *status.failed.entry(why.to_owned()).or_default() += 1;
                }
            }
            _ => status.other_rows += 1,
        }
    }
    status
}

impl Status {
    /// Whether nothing is left to do.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.all > 0 && self.done >= self.all && !self.is_screening
    }

    /// The folder's lines that are no rows, as sentences.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        self.damage.iter().map(ToString::to_string).collect()
    }
}
