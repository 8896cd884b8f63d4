//! StableLM: Llama with norms of mean and variance, rotary positions on a part of each head, and, as an option, attention
//! and MLP in parallel.

use super::like_llama::{self, LLAMA, Published};
use crate::model::architecture::{Architecture, BlockNames, Norm, Residual};
use crate::model::config::{Fields, Rope, Share};

/// What StableLM's files hold besides.
pub const HARMLESS: &[&str] = &[];

pub fn describe(config: &Fields<'_>) -> Result<Architecture, String> {
    let published = Published {
        family: "stablelm",
        key_value_heads: Some(32),
        hidden: 2560,
        inner: 6912,
        vocabulary: 50_304,
        context: 4096,
        epsilon: ("layer_norm_eps", 1e-5),
        ..LLAMA
    };
    config.only("qk_layernorm", false, "a norm for each head of queries and keys is")?;
    let share = Share::Part { outer: "partial_rotary_factor", default: 0.25, odd: false };
    let rope = |width, context| Rope { share, ..Rope::whole(width, context) };
    let mut architecture = like_llama::describe(config, &published, rope)?;
    super::divided("num_attention_heads", architecture.hidden, architecture.heads)?;
    architecture.norm = Norm::Layer;
    architecture.biases.queries_keys_values = config.flag("use_qkv_bias", false)?;
    if config.flag("use_parallel_residual", false)? {
        architecture.residual = Residual::ParallelSharedNorm;
        let block = |layer| BlockNames { mlp_norm: None, ..BlockNames::of_llama(layer) };
        architecture.blocks = (0..architecture.layers).map(block).collect();
    }
    Ok(architecture)
}
