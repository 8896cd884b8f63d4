//! Measures of facts: before and after an edit that is not kept, or of the model as it is.

use super::{EditOrder, Job, JobId, JobKind};
use crate::{Aim, Fact};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Tokens at most that a model is asked to say after a prompt.
pub const MOST_SAID_TOKENS: usize = 100_000;

/// Order of `locus eval`: facts, edit, and measures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EvaluateOrder {
    /// The edit; without one the model is measured as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edit: Option<EditOrder>,
    /// The facts that are measured without an edit; with one its own are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<Fact>,
    /// Which measures, and how.
    #[serde(default)]
    pub measures: Measures,
}

impl Job for EvaluateOrder {
    fn kind(&self) -> JobKind {
        JobKind::Evaluate
    }

    fn title(&self) -> String {
        let facts = self.edit.as_ref().map_or(self.facts.len(), |edit| edit.facts().count());
        let facts = if facts == 1 { "one fact".to_owned() } else { format!("{facts} facts") };
        match &self.edit {
            Some(edit) => format!("measuring {} on {facts}", edit.method),
            None => format!("measuring {facts}"),
        }
    }

    fn lets_looks_in(&self) -> bool {
        true
    }

    fn needs_plugins(&self) -> bool {
        self.edit.is_some()
    }
}

/// Which measures are taken besides the likelihoods of targets, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Measures {
    /// Success is judged by the geometric mean over a target's tokens, as in ROME and MEMIT, and not by the joint probability,
    /// as in Hase et al. (2023).
    pub per_token: bool,
    /// Normalised scores are taken from the first prompt of each kind, as the code of Hase et al. does, and not from
    /// all of them, as their paper says.
    pub first_prompt: bool,
    /// Leaves out facts that the model does not say.
    pub correct_only: bool,
    /// Leaves out facts whose true answer is not more probable than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub least_probability: Option<f64>,
    /// Leaves out facts whose answer copying gives or whose new answer is the true one, and neighborhood prompts that
    /// mention the subject or are there twice.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub skip_marked: bool,
    /// Perplexity of texts about the subject.
    pub essence: bool,
    /// Entropy of generated texts.
    pub fluency: bool,
    /// Further measures of generated texts, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub texts: Vec<String>,
    /// Likeness of generated texts to reference texts in this folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consistency: Option<PathBuf>,
    /// Tokens that the model says after the prompt and its other wordings; 0 for none.
    pub said_tokens: usize,
    /// Tokens that the model says freely after every prompt of the record, in which the target is looked for; 0 for none.
    #[serde(skip_serializing_if = "is_zero")]
    pub free_generation: usize,
    /// Seed of sampled texts; each fact's own draws follow from it and from the fact.
    pub seed: u64,
}

impl Default for Measures {
    fn default() -> Self {
        Self {
            per_token: false,
            first_prompt: false,
            correct_only: false,
            least_probability: None,
            skip_marked: false,
            essence: false,
            fluency: false,
            texts: Vec::new(),
            consistency: None,
            said_tokens: 20,
            free_generation: 0,
            seed: 0,
        }
    }
}

pub(super) fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Measures {
    /// Whether a measure of generated texts is taken.
    #[must_use]
    pub fn takes(&self, name: &str) -> bool {
        self.fluency && name == "fluency" || self.texts.iter().any(|text| text == name)
    }
}

/// What an edit does to a fact, in numbers and texts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evaluated {
    pub job: JobId,
    pub fact: Fact,
    /// What the objective aimed at; without an edit the new target against the true one.
    pub aim: Aim,
    /// What should be known of the fact before its numbers are believed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
    /// Why the fact was left out, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
    /// Measures by name, see docs/metrics.md.
    #[serde(default, with = "crate::number::map")]
    pub numbers: BTreeMap<String, f64>,
    /// What the model says.
    #[serde(default)]
    pub said: Vec<Said>,
    /// What it says freely after every prompt of the record, where that is measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub free_texts: Vec<FreeText>,
}

/// Averages over the facts of an evaluation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Facts that were measured.
    pub facts: usize,
    /// Facts that were left out.
    pub left_out: usize,
    /// Averages by the measures' names.
    pub means: BTreeMap<String, Average>,
}

/// An average with its 95 % confidence interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Average {
    pub mean: f64,
    /// Half-width of the 95 % confidence interval: 1.96 standard errors.
    pub half_width: f64,
    /// For a rate or share: Wilson's interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wilson: Option<[f64; 2]>,
    /// Facts that have the measure.
    pub count: usize,
}

/// What the model says after a prompt, by its most probable tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    pub prompt: String,
    /// What it says before the edit.
    pub before: String,
    /// What it says after the edit; nothing where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// What the model says of its own accord after a prompt of a record: its most probable tokens, up to the end of a sentence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreeText {
    /// The prompt's group: `rewrite`, `paraphrase` or `neighborhood`.
    pub group: String,
    pub prompt: String,
    /// What it says before the edit.
    pub before: String,
    /// What it says after the edit; nothing where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}
