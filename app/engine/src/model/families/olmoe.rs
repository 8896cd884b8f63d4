//! OLMoE: Llama with norms of all queries and of all keys together, and experts in place of every MLP. `clip_qkv`, which
//! published files leave null, is refused.

use super::like_llama::{self, LLAMA, Published};
use super::with_experts::{self, LIKE_QWEN};
use crate::model::architecture::{Architecture, BlockNames, QueryKeyNorm};
use crate::model::config::{Fields, Rope};

pub fn describe(config: &Fields<'_>) -> Result<Architecture, String> {
    let published = Published {
        family: "olmoe",
        heads: 16,
        hidden: 2048,
        layers: 16,
        inner: 2048,
        vocabulary: 50_304,
        context: 4096,
        epsilon: ("rms_norm_eps", 1e-5),
        ..LLAMA
    };
    let mut architecture = like_llama::describe(config, &published, Rope::whole)?;
    architecture.biases = like_llama::attention_biases(config)?;
    architecture.special.query_key_norm = QueryKeyNorm::Whole;
    architecture.blocks =
        (0..architecture.layers).map(|layer| BlockNames::of_llama(layer).with_query_key_norms(layer)).collect();
    let about = (architecture.inner, with_experts::routing(config)?, LIKE_QWEN);
    let experts = with_experts::experts(config, &["num_experts", "num_local_experts"], (64, 8), about)?;
    with_experts::put(&mut architecture, experts, ("mlp.gate", "mlp.experts"), |_| true);
    Ok(architecture)
}
