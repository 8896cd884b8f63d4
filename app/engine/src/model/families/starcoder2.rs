//! Starcoder2: Llama with norms of mean and variance, biases, and an MLP without gate.

use super::like_llama::{self, LLAMA, Published};
use crate::model::architecture::{Architecture, Biases, BlockNames, MlpNames, Norm};
use crate::model::config::{Fields, Rope};

/// What Starcoder2's files hold besides; the names of later fields under which transformers reads nothing, and kinds of
/// norm and MLP that the class fixes.
pub const HARMLESS: &[&str] = &["activation_function", "layer_norm_epsilon", "norm_type", "mlp_type"];

pub fn describe(config: &Fields<'_>) -> Result<Architecture, String> {
    let published = Published {
        family: "starcoder2",
        heads: 24,
        key_value_heads: Some(2),
        hidden: 3072,
        layers: 30,
        inner: 12_288,
        vocabulary: 49_152,
        context: 4096,
        epsilon: ("norm_epsilon", 1e-5),
        tied: true,
        ..LLAMA
    };
    let mut architecture = like_llama::describe(config, &published, Rope::whole)?;
    architecture.norm = Norm::Layer;
    architecture.activation = config.activation("hidden_act", "gelu_pytorch_tanh")?;
    let biased = config.flag("use_bias", true)?;
    architecture.biases = Biases { queries_keys_values: biased, attention_output: biased, mlp: biased, head: false };
    let window = config.optional_integer("sliding_window", Fields::POSITIONS)?;
    architecture.special.attention_window = super::everywhere(window, architecture.layers);
    let block = |layer: usize| BlockNames {
        mlp: MlpNames::One {
            up: format!("model.layers.{layer}.mlp.c_fc"),
            gate: None,
            down: format!("model.layers.{layer}.mlp.c_proj"),
        },
        ..BlockNames::of_llama(layer)
    };
    architecture.blocks = (0..architecture.layers).map(block).collect();
    Ok(architecture)
}
