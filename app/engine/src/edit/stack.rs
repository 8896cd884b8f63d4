//! Edits in place: an edited model is the unedited one plus a list of changes. The unedited weights are never
//! written to, so taking an edit back is exact.

use super::deltas::{difference, hash, layer_of, weight_changes};
use crate::error::{Doing, Result};
use crate::hex;
use crate::model::Model;
use locus_plugin::{Delta, Form};
use locus_protocol::{AimVerdict, EditOrder, Fact, PluginMark, WeightChange};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use tch::{Kind, Tensor};

/// One edit.
#[derive(Debug, Default)]
pub struct Edit {
    /// A few words: method, layers, fact.
    pub title: String,
    /// What was ordered, with all settings filled in.
    pub order: EditOrder,
    /// The method that made it.
    pub method: PluginMark,
    /// The objective that it was made for.
    pub objective: PluginMark,
    /// The changes.
    pub deltas: Vec<Delta>,
    /// Whether it reached its aim when it was made, where that is known.
    pub verdict: Option<AimVerdict>,
}

impl Edit {
    /// The fact that was edited, the first of several.
    #[must_use]
    pub fn fact(&self) -> &Fact {
        &self.order.fact
    }

    /// How many facts were edited.
    #[must_use]
    pub fn facts(&self) -> usize {
        1 + self.order.more.len()
    }

    /// Each change in a few words: parameter, form, size.
    pub fn changes(&self) -> impl Iterator<Item = String> {
        self.deltas.iter().map(|delta| match &delta.form {
            Form::Dense(whole) => format!("{}: dense {:?}", delta.parameter, whole.size()),
            Form::LowRank { left, right } => {
                let [rows, rank] = left.size()[..] else { return format!("{}: no factors", delta.parameter) };
                let columns = right.size().last().copied().unwrap_or_default();
                format!("{}: rank {rank} of [{rows}, {columns}]", delta.parameter)
            }
        })
    }
}

/// An edit with the number it got when it was put in place.
#[derive(Debug)]
pub struct Numbered {
    /// Counts from 1 and is never given twice.
    pub number: u64,
    /// The edit.
    pub edit: Edit,
    /// How far it alone moves each parameter that it changes from the checkpoint.
    pub changes: Vec<WeightChange>,
}

impl Numbered {
    fn new(number: u64, edit: Edit, base: &Model) -> Result<Self> {
        let changes = weight_changes(base, &edit.deltas)?;
        Ok(Self { number, edit, changes })
    }
}

/// The unedited model, the edits in place, and the model they make.
#[derive(Debug)]
pub struct EditStack {
    base: Model,
    edited: Option<Model>,
    /// By number.
    applied: Vec<Numbered>,
    undone: Vec<Numbered>,
    next: u64,
    /// Hashes of the unedited values of all parameters that an edit ever touched.
    pristine: HashMap<String, String>,
}

impl EditStack {
    /// No edit yet.
    #[must_use]
    pub fn new(base: Model) -> Self {
        Self { base, edited: None, applied: Vec::new(), undone: Vec::new(), next: 1, pristine: HashMap::new() }
    }

    /// The model with all edits in place.
    #[must_use]
    pub fn model(&self) -> &Model {
        self.edited.as_ref().unwrap_or(&self.base)
    }

    /// The unedited model.
    #[must_use]
    pub fn base(&self) -> &Model {
        &self.base
    }

    /// Edits in place, the oldest first.
    #[must_use]
    pub fn applied(&self) -> &[Numbered] {
        &self.applied
    }

    /// Edits taken back, the one that [`Self::redo`] takes last.
    #[must_use]
    pub fn undone(&self) -> &[Numbered] {
        &self.undone
    }

    /// Puts an edit in place and gives its number. Edits taken back before are forgotten.
    ///
    /// # Errors
    /// A change that does not fit; nothing is changed then. Use [`super::check`] before.
    pub fn apply(&mut self, edit: Edit) -> Result<u64> {
        let model = self.trial(&edit.deltas)?;
        let changes = weight_changes(&self.base, &edit.deltas)?;
        self.apply_built(edit, changes, model)
    }

    /// The same where [`Self::trial`] has made the model already, and the changes are known.
    ///
    /// # Errors
    /// Those of libtorch; nothing is changed then.
    pub fn apply_built(&mut self, edit: Edit, changes: Vec<WeightChange>, model: Model) -> Result<u64> {
        self.remember(&edit)?;
        let number = self.next;
        self.insert(self.applied.len(), Numbered { number, edit, changes }, model);
        self.next += 1;
        self.undone.clear();
        Ok(number)
    }

    /// Takes the last edit back; `false` where there is none.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn undo(&mut self) -> Result<bool> {
        match self.applied.last().map(|edit| edit.number) {
            Some(number) => self.remove(number),
            None => Ok(false),
        }
    }

    /// Takes one edit back, whatever came after it: the later edits' changes stay as they were found. `false` where
    /// no edit in place has that number.
    ///
    /// # Errors
    /// Those of libtorch; nothing is changed then.
    pub fn remove(&mut self, number: u64) -> Result<bool> {
        let Some(index) = self.applied.iter().position(|edit| edit.number == number) else { return Ok(false) };
        let removed = self.applied.remove(index);
        match self.build() {
            Ok(edited) => {
                self.edited = edited;
                self.undone.push(removed);
                Ok(true)
            }
            Err(error) => {
                self.applied.insert(index, removed);
                Err(error)
            }
        }
    }

    /// Puts the edit that was taken back last in its old place again and gives its number; `None` where there is none.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn redo(&mut self) -> Result<Option<u64>> {
        let Some(edit) = self.undone.last() else { return Ok(None) };
        let number = edit.number;
        let place = self.applied.partition_point(|earlier| earlier.number < number);
        let (below, above) = self.applied.split_at(place);
        let all = below.iter().chain([edit]).chain(above);
        let model = self.built(all.flat_map(|edit| &edit.edit.deltas))?;
        // what was in place once is remembered already
        if let Some(edit) = self.undone.pop() {
            self.insert(place, edit, model);
        }
        Ok(Some(number))
    }

    /// Has the edits be these and no others, each under the number that it is given; `applied` by number, the next of
    /// `undone` last.
    ///
    /// # Errors
    /// A change that does not fit; nothing is changed then. Use [`super::check`] before.
    pub fn replace(&mut self, applied: Vec<(u64, Edit)>, undone: Vec<(u64, Edit)>) -> Result<()> {
        let numbered = |edits: Vec<(u64, Edit)>| -> Result<Vec<Numbered>> {
            edits.into_iter().map(|(number, edit)| Numbered::new(number, edit, &self.base)).collect()
        };
        let (applied, undone) = (numbered(applied)?, numbered(undone)?);
        let deltas = || applied.iter().flat_map(|edit| &edit.edit.deltas);
        let edited = if applied.is_empty() { None } else { Some(self.built(deltas())?) };
        for edit in applied.iter().chain(&undone) {
            self.remember(&edit.edit)?;
        }
        let last = applied.iter().chain(&undone).map(|edit| edit.number).max().unwrap_or(0);
        self.next = self.next.max(last + 1);
        (self.edited, self.applied, self.undone) = (edited, applied, undone);
        Ok(())
    }

    /// Gives the newest edit in place another number, which is not lower than any that was given.
    pub fn renumber_last(&mut self, number: u64) {
        if let Some(last) = self.applied.last_mut() {
            last.number = number;
            self.next = self.next.max(number + 1);
        }
    }

    /// Hashes of all parameters that an edit ever touched, as they are now.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn weights(&self) -> Result<BTreeMap<String, String>> {
        let known = self.pristine.keys().filter_map(|name| Some((name, self.model().parameter(name)?)));
        known.map(|(name, now)| Ok((name.clone(), hex(&hash(&now)?)))).collect()
    }

    /// How far every parameter that an edit in place touches is from the checkpoint, by all edits together.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn changes(&self) -> Result<Vec<WeightChange>> {
        let _guard = tch::no_grad_guard();
        let touched: BTreeSet<&String> =
            self.applied.iter().flat_map(|edit| &edit.edit.deltas).map(|delta| &delta.parameter).collect();
        let change = |name: &String| {
            let found = self.base.parameter(name).zip(self.model().parameter(name));
            let Some((before, now)) = found else { return Ok(None) };
            let before = before.f_to_kind(Kind::Float)?;
            let norm = now.f_to_kind(Kind::Float)?.f_sub(&before)?.f_norm()?.f_double_value(&[])?;
            let relative = norm / before.f_norm()?.f_double_value(&[])?;
            Ok(Some(WeightChange { parameter: name.clone(), layer: layer_of(&self.base, name), norm, relative }))
        };
        touched.into_iter().filter_map(|name| change(name).transpose()).collect()
    }

    /// Keeps the hashes of the unedited values of what an edit touches.
    fn remember(&mut self, edit: &Edit) -> Result<()> {
        for delta in &edit.deltas {
            if self.pristine.contains_key(&delta.parameter) {
                continue;
            }
            if let Some(parameter) = self.base.parameter(&delta.parameter) {
                self.pristine.insert(delta.parameter.clone(), hex(&hash(&parameter)?));
            }
        }
        Ok(())
    }

    /// Puts an edit at a place among those in place; `model` is what they make with it.
    fn insert(&mut self, place: usize, edit: Numbered, model: Model) {
        self.applied.insert(place, edit);
        self.edited = Some(model);
    }

    /// Whether all weights that were ever touched are bit by bit those of the checkpoint. Compared, not assumed.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn is_unedited(&self) -> Result<bool> {
        Ok(self.is_checkpoint(&self.weights()?))
    }

    /// The same by hashes as [`Self::weights`] gives them.
    #[must_use]
    pub fn is_checkpoint(&self, weights: &BTreeMap<String, String>) -> bool {
        self.pristine.iter().all(|(name, before)| weights.get(name) == Some(before))
    }

    /// The model that the edits in place and further changes would make. Nothing is put in place.
    ///
    /// # Errors
    /// A change that does not fit. Use [`super::check`] before.
    pub fn trial(&self, deltas: &[Delta]) -> Result<Model> {
        self.built(self.applied.iter().flat_map(|edit| &edit.edit.deltas).chain(deltas))
    }

    /// The model that changes alone would make of the unedited one, whatever is in place. Nothing is put in place.
    ///
    /// # Errors
    /// A change that does not fit. Use [`super::check`] before.
    pub fn trial_on_unedited(&self, deltas: &[Delta]) -> Result<Model> {
        self.built(deltas.iter())
    }

    /// The model that the edits in place make; `None` for none.
    fn build(&self) -> Result<Option<Model>> {
        if self.applied.is_empty() {
            return Ok(None);
        }
        self.built(self.applied.iter().flat_map(|edit| &edit.edit.deltas)).map(Some)
    }

    fn built<'a>(&self, deltas: impl Iterator<Item = &'a Delta>) -> Result<Model> {
        let _guard = tch::no_grad_guard();
        let mut values: Vec<(String, Tensor)> = Vec::new();
        for delta in deltas {
            let Some(parameter) = self.base.parameter(&delta.parameter) else { continue };
            let difference = difference(&delta.form, &parameter)?;
            let known = values.iter_mut().find(|(name, _)| *name == delta.parameter);
            let value = match &known {
                Some((_, value)) => value.f_add(&difference),
                None => parameter.f_to_kind(difference.kind()).and_then(|value| value.f_add(&difference)),
            };
            let value = value.doing(|| format!("adding a change to `{}`", delta.parameter))?;
            match known {
                Some((_, slot)) => *slot = value,
                None => values.push((delta.parameter.clone(), value)),
            }
        }
        self.base.with_parameters(&values)
    }
}
