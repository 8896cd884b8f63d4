//! Gemma 3: Gemma 2 with norms of queries and keys, windows in five layers of six, and rotary positions of another base
//! there. A cap of attention scores is refused: transformers reads it and does not apply it.

use super::like_llama::{self, LLAMA, Published};
use crate::model::architecture::{Architecture, BlockNames, LayerRotary, Norm};
use crate::model::config::{Fields, Rope, THETA, windows};

/// What Gemma 3's files hold besides; transformers reads `hidden_activation`.
pub const HARMLESS: &[&str] = &["hidden_act", "_sliding_window_pattern"];

pub fn describe(config: &Fields<'_>) -> Result<Architecture, String> {
    let published = Published {
        family: "gemma3_text",
        heads: 8,
        key_value_heads: Some(4),
        head_width: Some(256),
        hidden: 2304,
        layers: 26,
        inner: 9216,
        vocabulary: 262_208,
        context: 131_072,
        tied: true,
        ..LLAMA
    };
    config.only("use_bidirectional_attention", false, "attention to later tokens is")?;
    let mut architecture = like_llama::without_rotary(config, &published)?;
    let layers = architecture.layers;
    let rope = Rope { theta: ("rope_theta", 1e6), ..Rope::whole(architecture.head_width, architecture.context) };
    let (whole, sliding, context) = rope.read_by_kind(config, ("rope_local_base_freq", THETA))?;
    architecture.context = context;
    architecture.norm = Norm::RootMeanSquareAroundOne;
    architecture.activation = config.activation("hidden_activation", "gelu_pytorch_tanh")?;
    architecture.attention_scale = config.number("query_pre_attn_scalar", 256.0)?.powf(-0.5);
    architecture.biases = like_llama::attention_biases(config)?;
    let block = |layer| BlockNames::of_llama(layer).with_norms_around(layer).with_query_key_norms(layer);
    architecture.blocks = (0..layers).map(block).collect();
    let every = config.integer("sliding_window_pattern", 1..=1 << 20, 6)? as usize;
    let special = &mut architecture.special;
    special.logit_cap = config.optional_number("final_logit_softcapping")?;
    special.embedding_scale = Some((architecture.hidden as f64).sqrt());
    special.attention_window = windows(config, layers, 4096, |layer| !(layer + 1).is_multiple_of(every))?;
    special.layer_rotary = LayerRotary::by_window(&special.attention_window);
    (architecture.rotary, special.other_rotary) = (Some(whole), Some(sliding));
    Ok(architecture)
}
