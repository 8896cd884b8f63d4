//! The family `llama`.

use super::like_llama::{self, LLAMA};
use crate::model::architecture::{Architecture, Biases};
use crate::model::config::{Fields, Rope, layer_kinds};

/// What Llama's files hold besides. `pretraining_tp` says how sums were split in training, which changes only rounding.
pub const HARMLESS: &[&str] = &["pretraining_tp"];

pub fn describe(config: &Fields<'_>) -> Result<Architecture, String> {
    let mut architecture = like_llama::describe(config, &LLAMA, Rope::whole)?;
    super::divided("num_attention_heads", architecture.hidden, architecture.heads)?;
    let mlp = config.flag("mlp_bias", false)?;
    architecture.biases = Biases { mlp, ..like_llama::attention_biases(config)? };
    let kinds = layer_kinds(config, architecture.layers)?;
    if kinds.is_some_and(|kinds| kinds.iter().any(|kind| *kind != "full_attention")) {
        return Err("field `layer_types` must say full_attention for every layer of architecture llama".to_owned());
    }
    Ok(architecture)
}
