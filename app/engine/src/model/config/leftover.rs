//! Fields that no family reads: which are harmless, and which may change numbers.

use serde_json::Value;

/// What a field that was not read is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It changes nothing that is computed here.
    Harmless,
    /// Nobody knows it, and its name does not look like arithmetic.
    Unknown,
    /// It is refused.
    MayChangeNumbers,
}

/// Fields of `transformers`' configuration classes, and of programs that write such files, that change no logits: where
/// files come from, number formats, caches, special tokens, generation, training, classification.
const HARMLESS: &[&str] = &[
    "_attn_implementation",
    "_attn_implementation_autoset",
    "_commit_hash",
    "_flash_attn_2_enabled",
    "_name_or_path",
    "architectures",
    "attn_implementation",
    "auto_map",
    "begin_suppress_tokens",
    "cache_implementation",
    "chunk_size_feed_forward",
    "classifier_activation",
    "custom_pipelines",
    "diversity_penalty",
    "do_sample",
    "dtype",
    "early_stopping",
    "exponential_decay_length_penalty",
    "finetuning_task",
    "gradient_checkpointing",
    "id2label",
    "init_std",
    "initializer_factor",
    "initializer_range",
    "is_decoder",
    "is_llama_config",
    "keys_to_ignore_at_inference",
    "label2id",
    "layerdrop",
    "length_penalty",
    "max_length",
    "max_new_tokens",
    "max_sequence_length",
    "min_length",
    "model_max_length",
    "model_type",
    "name_or_path",
    "neftune_noise_alpha",
    "no_repeat_ngram_size",
    "num_beam_groups",
    "num_beams",
    "num_labels",
    "num_return_sequences",
    "output_attentions",
    "output_hidden_states",
    "output_past",
    "output_router_logits",
    "output_scores",
    "prefix",
    "problem_type",
    "remove_invalid_values",
    "repetition_penalty",
    "return_dict",
    "return_dict_in_generate",
    "suppress_tokens",
    "task_specific_params",
    "temperature",
    "tf_legacy_loss",
    "tokenizer_class",
    "tokenizer_model_max_length",
    "tokenizer_padding_side",
    "top_k",
    "top_p",
    "torch_dtype",
    "torchscript",
    "transformers.js_config",
    "transformers_version",
    "typical_p",
    "use_bfloat16",
    "use_cache",
    "use_return_dict",
    "encoder_no_repeat_ngram_size",
    "bad_words_ids",
    "attention_probs_dropout_prob",
    "hidden_dropout_prob",
];

/// How names of harmless fields end: probabilities of dropout, special tokens, versions.
const HARMLESS_ENDS: &[&str] =
    &["_dropout", "_pdrop", "_token_id", "_token_ids", "_version", "_dropout_rate", "_dropout_prob"];

/// How names of harmless fields begin: heads of other tasks, training programs.
const HARMLESS_BEGINNINGS: &[&str] = &["summary_", "unsloth_", "dropout"];

/// Parts of names that speak of arithmetic.
const TELLING: &[&str] = &[
    "act",
    "adapter",
    "alibi",
    "alpha",
    "attention",
    "attn",
    "base",
    "beta",
    "bias",
    "block",
    "cap",
    "channel",
    "clip",
    "conv",
    "cross",
    "depth",
    "dim",
    "embd",
    "embed",
    "encoder",
    "eps",
    "expert",
    "factor",
    "ffn",
    "freq",
    "fused",
    "gate",
    "gqa",
    "group",
    "head",
    "hidden",
    "inner",
    "intermediate",
    "interleav",
    "inverse",
    "key",
    "kv",
    "latent",
    "layer",
    "linear",
    "local",
    "logit",
    "lora",
    "mask",
    "memory",
    "mixer",
    "mla",
    "mlp",
    "moe",
    "mrope",
    "mscale",
    "mtp",
    "mult",
    "mup",
    "n_",
    "norm",
    "num_",
    "ntk",
    "offset",
    "parallel",
    "per_layer",
    "pool",
    "position",
    "pre_",
    "post_",
    "proj",
    "prun",
    "qk",
    "qkv",
    "quant",
    "query",
    "ratio",
    "recurrent",
    "residual",
    "rms",
    "rope",
    "rotary",
    "router",
    "scal",
    "shar",
    "shift",
    "sink",
    "size",
    "sliding",
    "softmax",
    "sparse",
    "ssm",
    "stack",
    "state",
    "temper",
    "theta",
    "tie",
    "upcast",
    "value",
    "vision",
    "vocab",
    "weight",
    "width",
    "window",
    "yarn",
];

/// Judges a field that the family did not read; `own` are the harmless ones of the family.
pub fn judge(name: &str, value: &Value, own: &[&str]) -> Verdict {
    let lower = name.to_lowercase();
    let known = HARMLESS.contains(&name)
        || own.contains(&name)
        || HARMLESS_ENDS.iter().any(|end| lower.ends_with(end))
        || HARMLESS_BEGINNINGS.iter().any(|start| lower.starts_with(start));
    if known || is_off(value) {
        Verdict::Harmless
    } else if TELLING.iter().any(|part| lower.contains(part)) {
        Verdict::MayChangeNumbers
    } else {
        Verdict::Unknown
    }
}

/// Whether a field asks for nothing: null, false, or empty.
fn is_off(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(object) => object.is_empty(),
        Value::Bool(true) | Value::Number(_) => false,
    }
}

/// A name from a file, fit to be shown: short and on one line.
pub fn quoted(name: &str) -> String {
    let shown: String = name.chars().take(60).flat_map(char::escape_debug).collect();
    if name.chars().count() > 60 { format!("{shown} …") } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_nobody_reads_is_judged_by_name_and_value() {
        for name in [
            "quantization_config",
            "logits_scaling",
            "final_logit_softcapping",
            "residual_multiplier",
            "sliding_window",
            "attention_window",
            "rope_scaling",
            "use_qk_norm",
            "qk_layernorm",
            "attention_bias",
            "no_rope_layers",
            "alibi",
            "num_local_experts",
            "pruned_heads",
            "hidden_act",
        ] {
            assert_eq!(judge(name, &json!(1), &[]), Verdict::MayChangeNumbers, "{name}");
            assert_eq!(judge(name, &Value::Null, &[]), Verdict::Harmless, "{name} that is off");
        }
        for name in ["use_cache", "attention_dropout", "resid_pdrop", "pad_token_id", "summary_type", "unsloth_version"]
        {
            assert_eq!(judge(name, &json!(1), &[]), Verdict::Harmless, "{name}");
        }
        assert_eq!(judge("comment", &json!("made by hand"), &[]), Verdict::Unknown);
        assert_eq!(judge("pretraining_tp", &json!(2), &["pretraining_tp"]), Verdict::Harmless);
        assert_eq!(quoted("a\nb\u{1b}"), "a\\nb\\u{1b}");
    }
}
