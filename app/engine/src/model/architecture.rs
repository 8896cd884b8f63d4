//! What the decoder must know about an architecture, whatever its family calls it.

use serde_json::Value;

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
    const NAMES: &[(&str, Self)] = &[
        ("gelu_new", Self::GeluTanh),
        ("gelu_pytorch_tanh", Self::GeluTanh),
        ("gelu_fast", Self::GeluTanh),
        ("gelu", Self::Gelu),
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

/// Rotary position embedding of queries and keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Rotary {
    /// Number of leading channels of a head that rotate.
    pub dimensions: i64,
    /// Base of the geometric series of wavelengths.
    pub base: f64,
    /// Pairs are even and odd channels (GPT-J) instead of first and second half.
    pub interleaved: bool,
    /// Llama 3's stretching of long wavelengths.
    pub stretch: Option<Stretch>,
}

/// The `llama3` kind of `rope_scaling`.
#[derive(Clone, Debug, PartialEq)]
pub struct Stretch {
    /// Division of the lowest frequencies.
    pub factor: f64,
    /// Wavelengths above `original_context / low` are stretched fully.
    pub low: f64,
    /// Wavelengths below `original_context / high` stay as they are.
    pub high: f64,
    /// Context length before stretching, in tokens.
    pub original_context: f64,
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
    /// Name of the unembedding; `None` where the token embedding serves.
    pub unembedding: Option<String>,
    /// What only some families have.
    pub special: Special,
}

/// What most families do without: a family names what it has, and the rest is the default. Something new that the decoder
/// can do is a field here, read in `decoder.rs`.
#[derive(Clone, Debug, Default)]
pub struct Special {
    /// Attention scores are squeezed into ± this by a hyperbolic tangent.
    pub attention_cap: Option<f64>,
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

/// Reads fields of a `config.json` and words the complaint about a bad one.
pub struct Fields<'a>(pub &'a Value);

impl Fields<'_> {
    /// A whole number that must be there.
    pub fn integer(&self, name: &str) -> Result<i64, String> {
        self.0
            .get(name)
            .and_then(Value::as_i64)
            .filter(|&n| n > 0)
            .ok_or_else(|| format!("field `{name}` must be a positive whole number"))
    }

    /// A whole number, or `default` where the field is missing or null.
    pub fn integer_or(&self, name: &str, default: i64) -> Result<i64, String> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(default),
            Some(_) => self.integer(name),
        }
    }

    /// A number, or `default` where the field is missing or null.
    pub fn number_or(&self, name: &str, default: f64) -> Result<f64, String> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(default),
            Some(value) => value.as_f64().ok_or_else(|| format!("field `{name}` must be a number")),
        }
    }

    /// A bound that is positive, or none where the field is missing or null.
    pub fn cap(&self, name: &str) -> Result<Option<f64>, String> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let cap = value.as_f64().filter(|cap| *cap > 0.0);
                cap.map(Some).ok_or_else(|| format!("field `{name}` must be a positive number or null"))
            }
        }
    }

    /// A truth value, or `default`.
    pub fn flag_or(&self, name: &str, default: bool) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or(default)
    }

    /// The activation named by `name`.
    pub fn activation(&self, name: &str) -> Result<Activation, String> {
        let text = self.0.get(name).and_then(Value::as_str).unwrap_or("");
        Activation::parse(text).ok_or_else(|| {
            let known: Vec<_> = Activation::NAMES.iter().map(|(name, _)| *name).collect();
            format!("field `{name}` names the activation `{text}`; known are {}", known.join(", "))
        })
    }

    /// The rotary base and stretching, from either generation of `config.json`.
    pub fn rotary(&self, dimensions: i64, base_field: &str, interleaved: bool) -> Result<Rotary, String> {
        let nested = ["rope_parameters", "rope_scaling"]
            .into_iter()
            .find_map(|name| self.0.get(name).filter(|value| value.is_object()));
        let empty = Value::Null;
        let inner = Fields(nested.unwrap_or(&empty));
        let outer = self.number_or(base_field, 10_000.0)?;
        let base = inner.number_or("rope_theta", outer)?;
        let kind = inner.0.get("rope_type").and_then(Value::as_str);
        let stretch = match kind {
            None | Some("default") => None,
            Some("llama3") => Some(Stretch {
                factor: inner.number_or("factor", 1.0)?,
                low: inner.number_or("low_freq_factor", 1.0)?,
                high: inner.number_or("high_freq_factor", 4.0)?,
                original_context: inner.number_or("original_max_position_embeddings", 8192.0)?,
            }),
            Some(other) => {
                return Err(format!("rotary scaling `{other}` is not supported; `default` and `llama3` are"));
            }
        };
        Ok(Rotary { dimensions, base, interleaved, stretch })
    }
}
