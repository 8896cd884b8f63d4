//! Qwen 3 with experts: in every layer, or in some of them with MLPs in the others.

use super::like_llama::{self, LLAMA, Published};
use super::with_experts::{self, LIKE_QWEN};
use crate::model::architecture::{Architecture, BlockNames};
use crate::model::config::{Fields, Rope};

/// What its files hold besides; transformers does not read `max_window_layers` here.
pub const HARMLESS: &[&str] = &["router_aux_loss_coef", "max_window_layers"];

pub fn describe(config: &Fields<'_>) -> Result<Architecture, String> {
    let published = Published {
        family: "qwen3_moe",
        key_value_heads: Some(4),
        hidden: 2048,
        layers: 24,
        inner: 6144,
        vocabulary: 151_936,
        context: 32_768,
        ..LLAMA
    };
    let mut architecture = like_llama::describe(config, &published, Rope::whole)?;
    let layers = architecture.layers;
    architecture.biases = like_llama::attention_biases(config)?;
    let used = config.flag("use_sliding_window", false)?;
    let window = config.integer_or_none("sliding_window", Fields::POSITIONS, 4096)?.filter(|_| used);
    architecture.special.attention_window = super::everywhere(window, layers);
    architecture.blocks = (0..layers).map(|layer| BlockNames::of_llama(layer).with_query_key_norms(layer)).collect();
    let inner = config.integer("moe_intermediate_size", Fields::WIDTH, 768)?;
    let about = (inner, with_experts::routing(config)?, LIKE_QWEN);
    let experts = with_experts::experts(config, &["num_experts", "num_local_experts"], (128, 8), about)?;
    let every = config.integer("decoder_sparse_step", 1..=1 << 20, 1)? as usize;
    let without = config.integers("mlp_only_layers", &(0..=*Fields::LAYERS.end()))?;
    with_experts::put(&mut architecture, experts, ("mlp.gate", "mlp.experts"), |layer| {
        (layer + 1).is_multiple_of(every) && !without.contains(&(layer as i64))
    });
    Ok(architecture)
}
