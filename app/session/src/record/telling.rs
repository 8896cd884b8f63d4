//! What is told of the edits in place.

use crate::error::Error;
use crate::model::loaded::Loaded;
use crate::model::rows::{mark, rows_of};
use locus_engine::edit::{Arrangement, Numbered};
use locus_protocol::{EditInPlace, Event, Fact, LayerRow};
use locus_records::failure_point::reach;
use std::collections::BTreeMap;

/// The rows for `fact` of the model that an arrangement makes.
pub fn rows_in(loaded: &Loaded, arrangement: &Arrangement, fact: &Fact) -> Result<Vec<LayerRow>, Error> {
    reach("look at the edited model")?;
    // nothing is in place and nothing was: there is no fact to look at
    let mut rows = match fact.template.is_empty() {
        true => Vec::new(),
        false => rows_of(arrangement.model(loaded.stack.base()), fact)?,
    };
    if let Some(edit) = arrangement.applied().last() {
        mark(&mut rows, &edit.changes);
    }
    Ok(rows)
}

/// What is told of an arrangement that is in place; `operations` has the operations of edits by their numbers.
pub fn edits(arrangement: &Arrangement, rows: Vec<LayerRow>, operations: &BTreeMap<u64, u64>) -> Event {
    Event::Edits {
        applied: list(operations, arrangement.applied()),
        undone: list(operations, arrangement.undone()),
        rows,
        unedited: arrangement.is_unedited(),
        weights: arrangement.weights().clone(),
    }
}

/// Edits as a list shows them: numbers, titles, norms of their changes, the verdicts on them.
fn list(operations: &BTreeMap<u64, u64>, edits: &[Numbered]) -> Vec<EditInPlace> {
    let entry = |Numbered { number, edit, changes }: &Numbered| {
        let told = EditInPlace::new(*number, &edit.title, changes, edit.facts());
        EditInPlace { operation: operations.get(number).copied(), ..told }
            .of_facts(edit.order.facts())
            .judged(edit.verdict.as_ref())
    };
    edits.iter().map(entry).collect()
}
