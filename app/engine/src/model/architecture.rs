//! What the decoder must know about an architecture, whatever its family calls it.

pub use super::rotary::{Rotary, Scaling, Stretch};

/// Normalisation of the residual stream before attention, MLP and unembedding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Norm {
    /// Mean and variance, with weight and bias.
    Layer,
    /// Root mean square, with weight only.
    RootMeanSquare,
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
    /// Nought below nought.
    Relu,
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
        ("relu", Self::Relu),
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
    /// Both read the same normalised stream (GPT-J, Phi).
    ParallelSharedNorm,
    /// Both read the stream, each through a norm of its own (GPT-NeoX).
    ParallelTwoNorms,
}

/// Names of the tensors of one block; `None` where the family has none.
#[derive(Clone, Debug)]
pub struct BlockNames {
    /// Norm before attention.
    pub attention_norm: String,
    /// Norm between attention's output and the residual stream (Gemma 2).
    pub attention_output_norm: Option<String>,
    /// Norm before the MLP; `None` where attention's is shared.
    pub mlp_norm: Option<String>,
    /// Norm between the MLP's output and the residual stream (Gemma 2).
    pub mlp_output_norm: Option<String>,
    /// Query, key and value projections.
    pub queries_keys_values: QueryKeyValueNames,
    /// Output projection of attention.
    pub attention_output: String,
    /// Up-projection (of a gated MLP: the branch without activation).
    pub up: String,
    /// Gate of a gated MLP.
    pub gate: Option<String>,
    /// Down-projection, the matrix that editing methods change.
    pub down: String,
}

/// How a checkpoint stores the projections of attention.
#[derive(Clone, Debug)]
pub enum QueryKeyValueNames {
    /// Three matrices.
    Separate([String; 3]),
    /// One matrix: all queries, then all keys, then all values (GPT-2).
    Stacked(String),
    /// One matrix: per head its query, key and value (GPT-NeoX).
    PerHead(String),
}

impl BlockNames {
    /// All matrices that the block multiplies with.
    pub fn projections(&self) -> impl Iterator<Item = &String> {
        let attention = match &self.queries_keys_values {
            QueryKeyValueNames::Separate(three) => three.as_slice(),
            QueryKeyValueNames::Stacked(one) | QueryKeyValueNames::PerHead(one) => std::slice::from_ref(one),
        };
        attention.iter().chain([&self.attention_output, &self.up, &self.down]).chain(&self.gate)
    }
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
    /// Query heads.
    pub heads: i64,
    /// Key and value heads (fewer than `heads` with grouped queries).
    pub key_value_heads: i64,
    /// Channels of one head.
    pub head_width: i64,
    /// Width of the MLP between its projections.
    pub inner: i64,
    /// Rows of the token embedding.
    pub vocabulary: i64,
    /// Most positions that a prompt may have.
    pub context: i64,
    /// Kind of norm.
    pub norm: Norm,
    /// Added to the variance in norms.
    pub norm_epsilon: f64,
    /// Nonlinearity of the MLP.
    pub activation: Activation,
    /// Order of attention and MLP.
    pub residual: Residual,
    /// Rotary positions, if any.
    pub rotary: Option<Rotary>,
    /// Factor on attention scores.
    pub attention_scale: f64,
    /// Name of the token embedding.
    pub token_embedding: String,
    /// Names of each block's tensors.
    pub blocks: Vec<BlockNames>,
    /// Name of the final norm.
    pub final_norm: String,
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
    /// Learned positions.
    pub positions: Option<LearnedPositions>,
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
        let name = self.blocks.first().map_or("", |block| block.attention_norm.as_str());
        name.find(".0.").map_or("", |at| &name[..=at])
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
        let mut text = format!(
            "Architecture {{ family: {:?}, layers: {}, hidden: {}, heads: {}, key_value_heads: {}, head_width: {}, \
             context: {}, norm: {:?}, norm_epsilon: {:?}, activation: {:?}, residual: {:?}, rotary: {rotary}, \
             attention_scale: {:?}, token_embedding: {:?}, blocks: {:?}, final_norm: {:?}, unembedding: {:?}, \
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
            self.final_norm,
            self.head.stored,
        );
        if self.special.attention_divided_by_layer {
            text.push_str("attention_divided_by_layer");
        }
        text
    }
}
