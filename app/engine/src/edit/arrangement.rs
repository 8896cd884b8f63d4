//! Edits in place and those that were taken back, with the model that they make: built as a whole before it takes the
//! place of another one.

use super::deltas::{Changed, by_parameter, hash, weight_changes};
use super::stack::WeightEdit;
use crate::error::Result;
use crate::hex;
use crate::model::Model;
use locus_plugin::Delta;
use locus_protocol::WeightChange;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::rc::Rc;

/// An edit with the number it got when it was put in place.
#[derive(Clone, Debug)]
pub struct Numbered {
    /// Counts from 1 and is never given twice.
    pub number: u64,
    pub edit: Rc<WeightEdit>,
    /// How far it alone moves each parameter that it changes from the checkpoint.
    pub changes: Vec<WeightChange>,
}

impl Numbered {
    pub(super) fn new(number: u64, edit: WeightEdit, base: &Model) -> Result<Self> {
        let changes = weight_changes(base, &edit.deltas)?;
        Ok(Self { number, edit: Rc::new(edit), changes })
    }
}

/// A set of edits that can be put in place: [`super::EditStack::commit`] does so and cannot fail.
#[derive(Clone, Debug)]
pub struct Arrangement {
    /// Edits in place, each with its number, in the order in which they were applied.
    pub(super) applied: Vec<Numbered>,
    /// The one that is put in place again next comes last.
    pub(super) undone: Vec<Numbered>,
    /// What they make of the unedited model; `None` for no edit.
    pub(super) edited: Option<Rc<Model>>,
    /// The next new edit's number.
    pub(super) next: u64,
    /// Hashes of the unedited values of all parameters that an edit ever touched.
    pub(super) pristine: BTreeMap<String, String>,
    /// Their hashes in this arrangement.
    pub(super) weights: BTreeMap<String, String>,
}

impl Arrangement {
    pub(super) fn none() -> Self {
        Self {
            applied: Vec::new(),
            undone: Vec::new(),
            edited: None,
            next: 1,
            pristine: BTreeMap::new(),
            weights: BTreeMap::new(),
        }
    }

    /// Edits in place, the oldest first.
    #[must_use]
    pub fn applied(&self) -> &[Numbered] {
        &self.applied
    }

    /// Edits taken back, the one that is put in place again next comes last.
    #[must_use]
    pub fn undone(&self) -> &[Numbered] {
        &self.undone
    }

    /// The changes of all edits in place, in their order.
    pub(super) fn deltas(&self) -> impl Iterator<Item = &Delta> {
        self.applied.iter().flat_map(|edit| &edit.edit.deltas)
    }

    /// The model that they make of `base`.
    #[must_use]
    pub fn model<'a>(&'a self, base: &'a Model) -> &'a Model {
        self.edited.as_deref().unwrap_or(base)
    }

    /// SHA-256 of every parameter that an edit ever touched, as it is in this arrangement.
    #[must_use]
    pub fn weights(&self) -> &BTreeMap<String, String> {
        &self.weights
    }

    /// Whether all weights that were ever touched are bit by bit those of the checkpoint. Compared, not assumed.
    #[must_use]
    pub fn is_unedited(&self) -> bool {
        self.pristine == self.weights
    }

    /// Gives edits other numbers, by those that they have. Edits in place stay in their order, so the new numbers have
    /// to rise as the old ones do.
    pub fn renumber(&mut self, numbers: &BTreeMap<u64, u64>) {
        for edit in self.applied.iter_mut().chain(&mut self.undone) {
            edit.number = numbers.get(&edit.number).copied().unwrap_or(edit.number);
            self.next = self.next.max(edit.number.saturating_add(1));
        }
    }

    /// Takes the hashes of what its edits touch: unedited once, as they are now each time.
    pub(super) fn measured(mut self, base: &Model) -> Result<Self> {
        for Changed { name, value, .. } in by_parameter(base, self.applied.iter().flat_map(|edit| &edit.edit.deltas))? {
            if let Entry::Vacant(new) = self.pristine.entry(name) {
                new.insert(hex(&hash(&value)?));
            }
        }
        self.weights = hashes(self.model(base), self.pristine.keys())?;
        Ok(self)
    }
}

/// SHA-256 of parameters of a model by their names.
pub(super) fn hashes<'a>(model: &Model, names: impl Iterator<Item = &'a String>) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for name in names {
        if let Some(parameter) = model.parameter(name) {
            found.insert(name.clone(), hex(&hash(&parameter)?));
        }
    }
    Ok(found)
}
