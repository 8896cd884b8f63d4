//! Arguments and results of the host's services.

use crate::request::SubjectNoise;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Range;
use tch::Tensor;

/// Properties of the model that a plugin may use.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// Name for display.
    pub name: String,
    /// `model_type` of its configuration.
    pub family: String,
    /// Number of blocks.
    pub layers: usize,
    /// Width of the residual stream.
    pub hidden: i64,
    /// Width of the MLP key, which is the input of the down-projection.
    pub inner: i64,
    /// Number of entries in the vocabulary.
    pub vocabulary: i64,
    /// Maximum number of tokens in a prompt.
    pub context: i64,
    /// Where parameters and activations are: `cpu`, `cuda:0`.
    pub device: String,
    /// Data type of the weights: `float32`, `bfloat16`, `float16`, or `float64`.
    pub number_format: String,
    /// Text of the token that ends a document; empty if there is none.
    pub end_of_text: String,
    /// Name of the token embedding, `[vocabulary, hidden]`.
    #[serde(default)]
    pub token_embedding: String,
    /// Standard deviation of the token embeddings of the facts' subjects; 0 if unknown.
    #[serde(default)]
    pub embedding_deviation: f64,
    /// Per layer, the down-projection of the MLP: the matrix that editing methods change.
    pub down_projections: Vec<DownProjection>,
}

/// Names and orientation of one down-projection.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DownProjection {
    /// Name of the matrix in the checkpoint. If the MLP is a set of experts, it has `{}` in place of the expert's
    /// number, or is the name of a single tensor with the matrices of all experts, `[experts, ..]`.
    pub weight: String,
    /// Name of the bias, if there is one.
    #[serde(default)]
    pub bias: Option<String>,
    /// Whether the matrix is stored `[inner, hidden]` (GPT-2) rather than `[hidden, inner]`.
    pub stored_input_first: bool,
    /// Number of experts in the MLP; 0 if it is a single MLP. A method can edit such a layer only if its plan names the
    /// parameters that it changes, see [`Plan::parameters`](crate::Plan::parameters).
    #[serde(default, skip_serializing_if = "is_none")]
    pub experts: usize,
}

fn is_none(experts: &usize) -> bool {
    *experts == 0
}

impl DownProjection {
    /// Factors of the rank-one change `value keyᵀ`, with `value` `[hidden]` and `key` `[inner]`, in the orientation in
    /// which the matrix is stored.
    pub fn rank_one(&self, value: &Tensor, key: &Tensor) -> (Tensor, Tensor) {
        let (left, right) = if self.stored_input_first { (key, value) } else { (value, key) };
        (left.unsqueeze(1), right.unsqueeze(0))
    }
}

/// A place in the forward pass. Layers count from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "site", content = "layer", rename_all = "kebab-case")]
pub enum Site {
    /// Output of the token embedding, before learned positions are added.
    Embedding,
    /// Residual stream after the block: the hidden state.
    Residual(usize),
    /// Output of attention, after its output projection.
    AttentionOut(usize),
    /// Output of the MLP, after the down-projection and its bias.
    MlpOut(usize),
    /// Input of the down-projection: the MLP key. A layer whose MLP is a set of experts has none.
    MlpKey(usize),
}

/// A token of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cell {
    /// Index into the rows of the request.
    pub row: usize,
    /// Position in the row, from 0.
    pub position: usize,
}

/// Tokens at one site of the forward pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cells {
    #[serde(flatten)]
    pub site: Site,
    /// Tokens at which the site is read or changed, in the order of the resulting rows.
    pub cells: Vec<Cell>,
}

/// A log-probability to read: that of `token` as the next token after `cell`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Read {
    #[serde(flatten)]
    pub cell: Cell,
    /// Token id whose log-probability is read.
    pub token: i64,
}

/// A run that is repeated many times while only a few things change. The host computes once what cannot change, and
/// each repetition runs only the layers and positions that can.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuffixRequest {
    /// Token ids, one row per prompt; rows may differ in length.
    pub rows: Vec<Vec<i64>>,
    /// For each row, the index of the fact in the request that it is about; empty if all rows are about the first. The
    /// host needs it because an objective may put noise on the fact's subject.
    #[serde(default)]
    pub facts: Vec<usize>,
    /// Where each repetition adds vectors, `[cells, width]` per entry.
    #[serde(default)]
    pub add: Vec<Cells>,
    /// Names of parameters for which each repetition supplies a value.
    #[serde(default)]
    pub parameters: Vec<String>,
    /// Log-probabilities to read. The workbench shows the logit lens at the row and position of the first.
    #[serde(default)]
    pub read: Vec<Read>,
    /// Cells whose full next-token log-probabilities are read.
    #[serde(default)]
    pub distributions: Vec<Cell>,
    /// Activations to capture in each repetition, before anything is added there.
    #[serde(default)]
    pub capture: Vec<Cells>,
}

/// Number of a prepared run. [`crate::PreparedSuffix`] releases it when dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Suffix(pub u64);

/// Result of a repetition. Gradients flow to the added vectors and the supplied parameters.
#[derive(Debug)]
pub struct SuffixOutput {
    /// `[reads]`, in float32 or wider.
    pub log_probabilities: Tensor,
    /// `[distributions, vocabulary]`, in float32 or wider.
    pub distributions: Tensor,
    /// Per entry of `capture`: `[cells, width]`.
    pub captured: Vec<Tensor>,
}

/// What a method reports about an optimization step; it becomes a row of the live table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StepReport {
    /// Index of the step, from 0.
    pub step: u64,
    /// Maximum number of steps.
    pub steps: u64,
    /// Layer that the step optimizes; must be in the plan.
    pub layer: usize,
    /// Terms of the loss by name; `loss` is the total and is required.
    #[serde(with = "finite")]
    pub losses: BTreeMap<String, f64>,
    /// Numbers per layer, under the names that the plugin declares in [`crate::Info::metrics`].
    #[serde(default)]
    pub metrics: Vec<LayerMetrics>,
}

/// Numbers of one layer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LayerMetrics {
    pub layer: usize,
    /// By declared name; values must be finite.
    #[serde(with = "finite")]
    pub values: BTreeMap<String, f64>,
}

use locus_plugin_data::number::map as finite;

impl StepReport {
    /// A report of step `step` of at most `steps`, optimizing `layer`, without numbers yet.
    #[must_use]
    pub fn new(step: u64, steps: u64, layer: usize) -> Self {
        Self { step, steps, layer, ..Self::default() }
    }

    /// Adds a term of the loss.
    #[must_use]
    pub fn loss(mut self, name: &str, value: f64) -> Self {
        self.losses.insert(name.to_owned(), value);
        self
    }

    /// Adds a number of one layer.
    #[must_use]
    pub fn metric(mut self, layer: usize, name: &str, value: f64) -> Self {
        if let Some(there) = self.metrics.iter_mut().find(|metrics| metrics.layer == layer) {
            there.values.insert(name.to_owned(), value);
        } else {
            self.metrics.push(LayerMetrics { layer, values: BTreeMap::from([(name.to_owned(), value)]) });
        }
        self
    }
}

/// Severity of a log message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Worth knowing; nothing to act on.
    Info,
    /// Something that the user should check.
    Warning,
}

/// Request for texts sampled from the model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SampleRequest {
    /// Text to continue, which is part of the result; if empty, the end-of-text token. If a subject is noised, `{}`
    /// marks its position and is replaced by it; without `{}`, its last mention counts.
    pub prompt: String,
    /// Number of texts.
    pub count: usize,
    /// Length of each text in tokens, prompt included.
    pub tokens: usize,
    /// Seed of the sampling; the same seed gives the same texts.
    pub seed: u64,
    /// Adds noise to this subject in the prompt. It acts on the continuation through the prompt's keys and values.
    #[serde(default)]
    pub noised: Option<NoisedSubject>,
}

/// A prompt with its subject and, if given, its target, tokenized as one text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptTokens {
    /// Token ids of the prompt, followed by those of the target.
    pub ids: Vec<i64>,
    /// Tokens that contain a character of the subject; end exclusive.
    pub subject: Range<usize>,
    /// Number of tokens that belong to the prompt; those of the target follow.
    pub prompt: usize,
}

/// A subject in a prompt and the noise on its embeddings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NoisedSubject {
    /// Verbatim, as it occurs in the prompt.
    pub subject: String,
    pub noise: SubjectNoise,
}
