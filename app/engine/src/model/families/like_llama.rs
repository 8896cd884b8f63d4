//! What Llama and the many families after it share: a gated MLP, grouped keys, rotary positions, and norms before
//! attention and MLP. A family says its published sizes and changes what is its own.

use crate::model::architecture::{Architecture, Biases, BlockNames, Head, Norm, Residual, Special};
use crate::model::config::{Fields, Rope};

/// What a file of a family means where it leaves a field out.
pub struct Published {
    /// `model_type`.
    pub family: &'static str,
    /// Number of query heads.
    pub heads: i64,
    /// Key and value heads; `None` for as many as there are query heads.
    pub key_value_heads: Option<i64>,
    /// Channels of a head; `None` for the stream's share.
    pub head_width: Option<i64>,
    /// Width of the residual stream.
    pub hidden: i64,
    /// Number of blocks.
    pub layers: i64,
    /// Width of the MLP between its projections.
    pub inner: i64,
    /// Rows of the token embedding.
    pub vocabulary: i64,
    pub context: i64,
    /// The field of what is added to the variance in norms, and its value.
    pub epsilon: (&'static str, f64),
    /// Whether the token embedding serves as unembedding.
    pub tied: bool,
}

/// Llama's own sizes, which others name the differences from.
pub const LLAMA: Published = Published {
    family: "llama",
    heads: 32,
    key_value_heads: None,
    head_width: None,
    hidden: 4096,
    layers: 32,
    inner: 11_008,
    vocabulary: 32_000,
    context: 2048,
    epsilon: ("rms_norm_eps", 1e-6),
    tied: false,
};

/// An architecture like Llama's by the fields of a file; no projection has a bias. `rope` makes the rotary positions from
/// the width of a head and the positions that the file promises.
///
/// # Errors
/// A field that is mistyped or asks for what cannot be computed, by name.
pub fn describe(
    config: &Fields<'_>,
    published: &Published,
    rope: impl FnOnce(i64, i64) -> Rope,
) -> Result<Architecture, String> {
    let mut architecture = without_rotary(config, published)?;
    let (rotary, context) = rope(architecture.head_width, architecture.context).read(config)?;
    (architecture.rotary, architecture.context) = (Some(rotary), context);
    Ok(architecture)
}

/// The same without rotary positions, for families that have more than one kind of them.
///
/// # Errors
/// Those of [`describe`].
pub fn without_rotary(config: &Fields<'_>, published: &Published) -> Result<Architecture, String> {
    let heads = config.heads(&["num_attention_heads"], published.heads)?;
    let hidden = config.integer("hidden_size", Fields::WIDTH, published.hidden)?;
    let layers = config.integer("num_hidden_layers", Fields::LAYERS, published.layers)? as usize;
    let head_width = match published.head_width {
        Some(width) => config.integer("head_dim", Fields::WIDTH, width)?,
        None => super::head_width(config, hidden, heads)?,
    };
    let key_value_heads = match published.key_value_heads {
        Some(published) if !config.has("num_key_value_heads") => published,
        _ => config.optional_integer("num_key_value_heads", Fields::HEADS)?.unwrap_or(heads),
    };
    super::grouped(heads, key_value_heads)?;
    Ok(Architecture {
        family: published.family.to_owned(),
        layers,
        hidden,
        heads,
        key_value_heads,
        head_width,
        inner: config.integer("intermediate_size", Fields::WIDTH, published.inner)?,
        vocabulary: config.integer("vocab_size", Fields::VOCABULARY, published.vocabulary)?,
        context: config.integer("max_position_embeddings", Fields::POSITIONS, published.context)?,
        norm: Norm::RootMeanSquare,
        norm_epsilon: config.number(published.epsilon.0, published.epsilon.1)?,
        activation: config.activation("hidden_act", "silu")?,
        residual: Residual::Sequential,
        rotary: None,
        attention_scale: (head_width as f64).powf(-0.5),
        token_embedding: "model.embed_tokens".to_owned(),
        blocks: (0..layers).map(BlockNames::of_llama).collect(),
        final_norm: Some("model.norm".to_owned()),
        head: Head { names: &["lm_head"], tied: config.flag("tie_word_embeddings", published.tied)?, stored: None },
        biases: Biases::default(),
        special: Special::default(),
    })
}

/// Biases of all four projections of attention, by the field `attention_bias`, which is off where it is missing.
///
/// # Errors
/// The field is mistyped.
pub fn attention_biases(config: &Fields<'_>) -> Result<Biases, String> {
    let there = config.flag("attention_bias", false)?;
    Ok(Biases { queries_keys_values: there, attention_output: there, ..Biases::default() })
}
