//! Measurements of facts: before and after an edit that is not kept, or on the model as it is.

use super::{EditOrder, Job, JobId, JobKind};
use crate::{Aim, Fact};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Most tokens that a model generates after a prompt.
pub const MOST_SAID_TOKENS: usize = 100_000;

/// Order of `locus eval`: facts, edit, and measures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EvaluateOrder {
    /// The edit; `None` measures the model as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edit: Option<EditOrder>,
    /// The facts to measure without an edit; with one, its own facts are measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<Fact>,
    /// What to measure, and how.
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

/// What to measure besides the likelihoods of targets, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Measures {
    /// Success is judged by the geometric mean over a target's tokens, as in ROME and MEMIT, and not by the joint probability,
    /// as in Hase et al. (2023).
    pub per_token: bool,
    /// Normalized scores use the first prompt of each kind, as the code of Hase et al. does, and not all of them, as
    /// their paper says.
    pub first_prompt: bool,
    /// Leaves out facts whose true answer the model does not give.
    pub correct_only: bool,
    /// Leaves out facts whose true answer is not more probable than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub least_probability: Option<f64>,
    /// Leaves out facts whose answer can be copied from the prompt or whose new answer is the true one, and
    /// neighborhood prompts that mention the subject or are repeated.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub skip_marked: bool,
    /// Perplexity of texts about the subject.
    pub essence: bool,
    /// Entropy of generated texts.
    pub fluency: bool,
    /// Further measures of generated texts, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub texts: Vec<String>,
    /// Folder with reference texts that generated texts are compared with; `None` to skip.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consistency: Option<PathBuf>,
    /// Number of tokens to generate after the prompt and its paraphrases; 0 for none.
    pub said_tokens: usize,
    /// Number of tokens to generate freely after every prompt of the record, and to search for the target; 0 for none.
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

/// Effect of an edit on a fact, in numbers and texts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evaluated {
    pub job: JobId,
    pub fact: Fact,
    /// What the objective aimed at; without an edit, the new target against the true one.
    pub aim: Aim,
    /// Remarks that put the fact's numbers in doubt.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
    /// Why the fact was left out, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
    /// Measures by name, see docs/metrics.md.
    #[serde(default, with = "crate::number::map")]
    pub numbers: BTreeMap<String, f64>,
    /// The model's continuations of the prompt and its paraphrases.
    #[serde(default)]
    pub said: Vec<Said>,
    /// Its free continuations of every prompt of the record, if they are measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub free_texts: Vec<FreeText>,
}

/// Averages over the facts of an evaluation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Number of measured facts.
    pub facts: usize,
    /// Number of facts that were left out.
    pub left_out: usize,
    /// Averages by name of the measure.
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
    /// Number of facts in the average.
    pub count: usize,
}

/// The model's greedy continuation of a prompt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    pub prompt: String,
    /// The continuation before the edit.
    pub before: String,
    /// The continuation after the edit; `None` without an edit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// The model's free continuation of a prompt of a record: its most probable tokens, up to the end of a sentence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreeText {
    /// The prompt's group: `rewrite`, `paraphrase` or `neighborhood`.
    pub group: String,
    pub prompt: String,
    /// The continuation before the edit.
    pub before: String,
    /// The continuation after the edit; `None` without an edit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}
