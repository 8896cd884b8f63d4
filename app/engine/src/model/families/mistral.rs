//! Mistral: Llama with a sliding window in all layers, or in none.

use super::like_llama::{self, LLAMA, Published};
use crate::model::architecture::Architecture;
use crate::model::config::{Fields, Rope};

/// What Mistral's files hold besides.
pub const HARMLESS: &[&str] = &[];

pub fn describe(config: &Fields<'_>) -> Result<Architecture, String> {
    let published = Published { family: "mistral", key_value_heads: Some(8), inner: 14_336, context: 131_072, ..LLAMA };
    let mut architecture = like_llama::describe(config, &published, Rope::whole)?;
    let window = config.integer_or_none("sliding_window", Fields::POSITIONS, 4096)?;
    architecture.special.attention_window = super::everywhere(window, architecture.layers);
    Ok(architecture)
}
