//! Edits in place: an edited model is the unedited one plus a list of changes. The unedited weights are never
//! written to, so taking an edit back is exact.

use super::deltas::difference;
use crate::error::Result;
use crate::model::Model;
use locus_plugin::Delta;
use locus_protocol::Fact;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use tch::{Device, Kind, Tensor};

/// One edit.
#[derive(Debug)]
pub struct Edit {
    /// A few words: method, layers, fact.
    pub title: String,
    /// The fact that was edited.
    pub fact: Fact,
    /// The changes.
    pub deltas: Vec<Delta>,
}

/// The unedited model, the edits in place, and the model they make.
#[derive(Debug)]
pub struct EditStack {
    base: Model,
    edited: Option<Model>,
    applied: Vec<Edit>,
    undone: Vec<Edit>,
    /// Hashes of the unedited values of all parameters that an edit ever touched.
    pristine: HashMap<String, Vec<u8>>,
}

impl EditStack {
    /// No edit yet.
    #[must_use]
    pub fn new(base: Model) -> Self {
        Self { base, edited: None, applied: Vec::new(), undone: Vec::new(), pristine: HashMap::new() }
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
    pub fn applied(&self) -> &[Edit] {
        &self.applied
    }

    /// Edits taken back, the one that [`Self::redo`] takes last.
    #[must_use]
    pub fn undone(&self) -> &[Edit] {
        &self.undone
    }

    /// Puts an edit in place. Edits taken back before are forgotten.
    ///
    /// # Errors
    /// A change that does not fit; nothing is changed then. Use [`super::check`] before.
    pub fn apply(&mut self, edit: Edit) -> Result<()> {
        self.put(edit)?;
        self.undone.clear();
        Ok(())
    }

    /// Takes the last edit back; `false` where there is none.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn undo(&mut self) -> Result<bool> {
        let Some(edit) = self.applied.pop() else { return Ok(false) };
        self.undone.push(edit);
        self.edited = self.build()?;
        Ok(true)
    }

    /// Puts the edit that was taken back last in place again; `false` where there is none.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn redo(&mut self) -> Result<bool> {
        let Some(edit) = self.undone.pop() else { return Ok(false) };
        self.put(edit)?;
        Ok(true)
    }

    fn put(&mut self, edit: Edit) -> Result<()> {
        for delta in &edit.deltas {
            if let Some(parameter) = self.base.parameter(&delta.parameter) {
                self.pristine.entry(delta.parameter.clone()).or_insert_with(|| hash(&parameter));
            }
        }
        self.applied.push(edit);
        match self.build() {
            Ok(edited) => self.edited = edited,
            Err(error) => {
                self.applied.pop();
                return Err(error);
            }
        }
        Ok(())
    }

    /// Whether all weights that were ever touched are bit by bit those of the checkpoint. Compared, not assumed.
    #[must_use]
    pub fn is_unedited(&self) -> bool {
        let same = |(name, before): (&String, &Vec<u8>)| {
            self.model().parameter(name).is_some_and(|parameter| hash(&parameter) == *before)
        };
        self.pristine.iter().all(same)
    }

    /// The model that the edits in place make; `None` for none.
    fn build(&self) -> Result<Option<Model>> {
        if self.applied.is_empty() {
            return Ok(None);
        }
        let _guard = tch::no_grad_guard();
        let mut values: Vec<(String, Tensor)> = Vec::new();
        for delta in self.applied.iter().flat_map(|edit| &edit.deltas) {
            let Some(parameter) = self.base.parameter(&delta.parameter) else { continue };
            let difference = difference(&delta.form, &parameter);
            match values.iter_mut().find(|(name, _)| *name == delta.parameter) {
                Some((_, value)) => *value = &*value + difference,
                None => values.push((delta.parameter.clone(), parameter.to_kind(difference.kind()) + difference)),
            }
        }
        self.base.with_parameters(&values).map(Some)
    }
}

/// A hash of the exact bits.
fn hash(tensor: &Tensor) -> Vec<u8> {
    let _guard = tch::no_grad_guard();
    let flat = tensor.to_device(Device::Cpu).contiguous().reshape([-1]);
    // half-precision numbers widen without loss
    let flat = if flat.kind() == Kind::Double { flat } else { flat.to_kind(Kind::Float) };
    let mut bytes = vec![0; flat.numel() * if flat.kind() == Kind::Double { 8 } else { 4 }];
    flat.copy_data_u8(&mut bytes, flat.numel());
    Sha256::digest(&bytes).to_vec()
}
