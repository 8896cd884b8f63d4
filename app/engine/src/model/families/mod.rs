//! One file per family: maps its `config.json` and tensor names onto the decoder.

mod gemma2;
mod gpt2;
mod gpt_neo;
mod gpt_neox;
mod gptj;
mod llama;
mod opt;
mod phi;

use super::architecture::{Architecture, Fields};

type Describe = fn(&Fields<'_>) -> Result<Architecture, String>;

/// `model_type` of every supported family and the function that describes it.
pub const FAMILIES: &[(&str, Describe)] = &[
    ("gpt2", gpt2::describe),
    ("gptj", gptj::describe),
    ("gpt_neo", gpt_neo::describe),
    ("gpt_neox", gpt_neox::describe),
    ("llama", llama::describe),
    ("qwen2", llama::describe),
    ("phi", phi::describe),
    ("gemma2", gemma2::describe),
    ("opt", opt::describe),
];

/// The architecture that a configuration describes.
///
/// # Errors
/// One sentence that names the field, or lists the known families.
pub fn describe(config: &serde_json::Value) -> Result<Architecture, String> {
    let family = config
        .get("model_type")
        .and_then(serde_json::Value::as_str)
        .ok_or("field `model_type` is missing; copy config.json from the checkpoint")?;
    let known = FAMILIES.iter().find(|(name, _)| *name == family);
    let Some((_, describe)) = known else {
        let names: Vec<_> = FAMILIES.iter().map(|(name, _)| *name).collect();
        return Err(format!("architecture `{family}` is not supported; known are {}", names.join(", ")));
    };
    describe(&Fields(config))
}
