//! What the services of the host are asked with, and what they answer.

use crate::request::SubjectNoise;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Range;
use tch::Tensor;

/// What a plugin may know of the model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// What it is called.
    pub name: String,
    /// `model_type` of its configuration.
    pub family: String,
    /// Blocks.
    pub layers: usize,
    /// Width of the residual stream.
    pub hidden: i64,
    /// Width of the MLP key.
    pub inner: i64,
    /// Entries of the vocabulary.
    pub vocabulary: i64,
    /// Most tokens of a prompt.
    pub context: i64,
    /// `cpu` or `cuda:0`.
    pub device: String,
    /// `float32`, `bfloat16` or `float16`.
    pub number_format: String,
    /// The text of the token that ends a document; empty where there is none.
    pub end_of_text: String,
    /// Name of the token embedding, `[vocabulary, hidden]`.
    #[serde(default)]
    pub token_embedding: String,
    /// Standard deviation of the token embeddings of the facts' subjects; 0 where nobody knows.
    #[serde(default)]
    pub embedding_deviation: f64,
    /// By layer: the parameters of the down-projection, the matrix that editing methods change.
    pub down_projections: Vec<DownProjection>,
}

/// Names and orientation of one down-projection.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DownProjection {
    /// Name of the matrix in the checkpoint.
    pub weight: String,
    /// Name of the bias, where it has one.
    #[serde(default)]
    pub bias: Option<String>,
    /// The matrix is stored `[inner, hidden]` (GPT-2), not `[hidden, inner]`.
    pub stored_input_first: bool,
}

impl DownProjection {
    /// Factors of the change `value keyᵀ` (`value` `[hidden]`, `key` `[inner]`) in the stored orientation.
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
    /// Input of the down-projection: the MLP key.
    MlpKey(usize),
}

/// One token of one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cell {
    /// Index of the row.
    pub row: usize,
    /// Position in the row.
    pub position: usize,
}

/// Cells at one site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cells {
    /// Where in the forward pass.
    #[serde(flatten)]
    pub site: Site,
    /// Which tokens.
    pub cells: Vec<Cell>,
}

/// A log-probability to read: of `token` right after `cell`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Read {
    /// The cell whose next token is predicted.
    #[serde(flatten)]
    pub cell: Cell,
    /// The token.
    pub token: i64,
}

/// A run that will be repeated many times with few things changing: the host computes what cannot change once,
/// and each repetition runs only layers and positions that can.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuffixRequest {
    /// Token ids, one row per prompt; rows may differ in length.
    pub rows: Vec<Vec<i64>>,
    /// By row, the fact of the request that it is about; empty where all are about the first. An objective may noise
    /// the fact's subject.
    #[serde(default)]
    pub facts: Vec<usize>,
    /// Where each repetition adds vectors.
    #[serde(default)]
    pub add: Vec<Cells>,
    /// Parameters that each repetition gives anew.
    #[serde(default)]
    pub parameters: Vec<String>,
    /// Log-probabilities to read. The host shows the layers of the first one's row and position.
    #[serde(default)]
    pub read: Vec<Read>,
    /// Cells whose whole next-token log-probabilities are read.
    #[serde(default)]
    pub distributions: Vec<Cell>,
    /// Activations to capture in each repetition, as they are before anything is added there.
    #[serde(default)]
    pub capture: Vec<Cells>,
}

/// A prepared run by its number; [`crate::PreparedSuffix`] releases it by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Suffix(pub u64);

/// What a repetition gives; gradients flow into what was added and into the parameters given.
#[derive(Debug)]
pub struct SuffixOutput {
    /// `[reads]`, float32 at least.
    pub log_probabilities: Tensor,
    /// `[distributions, vocabulary]`, float32 at least.
    pub distributions: Tensor,
    /// By entry of `capture`: `[cells, width]`.
    pub captured: Vec<Tensor>,
}

/// A row of the live table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StepReport {
    /// The step, from 0.
    pub step: u64,
    /// Steps the method may take.
    pub steps: u64,
    /// The layer it works on.
    pub layer: usize,
    /// Terms of the loss by name, `loss` the total.
    #[serde(with = "finite")]
    pub losses: BTreeMap<String, f64>,
    /// Numbers per layer, by the names the plugin declares.
    #[serde(default)]
    pub metrics: Vec<LayerMetrics>,
}

/// Numbers of one layer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LayerMetrics {
    /// The layer.
    pub layer: usize,
    /// The numbers by name.
    #[serde(with = "finite")]
    pub values: BTreeMap<String, f64>,
}

use locus_plugin_data::number::map as finite;

impl StepReport {
    /// A report of step `step` of at most `steps` on `layer`.
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

/// How important a line of the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Good to know.
    Info,
    /// Something to look at.
    Warning,
}

/// Text to sample from the model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SampleRequest {
    /// The text to start from; it is part of the result. The end-of-text token stands for an empty one. Where a subject
    /// is noised, `{}` in it says where that stands and is filled with it; else its last mention counts.
    pub prompt: String,
    /// How many samples.
    pub count: usize,
    /// Tokens of each, the prompt included.
    pub tokens: usize,
    /// Seed of the draws.
    pub seed: u64,
    /// Noises this subject of the prompt; its effect lasts through the keys and values of the prompt.
    #[serde(default)]
    pub noised: Option<NoisedSubject>,
}

/// A prompt with its subject, and its target where there is one, as tokens of one text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptTokens {
    /// Tokens of the prompt, then those of the target.
    pub ids: Vec<i64>,
    /// Tokens that hold a character of the subject, end exclusive.
    pub subject: Range<usize>,
    /// How many of the tokens are the prompt's; those of the target come after them.
    pub prompt: usize,
}

/// A subject and its noise.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NoisedSubject {
    /// The subject, as it stands in the prompt.
    pub subject: String,
    /// The noise.
    pub noise: SubjectNoise,
}
