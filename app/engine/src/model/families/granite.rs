//! Granite: Llama with factors on embeddings, attention scores, what is written to the stream, and logits.

use super::like_llama::{self, LLAMA, Published};
use crate::model::architecture::{Architecture, Biases};
use crate::model::config::{Fields, Rope};

/// What Granite's files hold besides.
pub const HARMLESS: &[&str] = &[];

pub fn describe(config: &Fields<'_>) -> Result<Architecture, String> {
    let published = Published { family: "granite", ..LLAMA };
    let mut architecture = like_llama::describe(config, &published, Rope::whole)?;
    let mlp = config.flag("mlp_bias", false)?;
    architecture.biases = Biases { mlp, ..like_llama::attention_biases(config)? };
    architecture.attention_scale = config.number("attention_multiplier", 1.0)?;
    let factor = |name| config.number(name, 1.0).map(|factor| Some(factor).filter(|factor| *factor != 1.0));
    architecture.special.embedding_scale = factor("embedding_multiplier")?;
    architecture.special.residual_scale = factor("residual_multiplier")?;
    architecture.special.logit_scale = factor("logits_scaling")?.map(f64::recip);
    Ok(architecture)
}
