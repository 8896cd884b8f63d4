//! Puts edits of the journal in place from their changes.

use super::recording::Recorder;
use super::telling::rows_in;
use crate::error::Error;
use crate::model::loaded::Loaded;
use locus_engine::edit::{Arrangement, DeltaFile, WeightEdit};
use locus_protocol::{Fact, LayerRow, LogLevel, Operation, Role, counted};
use locus_records::failure_point::reach;
use locus_records::operations::{Read, Standing};
use std::collections::BTreeMap;

/// What earlier sessions left in place on a model.
pub struct TakenOver {
    /// What is in place.
    pub after: Arrangement,
    /// Rows of the model that it makes.
    pub rows: Vec<LayerRow>,
    /// Operations by the numbers that their edits have in this session.
    pub numbers: BTreeMap<u64, u64>,
    /// What to say: source, level and a sentence each.
    pub said: Vec<(&'static str, LogLevel, String)>,
}

/// Builds what was in place when the workbench last had the model that is being loaded; `None` for nothing.
pub fn take_over(recorder: &Recorder, loaded: &Loaded) -> Result<Option<TakenOver>, Error> {
    if recorder.role != (Role::Workbench { takes_over: true }) {
        return Ok(None);
    }
    reach("read the journal to take it over")?;
    let read = recorder.journal.read()?;
    if let Some(refusal) = read.refusal() {
        return Err(Error::Request(refusal));
    }
    let mut said: Vec<_> =
        read.complaints.iter().map(|complaint| ("engine", LogLevel::Warning, complaint.clone())).collect();
    let standing = read.standing(&loaded.mark.fingerprint);
    let mut find = |numbers: &[u64]| {
        let mut found = Vec::new();
        for &number in numbers {
            match look_up(recorder, loaded, &read, number) {
                Ok(edit) => found.push(edit),
                Err(error) => {
                    let text = format!("the edit of operation {number} is not restored: {error}");
                    said.push(("engine", LogLevel::Warning, text));
                }
            }
        }
        found
    };
    let (applied, undone) = (find(&standing.in_place), find(&standing.taken_back));
    let numbers = applied.iter().chain(&undone).map(|(number, _)| (*number, *number)).collect();
    let (placed, redoable) = (applied.len(), undone.len());
    let (after, fact) = arrange(loaded, applied, undone)?;
    if let Some(last) = read.operations.iter().rev().find(|operation| left(operation, loaded, &standing))
        && let Some(name) = differing(&after, last)
    {
        let text = format!(
            "the last bits of `{name}` differ from those after operation {} (another device or another libtorch)",
            last.number
        );
        said.push(("engine", LogLevel::Warning, text));
    }
    if standing != Standing::default() {
        let text = format!(
            "restored from earlier sessions: {} in place, {} undone; --fresh starts without them",
            counted(placed, "edit"),
            counted(redoable, "edit")
        );
        said.push(("edits", LogLevel::Info, text));
    }
    let rows = rows_in(loaded, &after, &fact)?;
    Ok(Some(TakenOver { after, rows, numbers, said }))
}

/// Whether an operation left the model as it stands, and knew its weights.
fn left(operation: &Operation, loaded: &Loaded, standing: &Standing) -> bool {
    operation.model.fingerprint == loaded.mark.fingerprint
        && operation.in_place == standing.in_place
        && !operation.weights.is_empty()
}

/// A parameter that has other bits than after an operation.
fn differing(after: &Arrangement, operation: &Operation) -> Option<String> {
    let complete = after.applied().len() == operation.in_place.len();
    let mut weights = after.weights().iter().filter(|_| complete);
    weights.find(|(name, hash)| operation.weights.get(*name) != Some(hash)).map(|(name, _)| name.clone())
}

/// The edit of an operation, checked against the model.
pub fn look_up(recorder: &Recorder, loaded: &Loaded, read: &Read, number: u64) -> Result<(u64, WeightEdit), Error> {
    let missing = || Error::Request(format!("the journal has no edit {number}"));
    let edit = read.find(number).and_then(Operation::edit).ok_or_else(missing)?;
    let file = recorder.journal.delta(&edit.delta);
    let delta = DeltaFile::read_exactly(&file, &edit.delta.sha256)?;
    delta.fits(&file, loaded.stack.base(), &loaded.mark)?;
    let read = delta.edits.into_iter().next().ok_or_else(missing)?;
    Ok((number, WeightEdit { verdict: edit.verdict.clone(), ..read }))
}

/// These edits and no others, and the fact whose rows are shown.
pub fn arrange(
    loaded: &Loaded,
    applied: Vec<(u64, WeightEdit)>,
    undone: Vec<(u64, WeightEdit)>,
) -> Result<(Arrangement, Fact), Error> {
    reach("build with the edits of the journal")?;
    let shown = applied.last().or(undone.last()).map(|(_, edit)| edit.fact().clone()).unwrap_or_default();
    Ok((loaded.stack.arranged(applied, undone)?, shown))
}
