//! Writes what this session does into the journal, before it is put in place: what cannot be recorded is not done.

use crate::emitter::Emitter;
use crate::error::Error;
use crate::model::loaded::Loaded;
use locus_engine::edit::{Arrangement, DeltaFile, Numbered};
use locus_plugin_host::Registry;
use locus_protocol::{
    Aim, Deed, DeltaMark, EditDeed, Event, OPERATION_SCHEMA, Operation, Origin, PluginKind, PluginMark, Role,
};
use locus_records::failure_point::reach;
use locus_records::operations::{Journal, now, run_name};
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

/// This session's side of the journal.
pub struct Recorder {
    pub journal: Journal,
    /// How the session uses it.
    pub role: Role,
    /// Tells this run of the program from others.
    run: String,
    /// Whether it computes in the reproducible mode.
    reproducible: bool,
    /// Operations by the numbers that their edits have in this session.
    pub(crate) numbers: BTreeMap<u64, u64>,
}

/// One thing that is done, with what is in place after it.
pub struct Done {
    what: What,
    after: List,
    /// The file of tensors that are kept with it; empty for none.
    artifacts: Rc<[u8]>,
}

/// What is in place, without the model that it makes: steps may be many, and only the last one's model is needed.
struct List {
    applied: Vec<Numbered>,
    undone: Vec<Numbered>,
    /// Hashes of the parameters that were ever touched.
    weights: BTreeMap<String, String>,
}

impl List {
    fn of(arrangement: &Arrangement) -> Self {
        Self {
            applied: arrangement.applied().to_vec(),
            undone: arrangement.undone().to_vec(),
            weights: arrangement.weights().clone(),
        }
    }
}

enum What {
    /// The newest edit was made.
    Edit(Box<EditDeed>),
    /// The newest edit was read from a file.
    Apply(Box<EditDeed>),
    /// The edit with this number of the session was taken back.
    Undo(u64),
    /// The edit with this number of the session was put in place again.
    Redo(u64),
}

impl Done {
    /// A method made the newest edit, and wants a file of tensors kept with it; empty for none.
    pub fn edit(deed: EditDeed, after: &Arrangement, artifacts: Rc<[u8]>) -> Self {
        Self { what: What::Edit(Box::new(deed)), after: List::of(after), artifacts }
    }

    /// The newest edit was read from a file.
    pub fn apply(file: &Path, after: &Arrangement) -> Self {
        let (edit, changes) =
            after.applied().last().map(|it| (it.edit.clone(), it.changes.clone())).unwrap_or_default();
        let deed = EditDeed {
            title: edit.title.clone(),
            method: edit.method.clone(),
            objective: edit.objective.clone(),
            order: edit.order.clone(),
            changes,
            aim: Aim::default(),
            scores: None,
            metrics: BTreeMap::new(),
            numbers: BTreeMap::new(),
            notes: Vec::new(),
            verdict: None,
            found_on_unedited: false,
            delta: DeltaMark::default(),
            artifacts: None,
            source: Some(file.to_owned()),
        };
        Self { what: What::Apply(Box::new(deed)), after: List::of(after), artifacts: Rc::default() }
    }

    /// The edit with a number was taken back.
    pub fn undo(number: u64, after: &Arrangement) -> Self {
        Self { what: What::Undo(number), after: List::of(after), artifacts: Rc::default() }
    }

    /// The edit with a number was put in place again.
    pub fn redo(number: u64, after: &Arrangement) -> Self {
        Self { what: What::Redo(number), after: List::of(after), artifacts: Rc::default() }
    }

    /// The step that takes this one back: what is in place after it is `before`.
    fn reversed(&self, numbers: &BTreeMap<u64, u64>, before: &Arrangement) -> Self {
        let what = match self.what {
            What::Edit(_) | What::Apply(_) => {
                let newest = self.after.applied.last().map_or(0, |edit| edit.number);
                What::Undo(numbers.get(&newest).copied().unwrap_or(newest))
            }
            What::Undo(number) => What::Redo(number),
            What::Redo(number) => What::Undo(number),
        };
        Self { what, after: List::of(before), artifacts: Rc::default() }
    }
}

/// What came of recording steps.
#[derive(Default)]
pub struct Recorded {
    /// The numbers that new edits have from now on, by those that they had while they were built.
    pub renumbered: BTreeMap<u64, u64>,
    /// Their operations, by the new numbers.
    operations: BTreeMap<u64, u64>,
    /// Numbers of the recorded operations, in order.
    pub lines: Vec<u64>,
}

impl Recorder {
    /// A session that begins now.
    #[must_use]
    pub fn new(folder: &Path, role: Role, reproducible: bool) -> Self {
        let journal = Journal::new(folder);
        Self { journal, role, run: run_name(), reproducible, numbers: BTreeMap::new() }
    }

    fn origin(&self) -> Option<Origin> {
        match self.role {
            Role::Workbench { .. } => Some(Origin::Workbench),
            Role::Command => Some(Origin::Command),
            Role::Reader => None,
        }
    }

    /// Whether what is going to be done can be recorded.
    ///
    /// # Errors
    /// It cannot.
    pub fn check(&self) -> Result<(), Error> {
        if self.origin().is_some() { Ok(self.journal.check()?) } else { Ok(()) }
    }

    /// Writes steps down, all of them or none.
    ///
    /// # Errors
    /// The journal cannot be written.
    pub fn record(&self, loaded: &Loaded, steps: &[Done]) -> Result<Recorded, Error> {
        let Some(origin) = self.origin() else { return Ok(Recorded::default()) };
        let is_made = steps.iter().any(|step| matches!(step.what, What::Edit(_)));
        let facts = is_made.then(|| loaded.facts_mark()).transpose()?;
        let changes = steps.iter().map(|step| step.change(loaded)).collect::<Result<Vec<_>, _>>()?;
        let mut recorded = Recorded::default();
        self.journal.record(|first, keeping| {
            let mut lines = Vec::new();
            let mut operations = self.numbers.clone();
            for (number, (step, change)) in (first..).zip(steps.iter().zip(&changes)) {
                let operation = |edit: u64| {
                    operations.get(&edit).copied().ok_or_else(|| {
                        Error::Request(format!("edit {edit} is not in the journal of operations; nothing was changed"))
                    })
                };
                let kept = |deed: &EditDeed| -> Result<Box<EditDeed>, Error> {
                    let delta = change.as_ref().map(|bytes| keeping.keep(bytes)).transpose()?.unwrap_or_default();
                    let artifacts = Some(&step.artifacts).filter(|bytes| !bytes.is_empty());
                    let artifacts = artifacts.map(|bytes| keeping.keep(bytes)).transpose()?;
                    Ok(Box::new(EditDeed { delta, artifacts, ..deed.clone() }))
                };
                let deed = match &step.what {
                    What::Edit(deed) => Deed::Edit(kept(deed)?),
                    What::Apply(deed) => Deed::Apply(kept(deed)?),
                    What::Undo(edit) => Deed::Undo { edit: operation(*edit)? },
                    What::Redo(edit) => Deed::Redo { edit: operation(*edit)? },
                };
                if let (Deed::Edit(_) | Deed::Apply(_), Some(newest)) = (&deed, step.after.applied.last()) {
                    // the workbench counts as the journal does, so that numbers stay the same over restarts
                    let counts_on = number >= newest.number && origin == Origin::Workbench;
                    let new = if counts_on { number } else { newest.number };
                    recorded.renumbered.insert(newest.number, new);
                    recorded.operations.insert(new, number);
                    operations.insert(newest.number, number);
                }
                let numbers = |edits: &[Numbered]| {
                    edits.iter().filter_map(|edit| operations.get(&edit.number).copied()).collect()
                };
                lines.push(Operation {
                    schema: OPERATION_SCHEMA,
                    program: env!("CARGO_PKG_VERSION").to_owned(),
                    number,
                    time: now(),
                    run: self.run.clone(),
                    origin,
                    model: loaded.mark.clone(),
                    reproducible: self.reproducible,
                    facts: facts.clone().filter(|_| matches!(deed, Deed::Edit(_))),
                    deed,
                    in_place: numbers(&step.after.applied),
                    taken_back: numbers(&step.after.undone),
                    weights: step.after.weights.clone(),
                });
                recorded.lines.push(number);
            }
            Ok::<_, Error>(lines)
        })?;
        Ok(recorded)
    }

    /// The same for a model that is about to take the place of another one: `numbers` are the operations of the edits
    /// that are in place on it already.
    ///
    /// # Errors
    /// Those of [`Self::record`]; what is known of the other model's edits is as it was then.
    pub fn record_anew(
        &mut self,
        numbers: BTreeMap<u64, u64>,
        loaded: &Loaded,
        steps: &[Done],
    ) -> Result<Recorded, Error> {
        let before = std::mem::replace(&mut self.numbers, numbers);
        let recorded = match steps.is_empty() {
            true => Ok(Recorded::default()),
            false => self.record(loaded, steps),
        };
        match &recorded {
            Ok(recorded) => self.note(recorded),
            Err(_) => self.numbers = before,
        }
        recorded
    }

    /// Knows from now on which operations new edits are.
    pub fn note(&mut self, recorded: &Recorded) {
        self.numbers.extend(&recorded.operations);
    }
}

impl Done {
    /// The file of the newest edit, where this step brings one.
    fn change(&self, loaded: &Loaded) -> Result<Option<Vec<u8>>, Error> {
        let (What::Edit(_) | What::Apply(_), Some(newest)) = (&self.what, self.after.applied.last()) else {
            return Ok(None);
        };
        reach("make the file of a change")?;
        Ok(Some(DeltaFile::bytes(loaded.stack.base(), &loaded.mark, &[&newest.edit])?))
    }
}

/// What a step changes, and where it is written down and told.
pub struct Ends<'a> {
    /// The model with the edits in place.
    pub loaded: &'a mut Loaded,
    /// The journal of operations, where the session uses it.
    pub recorder: Option<&'a mut Recorder>,
    pub emitter: &'a Emitter,
}

/// Records a step, puts `after`, which is in place after it, there, and tells it; `event` is made of that and of the
/// operations of edits by their numbers. Whatever fails before leaves everything as it was. Where it cannot be told, since
/// the file of all events cannot be written, it is taken back.
///
/// # Errors
/// The journal of operations or the file of events cannot be written.
pub fn commit(
    ends: &mut Ends<'_>,
    step: &Done,
    mut after: Arrangement,
    event: impl FnOnce(&Arrangement, &BTreeMap<u64, u64>) -> Event,
) -> Result<(), Error> {
    let Ends { loaded, recorder, emitter } = ends;
    emitter.check()?;
    let recorded = match recorder {
        Some(recorder) => recorder.record(loaded, std::slice::from_ref(step))?,
        None => Recorded::default(),
    };
    after.renumber(&recorded.renumbered);
    let mut operations = recorder.as_ref().map(|recorder| recorder.numbers.clone()).unwrap_or_default();
    operations.extend(&recorded.operations);
    let event = event(&after, &operations);
    // nothing fails between the line and what it says
    let before = loaded.stack.commit(after);
    if let Some(recorder) = recorder {
        recorder.note(&recorded);
    }
    match emitter.tell_for_sure(event) {
        Ok(()) => Ok(()),
        Err(error) => Err(take_back(ends, step, &recorded, before, &error)),
    }
}

/// Takes back what was recorded and cannot be told.
fn take_back(ends: &mut Ends<'_>, step: &Done, recorded: &Recorded, before: Arrangement, error: &Error) -> Error {
    let Ends { loaded, recorder, .. } = ends;
    let reversed = [step.reversed(&recorded.renumbered, &before)];
    let result = recorder.as_ref().map_or(Ok(()), |recorder| recorder.record(loaded, &reversed).map(|_| ()));
    Error::Request(match result {
        Ok(()) => {
            loaded.stack.commit(before);
            format!("{error}; the operation could not be reported and was undone")
        }
        Err(second) => {
            let numbers: Vec<String> = recorded.lines.iter().map(ToString::to_string).collect();
            format!(
                "{error}; operation {} is in place and recorded, and cannot be undone: {second}",
                numbers.join(", ")
            )
        }
    })
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
