//! `locus undo` and `locus redo`: what the next start of the workbench puts in place.

use crate::cli::arguments::Common;
use crate::cli::{Failure, log, output};
use locus_protocol::shown::{message, shown};
use locus_protocol::{Deed, OPERATION_SCHEMA, Operation, Origin, counted};
use locus_records::Error;
use locus_records::operations::{Journal, Read, now, run_name};
use std::collections::BTreeMap;

/// Undoes an edit; without a number, the last one.
///
/// # Errors
/// It is not in place.
pub fn undo(common: &Common, number: Option<u64>) -> Result<(), Failure> {
    change(common, number, Move::Undo)
}

/// Redoes an edit; without a number, the one undone last.
///
/// # Errors
/// It is in place, or is none.
pub fn redo(common: &Common, number: Option<u64>) -> Result<(), Failure> {
    change(common, number, Move::Redo)
}

#[derive(Clone, Copy)]
enum Move {
    Undo,
    Redo,
}

fn change(common: &Common, number: Option<u64>, what: Move) -> Result<(), Failure> {
    let (journal, before) = log::read_to_go_on()?;
    if let Some(number) = number {
        log::find(&before, number)?;
    }
    let operation = journal.append_after(|next, read| made(&journal, read, number, what, next))?;
    if common.json {
        return log::record(&operation);
    }
    output::print(&shown(&message(&log::what(&before, &operation))))?;
    let model = shown(&operation.model.name);
    Ok(output::print(&match operation.in_place.len() {
        0 => format!("the next start of the workbench on {model} applies no edit"),
        edits => format!("the next start of the workbench on {model} applies {}", counted(edits, "edit")),
    })?)
}

/// The operation that is appended as number `next`.
fn made(journal: &Journal, read: &Read, number: Option<u64>, what: Move, next: u64) -> Result<Operation, Error> {
    let wrong = |text: String| Error::Request(text);
    let model = match number {
        Some(number) => read.find(number),
        None => read.operations.iter().rev().find(|operation| operation.origin == Origin::Workbench),
    };
    let model = model.map(|operation| operation.model.clone());
    let model =
        model.ok_or_else(|| wrong("the workbench has left no edit in place; nothing was changed".to_owned()))?;
    let standing = read.standing(&model.fingerprint);
    let (edit, after, deed) = match what {
        Move::Undo => {
            let edit = number.or(standing.in_place.last().copied());
            let edit = edit.ok_or_else(|| wrong(format!("no edit of `{}` is in place", model.name)))?;
            (edit, standing.without(edit), Deed::Undo { edit })
        }
        Move::Redo => {
            let edit = number.or(standing.taken_back.last().copied());
            let edit = edit.ok_or_else(|| wrong(format!("no edit of `{}` can be redone", model.name)))?;
            (edit, standing.with(edit), Deed::Redo { edit })
        }
    };
    let made = read.find(edit).and_then(Operation::edit);
    let made =
        made.ok_or_else(|| wrong(format!("operation {edit} is not an edit; name one that `locus log` lists")))?;
    let after = after.ok_or_else(|| match what {
        Move::Undo => wrong(format!("operation {edit} is not in place; `locus log` lists what is")),
        Move::Redo => wrong(format!("operation {edit} is already in place")),
    })?;
    let delta = journal.delta(&made.delta);
    if matches!(what, Move::Redo) && !delta.is_file() {
        return Err(wrong(format!("{}: the change of operation {edit} no longer exists", delta.display())));
    }
    Ok(Operation {
        schema: OPERATION_SCHEMA,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        number: next,
        time: now(),
        run: run_name(),
        origin: Origin::Workbench,
        model,
        // nothing is computed: the next start puts the edits in place
        reproducible: false,
        facts: None,
        deed,
        in_place: after.in_place,
        taken_back: after.taken_back,
        weights: BTreeMap::new(),
    })
}
