//! One file per family: maps its `config.json` and tensor names onto the decoder.

mod gemma2;
mod gpt2;
mod gpt_neo;
mod gpt_neox;
mod gptj;
mod layers;
mod llama;
mod opt;
mod phi;

use super::architecture::Architecture;
use super::config::Fields;
use locus_protocol::shown::quoted;
use serde_json::Value;

/// A family: how its `config.json` is read, and which fields of it change no numbers (besides those that change none in
/// any family).
#[derive(Clone, Copy)]
pub struct Family {
    /// Reads the fields; those that it leaves out get the defaults of transformers' configuration class.
    describe: fn(&Fields<'_>) -> Result<Architecture, String>,
    /// Fields that may be ignored.
    harmless: &'static [&'static str],
}

/// `model_type` of every supported family, and the family.
pub const FAMILIES: &[(&str, Family)] = &[
    ("gpt2", Family { describe: gpt2::describe, harmless: gpt2::HARMLESS }),
    ("gptj", Family { describe: gptj::describe, harmless: gptj::HARMLESS }),
    ("gpt_neo", Family { describe: gpt_neo::describe, harmless: gpt_neo::HARMLESS }),
    ("gpt_neox", Family { describe: gpt_neox::describe, harmless: gpt_neox::HARMLESS }),
    ("llama", Family { describe: llama::llama, harmless: llama::HARMLESS }),
    ("qwen2", Family { describe: llama::qwen2, harmless: llama::HARMLESS_OF_QWEN2 }),
    ("phi", Family { describe: phi::describe, harmless: phi::HARMLESS }),
    ("gemma2", Family { describe: gemma2::describe, harmless: gemma2::HARMLESS }),
    ("opt", Family { describe: opt::describe, harmless: opt::HARMLESS }),
];

/// Options of every family that the decoder runs with one value only, and what another value would mean.
const ONLY: &[(&str, bool, &str)] = &[
    ("is_encoder_decoder", false, "models with an encoder are"),
    ("add_cross_attention", false, "attention to an encoder is"),
];

/// The architecture that a configuration describes, and what is to be told of it.
///
/// # Errors
/// One sentence that names the field, or lists the known families.
pub fn describe(config: &Value) -> Result<(Architecture, Vec<String>), String> {
    let fields = Fields::new(config)?;
    let family = fields.text("model_type")?;
    let family = family.ok_or("field `model_type` is missing; copy config.json from the checkpoint")?;
    let known = FAMILIES.iter().find(|(name, _)| *name == family);
    let Some((_, Family { describe, harmless })) = known else {
        let names: Vec<_> = FAMILIES.iter().map(|(name, _)| *name).collect();
        return Err(format!("architecture `{}` is not supported; known are {}", quoted(family), names.join(", ")));
    };
    if let Some(settings) = fields.inside("quantization_config")?.filter(|settings| !settings.is_empty()) {
        let method = quoted(settings.text("quant_method")?.unwrap_or("unknown"));
        return Err(format!(
            "field `quantization_config` says that the weights are quantised (method {method}), which is not supported; \
             take the checkpoint in float16, bfloat16 or float32, or dequantise it"
        ));
    }
    for (name, value, why) in ONLY {
        fields.only(name, *value, why)?;
    }
    let architecture = describe(&fields)?;
    let notes = fields.leftover(family, harmless)?;
    Ok((architecture, notes))
}

/// Channels of a head where all heads together are as wide as the stream; `name` is the field of the heads.
fn divided(name: &str, hidden: i64, heads: i64) -> Result<i64, String> {
    if hidden % heads == 0 {
        Ok(hidden / heads)
    } else {
        Err(format!("field `{name}` is {heads} and must divide the hidden size, {hidden}"))
    }
}

/// Channels of a head: `head_dim`, or the share of the stream.
fn head_width(config: &Fields<'_>, hidden: i64, heads: i64) -> Result<i64, String> {
    let width = config.optional_integer("head_dim", Fields::WIDTH)?.unwrap_or(hidden / heads);
    if width > 0 { Ok(width) } else { divided("num_attention_heads", hidden, heads) }
}

/// Whether heads can share keys and values.
fn grouped(heads: i64, key_value_heads: i64) -> Result<(), String> {
    if heads % key_value_heads == 0 {
        Ok(())
    } else {
        Err(format!(
            "field `num_key_value_heads` is {key_value_heads} and must divide the number of attention heads, {heads}"
        ))
    }
}
