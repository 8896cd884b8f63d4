//! Gemma: Llama with scaled embeddings and norms whose weights are stored as their difference from one.

use super::like_llama::{self, LLAMA, Published};
use crate::model::architecture::{Activation, Architecture, Norm};
use crate::model::config::{Fields, Rope};

/// What Gemma's files hold besides. `hidden_activation` is a name of later families; transformers reads `hidden_act`.
pub const HARMLESS: &[&str] = &["hidden_activation"];

pub fn describe(config: &Fields<'_>) -> Result<Architecture, String> {
    let published = Published {
        family: "gemma",
        heads: 16,
        key_value_heads: Some(16),
        head_width: Some(256),
        hidden: 3072,
        layers: 28,
        inner: 24_576,
        vocabulary: 256_000,
        context: 8192,
        tied: true,
        ..LLAMA
    };
    config.only("use_bidirectional_attention", false, "attention to later tokens is")?;
    let mut architecture = like_llama::describe(config, &published, Rope::whole)?;
    architecture.norm = Norm::RootMeanSquareAroundOne;
    architecture.biases = like_llama::attention_biases(config)?;
    architecture.special.embedding_scale = Some((architecture.hidden as f64).sqrt());
    // the first files say gelu and mean its approximation, and transformers reads them so
    architecture.activation = match config.activation("hidden_act", "gelu_pytorch_tanh")? {
        Activation::Gelu => Activation::GeluTanh,
        other => other,
    };
    Ok(architecture)
}
