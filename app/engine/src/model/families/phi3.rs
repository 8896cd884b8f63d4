//! Phi-3 and Phi-4: Llama with one matrix for queries, keys and values, one for gate and up-projection, and long contexts
//! by LongRoPE.

use super::like_llama::{self, LLAMA, Published};
use crate::model::architecture::{Architecture, BlockNames, MlpNames, QueryKeyValueNames};
use crate::model::config::{Fields, Rope, Share};

/// What the files of Phi-3 hold besides.
pub const HARMLESS: &[&str] = &[];

pub fn describe(config: &Fields<'_>) -> Result<Architecture, String> {
    let published = Published {
        family: "phi3",
        hidden: 3072,
        inner: 8192,
        vocabulary: 32_064,
        context: 4096,
        epsilon: ("rms_norm_eps", 1e-5),
        ..LLAMA
    };
    // older files say su or yarn and mean longrope; where nothing is stretched, the original context is not needed
    config.optional_integer("original_max_position_embeddings", Fields::POSITIONS)?;
    let share = Share::Part { outer: "partial_rotary_factor", default: 1.0, odd: false };
    let rope = |width, context| Rope { longrope_too: &["su", "yarn"], share, ..Rope::whole(width, context) };
    let mut architecture = like_llama::describe(config, &published, rope)?;
    let window = config.optional_integer("sliding_window", Fields::POSITIONS)?;
    architecture.special.attention_window = super::everywhere(window, architecture.layers);
    architecture.special.gate_with_up = true;
    let block = |layer: usize| BlockNames {
        queries_keys_values: QueryKeyValueNames::Stacked(format!("model.layers.{layer}.self_attn.qkv_proj")),
        mlp: MlpNames::One {
            up: format!("model.layers.{layer}.mlp.gate_up_proj"),
            gate: None,
            down: format!("model.layers.{layer}.mlp.down_proj"),
        },
        ..BlockNames::of_llama(layer)
    };
    architecture.blocks = (0..architecture.layers).map(block).collect();
    Ok(architecture)
}
