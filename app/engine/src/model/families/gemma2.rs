//! Gemma 2: norms around attention and MLP alike, capped scores and logits, scaled embeddings, and sliding windows in
//! every other layer.

use crate::model::architecture::{Architecture, Biases, BlockNames, Head, Norm, Residual, Special};
use crate::model::config::{Fields, Rope, windows};

/// What Gemma 2's files hold besides. `hidden_act` is an older name; transformers reads `hidden_activation` only, and takes
/// its default where it is missing.
pub const HARMLESS: &[&str] = &["hidden_act"];

pub fn describe(config: &Fields<'_>) -> Result<Architecture, String> {
    let hidden = config.integer("hidden_size", Fields::WIDTH, 2304)?;
    let heads = config.heads(&["num_attention_heads"], 8)?;
    let layers = config.integer("num_hidden_layers", Fields::LAYERS, 26)? as usize;
    super::divided("num_attention_heads", hidden, heads)?;
    let head_width = config.integer("head_dim", Fields::WIDTH, 256)?;
    let key_value_heads = config.integer("num_key_value_heads", Fields::HEADS, 4)?;
    super::grouped(heads, key_value_heads)?;
    config.only("use_bidirectional_attention", false, "attention to later tokens is")?;
    let promised = config.integer("max_position_embeddings", Fields::POSITIONS, 8192)?;
    let (rotary, context) = Rope::whole(head_width, promised).read(config)?;
    let attention_bias = config.flag("attention_bias", false)?;
    Ok(Architecture {
        family: "gemma2".to_owned(),
        layers,
        hidden,
        heads,
        key_value_heads,
        head_width,
        inner: config.integer("intermediate_size", Fields::WIDTH, 9216)?,
        vocabulary: config.integer("vocab_size", Fields::VOCABULARY, 256_000)?,
        context,
        norm: Norm::RootMeanSquareAroundOne,
        norm_epsilon: config.number("rms_norm_eps", 1e-6)?,
        activation: config.activation("hidden_activation", "gelu_pytorch_tanh")?,
        residual: Residual::Sequential,
        rotary: Some(rotary),
        attention_scale: config.number("query_pre_attn_scalar", 256.0)?.powf(-0.5),
        token_embedding: "model.embed_tokens".to_owned(),
        blocks: (0..layers).map(|layer| BlockNames::of_llama(layer).with_norms_around(layer)).collect(),
        final_norm: Some("model.norm".to_owned()),
        head: Head { names: &["lm_head"], tied: config.flag("tie_word_embeddings", true)?, stored: None },
        biases: Biases { queries_keys_values: attention_bias, attention_output: attention_bias, ..Biases::default() },
        special: Special {
            attention_cap: config.number_or_none("attn_logit_softcapping", 50.0)?,
            logit_cap: config.number_or_none("final_logit_softcapping", 30.0)?,
            embedding_scale: Some((hidden as f64).sqrt()),
            // every other layer, the first one included
            attention_window: windows(config, layers, 4096, |layer| layer.is_multiple_of(2))?,
            ..Special::default()
        },
    })
}
