//! Names of the families of models that can be run, for lists that are made without an engine.

/// The `model_type` of every supported family; a test of the engine holds that these are its own.
pub const FAMILIES: &[&str] = &[
    "gpt2",
    "gptj",
    "gpt_neo",
    "gpt_neox",
    "opt",
    "llama",
    "mistral",
    "qwen2",
    "qwen3",
    "gemma",
    "gemma2",
    "gemma3_text",
    "olmo2",
    "olmo3",
    "phi",
    "phi3",
    "smollm3",
    "stablelm",
    "starcoder2",
    "falcon",
    "granite",
    "cohere",
    "cohere2",
    "mixtral",
    "qwen3_moe",
    "olmoe",
    "gpt_oss",
];

/// The `model_type` of models of several media whose text part can be run; a test of the engine holds these, too.
pub const WITH_TEXT_PART: &[&str] = &["gemma3", "mistral3"];

/// Whether a model of this `model_type` can be run, as far as its name says.
#[must_use]
pub fn runs(family: &str) -> bool {
    FAMILIES.contains(&family) || WITH_TEXT_PART.contains(&family)
}
