//! Mixtral: Mistral with eight experts in place of every MLP, two of which a token takes.

use super::like_llama::{self, LLAMA, Published};
use super::with_experts;
use crate::model::architecture::{Architecture, ExpertLayout, Routing};
use crate::model::config::{Fields, Rope};

pub fn describe(config: &Fields<'_>) -> Result<Architecture, String> {
    let published = Published {
        family: "mixtral",
        key_value_heads: Some(8),
        inner: 14_336,
        context: 131_072,
        epsilon: ("rms_norm_eps", 1e-5),
        ..LLAMA
    };
    let rope = |width, context| Rope { theta: ("rope_theta", 1e6), ..Rope::whole(width, context) };
    let mut architecture = like_llama::describe(config, &published, rope)?;
    let window = config.optional_integer("sliding_window", Fields::POSITIONS)?;
    architecture.special.attention_window = super::everywhere(window, architecture.layers);
    let layout = ExpertLayout::Each { gate: "w1", up: "w3", down: "w2" };
    let about = (architecture.inner, Routing::ShareOfChosen, layout);
    let experts = with_experts::experts(config, &["num_local_experts", "num_experts"], (8, 2), about)?;
    with_experts::put(&mut architecture, experts, ("block_sparse_moe.gate", "block_sparse_moe.experts"), |_| true);
    Ok(architecture)
}
