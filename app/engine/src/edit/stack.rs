//! Edits in place: an edited model is the unedited one plus a list of changes. The unedited weights are never
//! written to, so taking an edit back is exact.
//!
//! A change of the list is built first, as an [`Arrangement`], and then put in place by [`EditStack::commit`]: whatever
//! fails meanwhile leaves list and weights as they were.

use super::arrangement::{Arrangement, Numbered, hashes};
use super::deltas::{Changed, by_parameter, difference, is_finite, layer_of, weight_changes};
use super::number_format;
use super::taking::wrong;
use crate::error::{Doing, Error, Result};
use crate::model::Model;
use locus_plugin::{Delta, Form};
use locus_protocol::{AimVerdict, EditOrder, Fact, PluginMark, WeightChange};
use std::collections::BTreeMap;
use std::rc::Rc;
use tch::{Kind, Tensor};

/// An edit as changes of weights: what was ordered, and what a method made of it.
#[derive(Debug, Default)]
pub struct WeightEdit {
    /// A few words: method, layers, fact.
    pub title: String,
    /// What was ordered, with all settings filled in.
    pub order: EditOrder,
    /// The method that made it.
    pub method: PluginMark,
    /// The objective that it was made for.
    pub objective: PluginMark,
    pub deltas: Vec<Delta>,
    /// The verdict on it when it was made, where that is known.
    pub verdict: Option<AimVerdict>,
}

impl WeightEdit {
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

/// The unedited model, the edits in place, and the model they make.
#[derive(Debug)]
pub struct EditStack {
    base: Model,
    now: Arrangement,
}

impl EditStack {
    /// A stack without edits on a model.
    #[must_use]
    pub fn new(base: Model) -> Self {
        Self { base, now: Arrangement::none() }
    }

    /// Another one with the same edits in place, which shares all weights: what is put in place or taken back there is
    /// not here.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn beside(&self) -> Result<Self> {
        Ok(Self { base: self.base.with_parameters(&[])?, now: self.now.clone() })
    }

    /// The model with all edits in place.
    #[must_use]
    pub fn model(&self) -> &Model {
        self.now.model(&self.base)
    }

    /// The unedited model.
    #[must_use]
    pub fn base(&self) -> &Model {
        &self.base
    }

    /// What is in place.
    #[must_use]
    pub fn now(&self) -> &Arrangement {
        &self.now
    }

    /// Edits in place, the oldest first.
    #[must_use]
    pub fn applied(&self) -> &[Numbered] {
        &self.now.applied
    }

    /// Edits taken back, the one that is put in place again next comes last.
    #[must_use]
    pub fn undone(&self) -> &[Numbered] {
        &self.now.undone
    }

    /// Puts what was built in place, and gives what was there before.
    pub fn commit(&mut self, next: Arrangement) -> Arrangement {
        std::mem::replace(&mut self.now, next)
    }

    /// What `before` becomes with one more edit, which gets the next number. Edits taken back are forgotten.
    ///
    /// # Errors
    /// A change that does not fit; weights that are not finite. Use [`super::check`] before.
    pub fn with(&self, before: &Arrangement, edit: WeightEdit) -> Result<Arrangement> {
        let model = self.built(before.deltas().chain(&edit.deltas), None)?;
        let changes = weight_changes(&self.base, &edit.deltas)?;
        self.with_built_on(before, Rc::new(edit), changes, model)
    }

    /// The same on what is in place, where [`Self::trial`] has made the model already, and the changes are known.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn with_built(&self, edit: Rc<WeightEdit>, changes: Vec<WeightChange>, model: Model) -> Result<Arrangement> {
        self.with_built_on(&self.now, edit, changes, model)
    }

    fn with_built_on(
        &self,
        before: &Arrangement,
        edit: Rc<WeightEdit>,
        changes: Vec<WeightChange>,
        model: Model,
    ) -> Result<Arrangement> {
        let mut after = before.clone();
        after.applied.push(Numbered { number: before.next, edit, changes });
        after.undone.clear();
        after.edited = Some(Rc::new(model));
        after.next = before.next.saturating_add(1);
        after.measured(&self.base)
    }

    /// What is in place without one edit, whatever came after it: the later edits' changes stay as they were found.
    /// `None` where no edit in place has that number.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn without(&self, number: u64) -> Result<Option<Arrangement>> {
        let Some(place) = self.now.applied.iter().position(|edit| edit.number == number) else { return Ok(None) };
        let mut after = self.now.clone();
        let removed = after.applied.remove(place);
        after.undone.push(removed);
        self.rebuilt(after).map(Some)
    }

    /// What is in place with the edit that was taken back last in its old place again, and its number; `None` where
    /// there is none.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn with_last_undone(&self) -> Result<Option<(u64, Arrangement)>> {
        let mut after = self.now.clone();
        let Some(edit) = after.undone.pop() else { return Ok(None) };
        let number = edit.number;
        let place = after.applied.partition_point(|earlier| earlier.number < number);
        after.applied.insert(place, edit);
        Ok(Some((number, self.rebuilt(after)?)))
    }

    /// These edits and no others, each under the number that it is given; `applied` by number, the next of `undone`
    /// last.
    ///
    /// # Errors
    /// A change that does not fit; weights that are not finite. Use [`super::check`] before.
    pub fn arranged(&self, applied: Vec<(u64, WeightEdit)>, undone: Vec<(u64, WeightEdit)>) -> Result<Arrangement> {
        let numbered = |edits: Vec<(u64, WeightEdit)>| -> Result<Vec<Numbered>> {
            edits.into_iter().map(|(number, edit)| Numbered::new(number, edit, &self.base)).collect()
        };
        let mut after = self.now.clone();
        (after.applied, after.undone) = (numbered(applied)?, numbered(undone)?);
        let last = after.applied.iter().chain(&after.undone).map(|edit| edit.number).max().unwrap_or(0);
        after.next = after.next.max(last.saturating_add(1));
        self.rebuilt(after)
    }

    /// An arrangement with the model that its edits make.
    fn rebuilt(&self, mut after: Arrangement) -> Result<Arrangement> {
        after.edited = match after.applied.is_empty() {
            true => None,
            false => Some(Rc::new(self.built(after.deltas(), None)?)),
        };
        after.measured(&self.base)
    }

    /// Puts an edit in place and gives its number. Edits taken back before are forgotten.
    ///
    /// # Errors
    /// Those of [`Self::with`]; nothing is changed then.
    pub fn apply(&mut self, edit: WeightEdit) -> Result<u64> {
        let (number, next) = (self.now.next, self.with(&self.now, edit)?);
        self.commit(next);
        Ok(number)
    }

    /// Takes the last edit back; `false` where there is none.
    ///
    /// # Errors
    /// Those of libtorch; nothing is changed then.
    pub fn undo(&mut self) -> Result<bool> {
        match self.now.applied.last().map(|edit| edit.number) {
            Some(number) => self.remove(number),
            None => Ok(false),
        }
    }

    /// Takes one edit back, see [`Self::without`]. `false` where no edit in place has that number.
    ///
    /// # Errors
    /// Those of libtorch; nothing is changed then.
    pub fn remove(&mut self, number: u64) -> Result<bool> {
        let next = self.without(number)?;
        Ok(next.map(|next| self.commit(next)).is_some())
    }

    /// Puts the edit that was taken back last in its old place again and gives its number; `None` where there is none.
    ///
    /// # Errors
    /// Those of libtorch; nothing is changed then.
    pub fn redo(&mut self) -> Result<Option<u64>> {
        let Some((number, next)) = self.with_last_undone()? else { return Ok(None) };
        self.commit(next);
        Ok(Some(number))
    }

    /// Hashes of all parameters that an edit ever touched, as they are now.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn weights(&self) -> Result<BTreeMap<String, String>> {
        hashes(self.model(), self.now.pristine.keys())
    }

    /// How far every parameter that an edit in place touches is from the checkpoint, by all edits together.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn changes(&self) -> Result<Vec<WeightChange>> {
        self.changes_in(self.now.deltas(), self.model())
    }

    /// The same of the model without some of them, which [`Self::leaving_out`] gives.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn changes_leaving_out(&self, numbers: &[u64], model: &Model) -> Result<Vec<WeightChange>> {
        self.changes_in(self.deltas_leaving_out(numbers), model)
    }

    fn changes_in<'a>(&self, deltas: impl Iterator<Item = &'a Delta>, model: &Model) -> Result<Vec<WeightChange>> {
        let _guard = tch::no_grad_guard();
        let mut changes = Vec::new();
        for Changed { name, value, .. } in by_parameter(&self.base, deltas)? {
            let Some(now) = model.parameter(&name) else { continue };
            let before = value.f_to_kind(Kind::Float)?;
            let norm = now.f_to_kind(Kind::Float)?.f_sub(&before)?.f_norm()?.f_double_value(&[])?;
            let relative = norm / before.f_norm()?.f_double_value(&[])?;
            changes.push(WeightChange { layer: layer_of(&self.base, &name), parameter: name, norm, relative });
        }
        changes.sort_by(|one, other| one.parameter.cmp(&other.parameter));
        Ok(changes)
    }

    /// Whether all weights that were ever touched are bit by bit those of the checkpoint. Compared, not assumed.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn is_unedited(&self) -> Result<bool> {
        Ok(self.weights()? == self.now.pristine)
    }

    /// The model that the edits in place make but for some, whatever came after those: bit by bit what it would be with
    /// them taken back. Nothing is taken back. `None` where one of the numbers is that of no edit in place.
    ///
    /// # Errors
    /// Those of libtorch; [`Error::Request`] where weights are not finite without them.
    pub fn leaving_out(&self, numbers: &[u64]) -> Result<Option<Model>> {
        let is_there = |number: &u64| self.now.applied.iter().any(|edit| edit.number == *number);
        match numbers.iter().all(is_there) {
            true => self.built(self.deltas_leaving_out(numbers), None).map(Some),
            false => Ok(None),
        }
    }

    fn deltas_leaving_out(&self, numbers: &[u64]) -> impl Iterator<Item = &Delta> {
        let kept = self.now.applied.iter().filter(move |edit| !numbers.contains(&edit.number));
        kept.flat_map(|edit| &edit.edit.deltas)
    }

    /// The model that the edits in place and further changes of a plugin would make. Nothing is put in place.
    ///
    /// # Errors
    /// A change that does not fit; [`Error::Plugin`] where weights are not finite with it. Use [`super::check`] before.
    pub fn trial(&self, plugin: &str, deltas: &[Delta]) -> Result<Model> {
        self.built(self.now.deltas().chain(deltas), Some(plugin))
    }

    /// The model that changes of a plugin alone would make of the unedited one, whatever is in place. Nothing is put in
    /// place.
    ///
    /// # Errors
    /// Those of [`Self::trial`].
    pub fn trial_on_unedited(&self, plugin: &str, deltas: &[Delta]) -> Result<Model> {
        self.built(deltas.iter(), Some(plugin))
    }

    /// The unedited model with changes; `plugin` is to blame if weights are not finite with the last of them.
    fn built<'a>(&self, deltas: impl Iterator<Item = &'a Delta>, plugin: Option<&str>) -> Result<Model> {
        let _guard = tch::no_grad_guard();
        let mut values: Vec<(String, Tensor)> = Vec::new();
        for Changed { name, mut value, forms } in by_parameter(&self.base, deltas)? {
            for form in forms {
                let difference = difference(form, &value)?;
                let sum = value.f_to_kind(difference.kind()).and_then(|value| value.f_add(&difference));
                value = sum.doing(|| format!("adding a change to `{name}`"))?;
            }
            // as it is stored: a sum in float32 may not fit into the model's number format
            if is_finite(&value.f_to_kind(self.base.kind)?)? {
                values.push((name, value));
                continue;
            }
            let format = number_format(self.base.kind);
            return Err(match plugin {
                Some(plugin) => wrong(plugin, format!("with its change, `{name}` is not finite in {format}")),
                None => Error::Request(format!(
                    "the edits together make `{name}` infinite in {format}; leave one of them out"
                )),
            });
        }
        self.base.with_parameters(&values)
    }
}
