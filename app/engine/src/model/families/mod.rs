//! One file per family: maps its `config.json` and tensor names onto the decoder.

mod cohere;
mod falcon;
mod gemma;
mod gemma2;
mod gemma3;
mod gpt2;
mod gpt_neo;
mod gpt_neox;
mod gpt_oss;
mod gptj;
mod granite;
mod like_llama;
mod llama;
mod mistral;
mod mixtral;
mod olmo;
mod olmoe;
mod opt;
mod phi;
mod phi3;
mod qwen;
mod qwen3_moe;
mod smollm3;
mod stablelm;
mod starcoder2;
mod with_experts;

use super::architecture::{Architecture, ExpertLayout, Experts};
use super::config::{Fields, quantization, refusal};
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
    ("opt", Family { describe: opt::describe, harmless: opt::HARMLESS }),
    ("llama", Family { describe: llama::describe, harmless: llama::HARMLESS }),
    ("mistral", Family { describe: mistral::describe, harmless: mistral::HARMLESS }),
    ("qwen2", Family { describe: qwen::qwen2, harmless: qwen::HARMLESS }),
    ("qwen3", Family { describe: qwen::qwen3, harmless: qwen::HARMLESS }),
    ("gemma", Family { describe: gemma::describe, harmless: gemma::HARMLESS }),
    ("gemma2", Family { describe: gemma2::describe, harmless: gemma2::HARMLESS }),
    ("gemma3_text", Family { describe: gemma3::describe, harmless: gemma3::HARMLESS }),
    ("olmo2", Family { describe: olmo::olmo2, harmless: olmo::HARMLESS }),
    ("olmo3", Family { describe: olmo::olmo3, harmless: olmo::HARMLESS }),
    ("phi", Family { describe: phi::describe, harmless: phi::HARMLESS }),
    ("phi3", Family { describe: phi3::describe, harmless: phi3::HARMLESS }),
    ("smollm3", Family { describe: smollm3::describe, harmless: smollm3::HARMLESS }),
    ("stablelm", Family { describe: stablelm::describe, harmless: stablelm::HARMLESS }),
    ("starcoder2", Family { describe: starcoder2::describe, harmless: starcoder2::HARMLESS }),
    ("falcon", Family { describe: falcon::describe, harmless: falcon::HARMLESS }),
    ("granite", Family { describe: granite::describe, harmless: granite::HARMLESS }),
    ("cohere", Family { describe: cohere::cohere, harmless: cohere::HARMLESS }),
    ("cohere2", Family { describe: cohere::cohere2, harmless: cohere::HARMLESS }),
    ("mixtral", Family { describe: mixtral::describe, harmless: with_experts::HARMLESS }),
    ("qwen3_moe", Family { describe: qwen3_moe::describe, harmless: qwen3_moe::HARMLESS }),
    ("olmoe", Family { describe: olmoe::describe, harmless: with_experts::HARMLESS }),
    ("gpt_oss", Family { describe: gpt_oss::describe, harmless: gpt_oss::HARMLESS }),
];

/// Options of every family that the decoder runs with one value only, and what another value would mean.
const ONLY: &[(&str, bool, &str)] = &[
    ("is_encoder_decoder", false, "models with an encoder are"),
    ("add_cross_attention", false, "attention to an encoder is"),
];

/// Models of several media whose `text_config` is a language model: `model_type`, the family that their text part has where
/// it names none, and the fields beside it that speak of the other media only.
const WRAPPERS: &[(&str, &str, &[&str])] = &[
    ("gemma3", "gemma3_text", &["mm_tokens_per_image", "boi_token_index", "eoi_token_index", "image_token_index"]),
    (
        "mistral3",
        "mistral",
        &[
            "image_token_index",
            "multimodal_projector_bias",
            "projector_hidden_act",
            "spatial_merge_size",
            "vision_feature_layer",
        ],
    ),
];

/// Where the text part of a model of several media keeps its tensors, for `model.` of a language model.
const PLACES_OF_TEXT: &[&str] = &["model.language_model.", "language_model.model."];

/// The architecture that a configuration describes, and what is to be told of it.
///
/// # Errors
/// One sentence that names the field, or lists the known families.
pub fn describe(config: &Value) -> Result<(Architecture, Vec<String>), String> {
    let fields = Fields::new(config)?;
    let family = fields.text("model_type")?;
    let family = family.ok_or("field `model_type` is missing; copy config.json from the checkpoint")?;
    let Some((_, inner, harmless)) = WRAPPERS.iter().find(|(name, ..)| *name == family) else {
        return described(&fields, family);
    };
    let text = fields.inside("text_config")?;
    let text = text.ok_or("field `text_config` is missing; copy config.json from the checkpoint again")?;
    let (mut architecture, mut notes) = described(&text, text.text("model_type")?.unwrap_or(inner))?;
    architecture.head.names = &["lm_head", "language_model.lm_head"];
    if quantization(&fields)? {
        return Err(refusal("mxfp4"));
    }
    for media in ["vision_config", "audio_config"] {
        fields.inside(media)?;
    }
    // the text part has its own
    fields.flag("tie_word_embeddings", true)?;
    notes.extend(fields.leftover(family, harmless)?);
    notes.push(format!("of architecture {family}, the text part ({}) is run", architecture.family));
    Ok((architecture, notes))
}

/// What says which tokens end a text, and anything else that is of the whole model: the configuration of the text part
/// where there is one that says it.
#[must_use]
pub fn of_text<'a>(config: &'a Value, field: &str) -> Option<&'a Value> {
    let there = |config: &'a Value| config.get(field).filter(|value| !value.is_null());
    there(config).or_else(|| config.get("text_config").and_then(there))
}

/// The architecture with the names of its tensors as they are stored: the text part of a model of several media has them
/// in a place of its own.
#[must_use]
pub fn placed(architecture: Architecture, is_stored: impl Fn(&str) -> bool) -> Architecture {
    let embedding = format!("{}.weight", architecture.token_embedding);
    let place = PLACES_OF_TEXT
        .iter()
        .find(|place| embedding.strip_prefix("model.").is_some_and(|name| is_stored(&format!("{place}{name}"))));
    match place {
        Some(place) => architecture.renamed("model.", place),
        None => architecture,
    }
}

/// The architecture that the fields of a language model describe.
fn described(fields: &Fields<'_>, family: &str) -> Result<(Architecture, Vec<String>), String> {
    let known = FAMILIES.iter().find(|(name, _)| *name == family);
    let Some((_, Family { describe, harmless })) = known else {
        let names: Vec<_> = FAMILIES.iter().map(|(name, _)| *name).collect();
        return Err(format!("architecture `{}` is not supported; known are {}", quoted(family), names.join(", ")));
    };
    let is_packed = quantization(fields)?;
    for (name, value, why) in ONLY {
        fields.only(name, *value, why)?;
    }
    let architecture = describe(fields)?;
    let holds_packed = |experts: &Experts| experts.layout == ExpertLayout::TogetherInTurn;
    if is_packed && !architecture.special.experts.as_ref().is_some_and(holds_packed) {
        return Err(refusal("mxfp4"));
    }
    let notes = fields.leftover(family, harmless)?;
    Ok((architecture, notes))
}

/// The same window in every layer, as the decoder wants it.
fn everywhere(window: Option<i64>, layers: usize) -> Vec<Option<i64>> {
    window.map_or_else(Vec::new, |window| vec![Some(window); layers])
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

#[cfg(test)]
mod tests {
    #[test]
    fn lists_that_are_made_without_an_engine_know_every_family() {
        let names: Vec<&str> = super::FAMILIES.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, locus_protocol::FAMILIES, "name it in app/protocol/src/families.rs, too");
        let wrappers: Vec<&str> = super::WRAPPERS.iter().map(|(name, ..)| *name).collect();
        assert_eq!(wrappers, locus_protocol::WITH_TEXT_PART, "name it in app/protocol/src/families.rs, too");
    }
}
