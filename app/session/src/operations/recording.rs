//! Writes what this session does into the journal. A journal that cannot be written takes no edit back: it is said,
//! and the edit stays in place as long as the session lasts.

use super::{Journal, Operations, Role};
use crate::error::Error;
use crate::loading::Loaded;
use crate::worker::Worker;
use jiff::{Timestamp, Unit};
use locus_engine::edit::{DeltaFile, Numbered};
use locus_plugin_host::Registry;
use locus_protocol::{Aim, Deed, DeltaMark, EditDeed, Operation, Origin, PluginKind, PluginMark};
use std::collections::BTreeMap;
use std::path::Path;

/// This session's side of the journal.
pub struct Recorder {
    /// The file.
    pub journal: Journal,
    /// How the session uses it.
    pub role: Role,
    /// Tells this run of the program from others.
    run: String,
    /// Whether it computes in the reproducible mode.
    reproducible: bool,
    /// Operations by the numbers that their edits have in this session.
    pub(super) numbers: BTreeMap<u64, u64>,
}

impl Recorder {
    /// A session that begins now.
    #[must_use]
    pub fn new(operations: &Operations, reproducible: bool) -> Self {
        let journal = Journal::new(&operations.folder);
        Self { journal, role: operations.role, run: run_name(), reproducible, numbers: BTreeMap::new() }
    }

    fn origin(&self) -> Option<Origin> {
        match self.role {
            Role::Workbench { .. } => Some(Origin::Workbench),
            Role::Command => Some(Origin::Command),
            Role::Reader => None,
        }
    }

    fn numbers_of(&self, edits: &[Numbered]) -> Vec<u64> {
        edits.iter().filter_map(|edit| self.numbers.get(&edit.number).copied()).collect()
    }

    /// Appends what was done, with what is in place now. `is_new` where the newest edit in place gets its number by it.
    fn append(
        &self,
        origin: Origin,
        loaded: &Loaded,
        deed: Deed,
        weights: BTreeMap<String, String>,
        is_new: bool,
    ) -> Result<u64, Error> {
        let mut in_place = self.numbers_of(loaded.stack.applied());
        let taken_back = self.numbers_of(loaded.stack.undone());
        let operation = self.journal.append(|number| {
            in_place.extend(is_new.then_some(number));
            Operation {
                number,
                time: now(),
                run: self.run.clone(),
                origin,
                model: loaded.mark.clone(),
                reproducible: self.reproducible,
                deed,
                in_place,
                taken_back,
                weights,
            }
        })?;
        Ok(operation.number)
    }

    /// Keeps the change of the newest edit in place.
    fn keep(&self, loaded: &Loaded) -> Result<DeltaMark, Error> {
        let edits: Vec<_> = loaded.stack.applied().last().iter().map(|edit| &edit.edit).collect();
        self.journal.keep(&DeltaFile::bytes(loaded.stack.base(), &loaded.mark, &edits)?)
    }
}

/// A name for this run of the program.
#[must_use]
pub fn run_name() -> String {
    format!("{}-{}", now().replace([':', '-'], ""), std::process::id())
}

/// The time as the journal has it.
#[must_use]
pub fn now() -> String {
    let now = Timestamp::now();
    now.round(Unit::Millisecond).unwrap_or(now).to_string()
}

/// A plugin as it is loaded.
pub fn plugin_mark(registry: &Registry, kind: PluginKind, id: &str) -> PluginMark {
    let loaded = registry.plugins().into_iter().find(|plugin| plugin.kind == kind && plugin.id == id);
    PluginMark {
        id: id.to_owned(),
        version: loaded.map(|plugin| plugin.version).unwrap_or_default(),
        sha256: registry.sha256(kind, id).unwrap_or_default(),
    }
}

/// The operation that put an edit in place first, where it was recorded.
pub fn operation_of(worker: &Worker<'_>, number: u64) -> Option<u64> {
    worker.operations.as_ref()?.numbers.get(&number).copied()
}

/// Records the newest edit in place, which left the weights with these hashes, and gives the number that it has from
/// now on.
pub fn record_edit(worker: &mut Worker<'_>, number: u64, edit: EditDeed, weights: &BTreeMap<String, String>) -> u64 {
    record_new(worker, number, edit, weights.clone(), |edit| Deed::Edit(Box::new(edit)))
}

/// Records the newest edit in place as one that was read from a file.
///
/// # Errors
/// Those of libtorch.
pub fn record_applied(worker: &mut Worker<'_>, file: &Path) -> Result<(), Error> {
    let Some(loaded) = &worker.loaded else { return Ok(()) };
    let Some(newest) = loaded.stack.applied().last() else { return Ok(()) };
    let (number, edit, weights) = (newest.number, &newest.edit, loaded.stack.weights()?);
    let edit = EditDeed {
        title: edit.title.clone(),
        method: edit.method.clone(),
        objective: edit.objective.clone(),
        order: edit.order.clone(),
        changes: newest.changes.clone(),
        aim: Aim::default(),
        scores: None,
        metrics: BTreeMap::new(),
        numbers: BTreeMap::new(),
        notes: Vec::new(),
        verdict: None,
        found_on_unedited: false,
        delta: DeltaMark::default(),
        source: Some(file.to_owned()),
    };
    record_new(worker, number, edit, weights, |edit| Deed::Apply(Box::new(edit)));
    Ok(())
}

/// Records that the edit with a number of this session was taken back.
pub fn record_undo(worker: &mut Worker<'_>, number: u64, weights: &BTreeMap<String, String>) {
    record_move(worker, number, weights, |edit| Deed::Undo { edit });
}

/// Records that the edit with a number of this session was put in place again.
pub fn record_redo(worker: &mut Worker<'_>, number: u64, weights: &BTreeMap<String, String>) {
    record_move(worker, number, weights, |edit| Deed::Redo { edit });
}

fn record_new(
    worker: &mut Worker<'_>,
    number: u64,
    mut edit: EditDeed,
    weights: BTreeMap<String, String>,
    deed: impl FnOnce(EditDeed) -> Deed,
) -> u64 {
    let (Some(recorder), Some(loaded)) = (&mut worker.operations, &mut worker.loaded) else { return number };
    let Some(origin) = recorder.origin() else { return number };
    let recorded = recorder.keep(loaded).and_then(|delta| {
        edit.delta = delta;
        recorder.append(origin, loaded, deed(edit), weights, true)
    });
    match recorded {
        Ok(operation) => {
            // the workbench counts as the journal does, so that numbers stay the same over restarts
            let counts_on = operation >= number && origin == Origin::Workbench;
            let number = if counts_on { operation } else { number };
            if counts_on {
                loaded.stack.renumber_last(number);
            }
            recorder.numbers.insert(number, operation);
            number
        }
        Err(error) => {
            let text = format!("the edit is in place but was not recorded, and ends with this session: {error}");
            worker.emitter.log("engine", "error", text);
            number
        }
    }
}

fn record_move(
    worker: &mut Worker<'_>,
    number: u64,
    weights: &BTreeMap<String, String>,
    deed: impl FnOnce(u64) -> Deed,
) {
    let (Some(recorder), Some(loaded)) = (&worker.operations, &worker.loaded) else { return };
    let Some(origin) = recorder.origin() else { return };
    // an edit that was not recorded is not taken back in the record
    let Some(&operation) = recorder.numbers.get(&number) else { return };
    if let Err(error) = recorder.append(origin, loaded, deed(operation), weights.clone(), false) {
        worker.emitter.log("engine", "error", format!("this was done but not recorded: {error}"));
    }
}
