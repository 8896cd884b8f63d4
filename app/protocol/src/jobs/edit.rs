//! An edit: what is asked, its steps, and what is in place in the end.

use super::{FreeText, Job, JobId, JobKind, Said};
use crate::{Aim, AimVerdict, BeforeAfter, EditInPlace, Fact, LayerRow, WeightChange};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EditOrder {
    pub fact: Fact,
    /// Id of the method's plugin.
    pub method: String,
    /// Id of the objective's plugin.
    pub objective: String,
    /// Layers to edit; empty leaves it to the method.
    #[serde(default)]
    pub layers: Vec<usize>,
    /// The method's hyperparameters that differ from their defaults.
    #[serde(default)]
    pub method_settings: Map<String, Value>,
    /// The objective's hyperparameters that differ from their defaults.
    #[serde(default)]
    pub objective_settings: Map<String, Value>,
    /// Seed of everything random.
    #[serde(default)]
    pub seed: u64,
    /// Further facts that are edited together with the first, by a method that takes many.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more: Vec<Fact>,
    /// Tokens that the model says freely after every prompt of the first fact, before and after, in which the target is
    /// looked for; 0 for none.
    #[serde(default, skip_serializing_if = "super::evaluate::is_zero")]
    pub free_generation: usize,
    /// Whether nothing is measured of it, neither before nor after: its changes are all that is told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_scores: bool,
    /// Tokens of the corpus that second moments are taken over, where they are others than an engine takes by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corpus_tokens: Option<usize>,
}

impl EditOrder {
    /// All facts, the first first.
    pub fn facts(&self) -> impl Iterator<Item = &Fact> {
        std::iter::once(&self.fact).chain(&self.more)
    }
}

impl Job for EditOrder {
    fn kind(&self) -> JobKind {
        JobKind::Edit
    }

    fn title(&self) -> String {
        format!("{} for “{}”", self.method, self.fact.prompt())
    }

    fn lets_looks_in(&self) -> bool {
        true
    }

    fn needs_plugins(&self) -> bool {
        true
    }
}

/// What an edit starts from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EditStarted {
    pub job: JobId,
    /// What was asked, with all settings filled in.
    pub order: EditOrder,
    /// Layers that the method is going to edit.
    pub layers: Vec<usize>,
    /// Steps it may take.
    pub steps: u64,
    /// Rows of the model before.
    pub rows: Vec<LayerRow>,
    /// Numbers of the edits that the model has on which the edit is found, the oldest first; none for the unedited model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_top_of: Vec<u64>,
}

/// One step of a method.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    pub job: JobId,
    /// The step, from 0.
    pub step: u64,
    /// Steps the method may take.
    pub steps: u64,
    /// The layer it works on.
    pub layer: usize,
    /// Terms of the loss by name, `loss` the total.
    #[serde(with = "crate::number::map")]
    pub losses: BTreeMap<String, f64>,
    /// Rows of the model as the step sees it.
    pub rows: Vec<LayerRow>,
}

/// An edit that is in place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Applied {
    pub job: JobId,
    /// A few words: method, layer, fact.
    pub title: String,
    /// Its number, see [`EditInPlace`].
    #[serde(default)]
    pub number: u64,
    /// Its operation in the journal, where it was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<u64>,
    /// Facts that it edits.
    #[serde(default)]
    pub facts: usize,
    /// Whether it took, and what it did to the other prompts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<AimVerdict>,
    /// Whether it was found on the unedited model and put in place on top of other edits; all else is told of the model
    /// with those in place.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub found_on_unedited: bool,
    /// What the objective aimed at, for the first fact.
    #[serde(default)]
    pub aim: Aim,
    /// Per changed parameter: norm of the change, absolute and relative.
    pub changes: Vec<WeightChange>,
    /// Rows of the edited model.
    pub rows: Vec<LayerRow>,
    /// The record's prompts before and after.
    pub scores: BeforeAfter,
    /// Numbers of the method's own.
    #[serde(default, with = "crate::number::map")]
    pub metrics: BTreeMap<String, f64>,
    /// What the method wants said.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Measures of the edit by name, see docs/metrics.md.
    #[serde(default, with = "crate::number::map")]
    pub numbers: BTreeMap<String, f64>,
    /// What the model says after the prompt.
    #[serde(default)]
    pub said: Vec<Said>,
    /// What it says freely after every prompt of the first fact, where the order asks for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub free_texts: Vec<FreeText>,
    /// SHA-256 of every parameter that an edit has touched, as it is now.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub weights: BTreeMap<String, String>,
}

impl Applied {
    /// What a list of the edits in place says of it.
    #[must_use]
    pub fn in_place(&self) -> EditInPlace {
        let edit = EditInPlace::new(self.number, &self.title, &self.changes, self.facts);
        EditInPlace { operation: self.operation, ..edit }.judged(self.verdict.as_ref())
    }
}
