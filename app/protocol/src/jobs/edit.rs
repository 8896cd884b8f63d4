//! An edit: its order, its steps, and its result.

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
    /// Layers to edit; empty leaves the choice to the method.
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
    /// Further facts to edit together with the first, by a method that takes several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more: Vec<Fact>,
    /// Number of tokens to generate freely after every prompt of the first fact, before and after, and to search for
    /// the target; 0 for none.
    #[serde(default, skip_serializing_if = "super::evaluate::is_zero")]
    pub free_generation: usize,
    /// Skips all measurements before and after: only its changes are reported.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_scores: bool,
    /// Number of corpus tokens for second moments; `None` for the engine's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corpus_tokens: Option<usize>,
}

impl EditOrder {
    /// All facts, in order.
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

/// The state in which an edit starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EditStarted {
    pub job: JobId,
    /// The order, with all settings filled in.
    pub order: EditOrder,
    /// Layers that the method will edit.
    pub layers: Vec<usize>,
    /// Maximum number of steps.
    pub steps: u64,
    /// Rows of the model before the edit.
    pub rows: Vec<LayerRow>,
    /// Numbers of the edits in the model on which the edit is found, the oldest first; empty for the unedited model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_top_of: Vec<u64>,
}

/// One step of a method.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    pub job: JobId,
    /// The step, from 0.
    pub step: u64,
    /// Maximum number of steps.
    pub steps: u64,
    /// The layer that the step optimizes.
    pub layer: usize,
    /// Terms of the loss by name, `loss` the total.
    #[serde(with = "crate::number::map")]
    pub losses: BTreeMap<String, f64>,
    /// Rows of the model at this step.
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
    /// Its operation in the journal; `None` if it was not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<u64>,
    /// Facts that it edits.
    #[serde(default)]
    pub facts: usize,
    /// Whether it took, and what it did to the other prompts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<AimVerdict>,
    /// Whether it was found on the unedited model and applied on top of other edits; everything else here is measured
    /// on the model with those in place.
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
    /// Numbers that the method reported.
    #[serde(default, with = "crate::number::map")]
    pub metrics: BTreeMap<String, f64>,
    /// Sentences of the method for the user.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Measures of the edit by name, see docs/metrics.md.
    #[serde(default, with = "crate::number::map")]
    pub numbers: BTreeMap<String, f64>,
    /// The model's continuations of the prompt.
    #[serde(default)]
    pub said: Vec<Said>,
    /// Its free continuations of every prompt of the first fact, if the order asks for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub free_texts: Vec<FreeText>,
    /// SHA-256 of every parameter that an edit has touched, as it is now.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub weights: BTreeMap<String, String>,
}

impl Applied {
    /// The edit as lists of edits show it.
    #[must_use]
    pub fn in_place(&self) -> EditInPlace {
        let edit = EditInPlace::new(self.number, &self.title, &self.changes, self.facts);
        EditInPlace { operation: self.operation, ..edit }.judged(self.verdict.as_ref())
    }
}
