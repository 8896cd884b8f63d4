//! What the decoder must know about an architecture, whatever its family calls it.

pub use super::block_names::{BlockNames, MlpNames, QueryKeyValueNames};
pub use super::experts::{ExpertLayout, Experts, Routing};
pub use super::rotary::{Beyond, Rotary, Scaling, Stretch};

/// Normalization of the residual stream before attention, MLP and unembedding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Norm {
    /// Mean and variance, with weight and bias.
    Layer,
    /// Mean and variance in float32, with weight only (Cohere).
    LayerWithoutBias,
    /// Root mean square, with weight only.
    RootMeanSquare,
    /// The same, multiplied with the weight in float32 as well (gpt-oss).
    RootMeanSquareWide,
    /// Root mean square in float32, with a weight that is stored as its difference from one (Gemma).
    RootMeanSquareAroundOne,
}

/// Nonlinearity of the MLP.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// GELU by the tanh approximation (`gelu_new`).
    GeluTanh,
    /// Exact GELU.
    Gelu,
    /// SiLU, also called swish.
    Silu,
    /// SiLU of 1.702 times the input, divided by 1.702: an older approximation of GELU.
    QuickGelu,
    /// Zero for negative inputs, others as they are.
    Relu,
    /// The square of [`Self::Relu`].
    SquaredRelu,
}

impl Activation {
    /// What `config.json` calls them.
    pub const NAMES: &[(&str, Self)] = &[
        ("gelu_new", Self::GeluTanh),
        ("gelu_pytorch_tanh", Self::GeluTanh),
        ("gelu_python_tanh", Self::GeluTanh),
        ("gelu_accurate", Self::GeluTanh),
        ("gelu_fast", Self::GeluTanh),
        ("gelu", Self::Gelu),
        ("gelu_python", Self::Gelu),
        ("silu", Self::Silu),
        ("swish", Self::Silu),
        ("quick_gelu", Self::QuickGelu),
        ("relu", Self::Relu),
        ("relu2", Self::SquaredRelu),
    ];

    /// The activation that `config.json` names.
    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, activation)| *activation)
    }
}

/// How a block combines attention and MLP with the residual stream.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Residual {
    /// MLP reads the stream after attention has written to it (GPT-2, Llama).
    Sequential,
    /// Both read the same normalized stream (GPT-J, Phi).
    ParallelSharedNorm,
    /// Both read the stream, each through a norm of its own (GPT-NeoX).
    ParallelTwoNorms,
}

/// Everything that distinguishes one decoder from another.
#[derive(Clone, Debug)]
pub struct Architecture {
    /// `model_type` of the configuration.
    pub family: String,
    /// Number of blocks.
    pub layers: usize,
    /// Width of the residual stream.
    pub hidden: i64,
    /// Number of query heads.
    pub heads: i64,
    /// Key and value heads (fewer than `heads` with grouped queries).
    pub key_value_heads: i64,
    /// Channels of one head.
    pub head_width: i64,
    /// Width of the MLP between its projections, where a block has a single one.
    pub inner: i64,
    /// Rows of the token embedding.
    pub vocabulary: i64,
    /// Most positions that a prompt may have.
    pub context: i64,
    pub norm: Norm,
    /// Added to the variance in norms.
    pub norm_epsilon: f64,
    /// Nonlinearity of the MLP.
    pub activation: Activation,
    /// Order of attention and MLP.
    pub residual: Residual,
    /// Rotary positions, if any: of all layers, but for what [`Special::layer_rotary`] says.
    pub rotary: Option<Rotary>,
    /// Factor on attention scores.
    pub attention_scale: f64,
    /// Name of the token embedding.
    pub token_embedding: String,
    /// Names of each block's tensors.
    pub blocks: Vec<BlockNames>,
    /// Name of the norm before the unembedding; `None` where that reads the stream as it is (OPT-350m).
    pub final_norm: Option<String>,
    /// Whether the token embedding serves as unembedding, or which tensor does.
    pub head: Head,
    /// Which projections have a bias.
    pub biases: Biases,
    /// What only some families have.
    pub special: Special,
}

/// Where the logits come from.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// Names under which checkpoints store the unembedding, the usual one first.
    pub names: &'static [&'static str],
    /// What `tie_word_embeddings` says: the token embedding serves, unless another unembedding is stored.
    pub tied: bool,
    /// The tensor that serves; `None` where the token embedding does. Known once the checkpoint's tensors are.
    pub stored: Option<String>,
}

impl Head {
    /// The bias of the unembedding, where it has one.
    #[must_use]
    pub fn bias(&self) -> String {
        format!("{}.bias", self.stored.as_deref().unwrap_or(self.names.first().copied().unwrap_or_default()))
    }
}

/// Which projections have a bias. Norms of the kind [`Norm::Layer`] always have one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Biases {
    /// Query, key and value projections.
    pub queries_keys_values: bool,
    /// Output projection of attention.
    pub attention_output: bool,
    /// Projections of the MLP.
    pub mlp: bool,
    /// Unembedding, tied or not.
    pub head: bool,
}

/// What most families do without: a family names what it has, and the rest is the default. Something new that the decoder
/// can do is a field here, read in `decoder.rs`.
#[derive(Clone, Debug, Default)]
pub struct Special {
    /// Attention scores are squeezed into ± this by a hyperbolic tangent.
    pub attention_cap: Option<f64>,
    /// Attention scores of layer `l` are divided by `l + 1` (an option of GPT-2).
    pub attention_divided_by_layer: bool,
    /// Logits are squeezed into ± this by a hyperbolic tangent.
    pub logit_cap: Option<f64>,
    /// Factor on token embeddings, after what subject noise is added to.
    pub embedding_scale: Option<f64>,
    /// Per layer: how many positions back attention sees; `None` sees all, and so does a layer that is not named.
    pub attention_window: Vec<Option<i64>>,
    /// Projections are stored `[in, out]` (GPT-2's Conv1D).
    pub stored_input_first: bool,
    pub positions: Option<LearnedPositions>,
    /// How queries and keys are normalized, where a block names norms of theirs.
    pub query_key_norm: QueryKeyNorm,
    /// By layer: how its queries and keys rotate; empty where all do by [`Architecture::rotary`].
    pub layer_rotary: Vec<LayerRotary>,
    /// Rotary positions of the layers that [`LayerRotary::Other`] names.
    pub other_rotary: Option<Rotary>,
    /// Factor on what attention and MLP write to the residual stream (Granite).
    pub residual_scale: Option<f64>,
    /// Factor on the logits (Cohere, Granite).
    pub logit_scale: Option<f64>,
    /// One matrix holds the rows of the MLP's gate and after them those of its up-projection (Phi-3).
    pub gate_with_up: bool,
    /// The experts of blocks whose MLP is a set of them.
    pub experts: Option<Experts>,
    /// The token embedding, and the unembedding, where they are not as wide as the residual stream (OPT-350m).
    pub narrow_embedding: Option<NarrowEmbedding>,
}

/// A token embedding of another width than the residual stream.
#[derive(Clone, Debug)]
pub struct NarrowEmbedding {
    /// Width of the stored token embedding.
    pub width: i64,
    /// Name of the projection to the residual stream, `[hidden, width]`.
    pub into: String,
    /// Name of the projection of the residual stream to what the unembedding reads, `[width, hidden]`.
    pub out: String,
}

/// What one norm of queries or keys is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueryKeyNorm {
    /// Each head, with one weight for all of them (Qwen 3, Gemma 3).
    #[default]
    PerHead,
    /// Each head, with a weight of its own (Command R+).
    EachHead,
    /// All heads together (OLMo 2).
    Whole,
}

/// How queries and keys of a layer rotate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerRotary {
    /// By [`Architecture::rotary`].
    Main,
    /// By [`Special::other_rotary`].
    Other,
    /// Not at all (SmolLM3).
    Still,
}

impl LayerRotary {
    /// By layer: [`Self::Other`] where there is a window.
    pub fn by_window(windows: &[Option<i64>]) -> Vec<Self> {
        windows.iter().map(|window| if window.is_some() { Self::Other } else { Self::Main }).collect()
    }
}

/// A table of learned position embeddings.
#[derive(Clone, Debug)]
pub struct LearnedPositions {
    /// Name of the embedding.
    pub name: String,
    /// Row of position 0.
    pub first_row: i64,
}

impl LearnedPositions {
    /// A table whose first row is position 0.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), first_row: 0 }
    }
}

impl Architecture {
    /// The part of a checkpoint's names that base models leave out, with its point (`transformer.`).
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.blocks_begin_with().split_inclusive('.').next().unwrap_or_default()
    }

    /// What all tensors of blocks begin with, before the number of the layer (`transformer.h.`).
    #[must_use]
    pub fn blocks_begin_with(&self) -> &str {
        let name = self.blocks.first().map_or("", |block| block.attention_output.as_str());
        name.find(".0.").map_or("", |at| &name[..=at])
    }

    /// Whether the residual stream takes up the MLP's output as it is: what is added to the one can be added to the other.
    #[must_use]
    pub fn adds_mlp_output_as_it_is(&self) -> bool {
        let is_normed = |block: &BlockNames| block.mlp_output_norm.is_some() || block.mlp_sum_norm.is_some();
        self.special.residual_scale.is_none() && !self.blocks.iter().any(is_normed)
    }

    /// Width of the token embedding, which subject noise is added to.
    #[must_use]
    pub fn embedded(&self) -> i64 {
        self.special.narrow_embedding.as_ref().map_or(self.hidden, |narrow| narrow.width)
    }

    /// Numbers of tokens up to which rows turn by other frequencies than longer ones do (LongRoPE), in order; none in most
    /// models.
    #[must_use]
    pub fn borders(&self) -> Vec<i64> {
        let rotaries = [self.rotary.as_ref(), self.special.other_rotary.as_ref()];
        let mut borders: Vec<i64> = rotaries.into_iter().flatten().filter_map(Rotary::border).collect();
        borders.sort_unstable();
        borders
    }

    /// The tokens that a text has at most which begins with `prompt` tokens and goes on token by token, keys and values kept:
    /// it does not pass a border, beyond which they would be others.
    #[must_use]
    pub fn longest_text(&self, prompt: i64) -> i64 {
        let ahead = self.borders().into_iter().find(|border| prompt <= *border);
        ahead.map_or(self.context, |border| border.min(self.context))
    }

    /// The experts of `layer`; `None` where its MLP is a single one.
    #[must_use]
    pub fn experts_of(&self, layer: usize) -> Option<&Experts> {
        let experts = self.special.experts.as_ref()?;
        self.blocks.get(layer).is_some_and(BlockNames::has_experts).then_some(experts)
    }

    /// The name of the matrix of the down-projection of `layer`. Where its MLP is a set of experts, `{}` stands in place of
    /// an expert's number, or it is the name of the one tensor that holds all of them.
    #[must_use]
    pub fn down_projection(&self, layer: usize) -> Option<String> {
        match (&self.blocks.get(layer)?.mlp, self.experts_of(layer)) {
            (MlpNames::One { down, .. }, _) => Some(format!("{down}.weight")),
            (MlpNames::Experts { experts, .. }, Some(about)) => Some(super::experts::down(about.layout, experts)),
            (MlpNames::Experts { .. }, None) => None,
        }
    }

    /// The layers whose MLP is a single one.
    #[must_use]
    pub fn single_mlps(&self) -> Vec<usize> {
        (0..self.layers).filter(|&layer| self.experts_of(layer).is_none()).collect()
    }

    /// The same with all names that begin with `from` beginning with `to`.
    #[must_use]
    pub fn renamed(mut self, from: &str, to: &str) -> Self {
        let change = |name: String| name.strip_prefix(from).map_or(name.clone(), |rest| format!("{to}{rest}"));
        self.blocks = self.blocks.into_iter().map(|block| block.renamed(change)).collect();
        self.token_embedding = change(self.token_embedding);
        self.final_norm = self.final_norm.map(change);
        if let Some(narrow) = &mut self.special.narrow_embedding {
            (narrow.into, narrow.out) = (change(narrow.into.clone()), change(narrow.out.clone()));
        }
        self
    }

    /// Factor on the attention scores of `layer`.
    #[must_use]
    pub fn attention_scale_of(&self, layer: usize) -> f64 {
        if self.special.attention_divided_by_layer {
            self.attention_scale / (layer + 1) as f64
        } else {
            self.attention_scale
        }
    }

    /// What of the configuration enters a model's fingerprint. Journals, changes and second moments name models by it:
    /// what it says of an architecture must stay as it is, so what is new is said only where it is not the default.
    #[must_use]
    pub fn signature(&self) -> String {
        let Special {
            attention_cap, logit_cap, embedding_scale, attention_window, stored_input_first, positions, ..
        } = &self.special;
        let rotary =
            self.rotary.as_ref().map_or_else(|| "None".to_owned(), |rotary| format!("Some({})", rotary.signature()));
        let final_norm = self.final_norm.as_ref().map_or_else(|| "None".to_owned(), |name| format!("{name:?}"));
        let mut text = format!(
            "Architecture {{ family: {:?}, layers: {}, hidden: {}, heads: {}, key_value_heads: {}, head_width: {}, \
             context: {}, norm: {:?}, norm_epsilon: {:?}, activation: {:?}, residual: {:?}, rotary: {rotary}, \
             attention_scale: {:?}, token_embedding: {:?}, blocks: {:?}, final_norm: {final_norm}, unembedding: {:?}, \
             special: Special {{ attention_cap: {attention_cap:?}, logit_cap: {logit_cap:?}, \
             embedding_scale: {embedding_scale:?}, attention_window: {attention_window:?}, \
             stored_input_first: {stored_input_first}, positions: {positions:?} }} }}",
            self.family,
            self.layers,
            self.hidden,
            self.heads,
            self.key_value_heads,
            self.head_width,
            self.context,
            self.norm,
            self.norm_epsilon,
            self.activation,
            self.residual,
            self.attention_scale,
            self.token_embedding,
            self.blocks,
            self.head.stored,
        );
        if self.special.attention_divided_by_layer {
            text.push_str("attention_divided_by_layer");
        }
        let Special {
            query_key_norm,
            layer_rotary,
            other_rotary,
            residual_scale,
            logit_scale,
            gate_with_up,
            experts,
            narrow_embedding,
            ..
        } = &self.special;
        let mut say = |said: bool, what: String| text.push_str(if said { &what } else { "" });
        say(*query_key_norm != QueryKeyNorm::default(), format!("query_key_norm: {query_key_norm:?}"));
        say(!layer_rotary.is_empty(), format!("layer_rotary: {layer_rotary:?}"));
        say(other_rotary.is_some(), format!("other_rotary: {:?}", other_rotary.as_ref().map(Rotary::signature)));
        say(residual_scale.is_some(), format!("residual_scale: {residual_scale:?}"));
        say(logit_scale.is_some(), format!("logit_scale: {logit_scale:?}"));
        say(*gate_with_up, "gate_with_up".to_owned());
        say(experts.is_some(), format!("experts: {experts:?}"));
        say(narrow_embedding.is_some(), format!("narrow_embedding: {narrow_embedding:?}"));
        text
    }
}
