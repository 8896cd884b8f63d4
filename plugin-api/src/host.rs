//! What the host does for a plugin while an edit runs.

use crate::error::{Error, Result};
use crate::request::{Reduction, SubjectNoise};
use crate::template::tokenized_apart;
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

/// What the host does for a plugin. All calls come from the thread that called the plugin.
pub trait Host {
    /// Adds a row to the live table.
    ///
    /// # Errors
    /// [`Error::Request`] when the report names a layer the model does not have, has no `loss`, or a number that is not
    /// finite; [`Error::Cancelled`].
    fn report(&self, report: &StepReport) -> Result<()>;

    /// Tells how far a phase is; `total` 0 when nobody knows.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    fn progress(&self, phase: &str, done: u64, total: u64) -> Result<()>;

    /// Writes a line into the log.
    fn log(&self, level: Level, text: &str);

    /// Whether the user cancelled.
    fn cancelled(&self) -> bool;

    /// The point at which a method can be cancelled: call it with `?` in every step.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    fn checkpoint(&self) -> Result<()> {
        if self.cancelled() { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// What the model is.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    fn model(&self) -> Result<ModelInfo>;

    /// Token ids of a text; `start` adds the special tokens that the checkpoint puts before a prompt, without it the text
    /// goes on after another and nothing is put in front. For prompts and targets take [`Self::tokenize_prompt`].
    ///
    /// # Errors
    /// The tokenizer refuses the text.
    fn tokenize(&self, text: &str, start: bool) -> Result<Vec<i64>>;

    /// A template with its subject in the place of `{}` and a target after one space, tokenised together: as scores,
    /// traces and displays do. An empty target leaves the prompt alone.
    ///
    /// # Errors
    /// [`Error::Request`] for a subject that has no token in the prompt, or a target of blanks.
    fn tokenize_prompt(&self, template: &str, subject: &str, target: &str) -> Result<PromptTokens> {
        tokenized_apart(&|text, start| self.tokenize(text, start), [template, subject, target])
    }

    /// Text of token ids.
    ///
    /// # Errors
    /// An id is not in the vocabulary.
    fn detokenize(&self, ids: &[i64]) -> Result<String>;

    /// From now on the model that is run, sampled and asked for parameters has these in these values, until the plugin
    /// returns or replaces them again; parameters that are not named are the model's own. Runs that were prepared
    /// before keep what they had. The model itself stays as it is.
    ///
    /// # Errors
    /// [`Error::Request`] for a parameter that is not there, or a value of another shape.
    fn replace_parameters(&self, parameters: &[(String, Tensor)]) -> Result<()>;

    /// A parameter as the model has it now, by its name in the checkpoint. Do not write into it: the
    /// host's bits would stay, but the edit fails.
    ///
    /// # Errors
    /// [`Error::Request`] when there is no such parameter.
    fn parameter(&self, name: &str) -> Result<Tensor>;

    /// Runs `rows` and captures the activations at `cells`: one `[cells, width]` tensor for each.
    ///
    /// # Errors
    /// [`Error::Request`] for a cell or layer that is not there; [`Error::Cancelled`].
    fn capture(&self, rows: &[Vec<i64>], cells: &[Cells]) -> Result<Vec<Tensor>> {
        self.capture_of(&[], rows, cells)
    }

    /// Like [`Self::capture`], with the fact of the request that each row is about (see [`SuffixRequest::facts`]).
    ///
    /// # Errors
    /// Those of [`Self::capture`].
    fn capture_of(&self, facts: &[usize], rows: &[Vec<i64>], cells: &[Cells]) -> Result<Vec<Tensor>>;

    /// Prepares a run that will be repeated.
    ///
    /// # Errors
    /// [`Error::Request`] for a cell, layer or parameter that is not there; [`Error::Cancelled`].
    fn prepare_suffix(&self, request: &SuffixRequest) -> Result<Suffix>;

    /// Runs once more: `added` has one tensor per entry of `add`, `[cells, hidden]` or `[1, hidden]` for all of
    /// its cells; `parameters` one per entry of `parameters`.
    ///
    /// # Errors
    /// [`Error::Request`] for wrong shapes; [`Error::Cancelled`].
    fn run_suffix(&self, suffix: Suffix, added: &[Tensor], parameters: &[Tensor]) -> Result<SuffixOutput>;

    /// Forgets a prepared run and gives its memory back. [`crate::PreparedSuffix`] does so when it is dropped; the host
    /// does it for all that are left when the plugin returns.
    ///
    /// # Errors
    /// [`Error::Request`] when there is no such run; [`Error::Unsupported`] where the host is older than this service.
    fn release_suffix(&self, suffix: Suffix) -> Result<()> {
        let _ = suffix;
        Ok(())
    }

    /// `C⁻¹ k` for each row of `keys` `[n, inner]`, with `C` the uncentred second moment of the MLP key at `layer`
    /// of the unedited model (ROME, equation 2). The host computes and caches `C`.
    ///
    /// # Errors
    /// [`Error::Request`] when there are no second moments for the layer; [`Error::Cancelled`].
    fn solve_second_moment(&self, layer: usize, keys: &Tensor) -> Result<Tensor>;

    /// `C` itself, `[inner, inner]`, the mean of `k kᵀ`; see [`Self::solve_second_moment`]. Do not write into it,
    /// as with [`Self::parameter`].
    ///
    /// # Errors
    /// Those of [`Self::solve_second_moment`].
    fn second_moment(&self, layer: usize) -> Result<Tensor>;

    /// Probabilities of the next token `[vocabulary]` of a prompt whose subject is noised, averaged over the noise's
    /// copies. A prompt with `{}` in it is filled with the subject, which says where it is; else its last mention counts.
    ///
    /// # Errors
    /// [`Error::Request`] when the subject is not in the prompt; [`Error::Cancelled`].
    fn noised_prediction(&self, prompt: &str, subject: &NoisedSubject) -> Result<Tensor>;

    /// Samples text from the model (top 5, as the published code does).
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    fn sample(&self, request: &SampleRequest) -> Result<Vec<String>>;

    /// The current objective's loss for log-probabilities `[rows, tokens]` of the target, a scalar with its
    /// gradient intact; for `[facts, rows, tokens]` one loss per fact, `[facts]`.
    ///
    /// # Errors
    /// What the objective says.
    fn objective_loss(&self, log_probabilities: &Tensor, reduction: Reduction) -> Result<Tensor>;
}
