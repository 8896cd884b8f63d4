//! Fields that no family reads: which are harmless, and which may change numbers.

use serde_json::Value;

/// What a field that was not read is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldVerdict {
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

/// Words of names that speak of arithmetic.
const TELLING: &str = "\
    act activation activations acts adapter adapters alibi alpha attention attentions attn base bases beta betas bias \
    biases block blocks blocksize cap capping caps channel channels clip clipped clipping conv convolution cross dense \
    depth dim dimension dimensions dims emb embd embed embedding embeddings encoder eps epsilon expert experts factor \
    factors ffn freq frequencies frequency fused gate gated gates gating gelu glu gqa group groups head headdim heads \
    hidden inner interleave interleaved intermediate inv inverse key keys kv latent layer layernorm layers linear \
    local logit logits lora mamba mask masked masking memory mha mixer mla mlp moe mqa mrope mscale mtp multi multiple \
    multiplier multipliers mup n nope norm normalization normalize normalized norms ntk num offset offsets parallel \
    pool pooler pooling position positional positions post pre proj projection projections prune pruned pruning qk qkv \
    quant quantization quantize quantized quantizer queries query ratio ratios recurrent relu residual residuals rms \
    rmsnorm rope rotary router routing scalar scale scaled scales scaling share shared sharing shift shifts silu sink \
    sinks size sizes sliding softcap softcapping softmax sparse sparsity ssm stack stacked state states swiglu tanh \
    temper temperature theta tie tied tying upcast value values vision vocab vocabulary weight weights width widths \
    window windows yarn";

/// Judges a field that the family did not read; `own` are the harmless ones of the family.
pub fn judge(name: &str, value: &Value, own: &[&str]) -> FieldVerdict {
    let lower = name.to_lowercase();
    let known = HARMLESS.contains(&name)
        || own.contains(&name)
        || HARMLESS_ENDS.iter().any(|end| lower.ends_with(end))
        || HARMLESS_BEGINNINGS.iter().any(|start| lower.starts_with(start));
    if known || is_off(value) {
        FieldVerdict::Harmless
    } else if words(name).any(|word| TELLING.split(' ').any(|telling| telling == word)) {
        FieldVerdict::MayChangeNumbers
    } else {
        FieldVerdict::Unknown
    }
}

/// The words of a name in small letters, without the numbers at their ends: `rope`, `scaling` of `ropeScaling2`.
fn words(name: &str) -> impl Iterator<Item = String> {
    let letters: Vec<char> = name.chars().collect();
    let mut apart = String::new();
    for (index, letter) in letters.iter().enumerate() {
        let before = index.checked_sub(1).map(|before| letters[before]);
        let begins = letter.is_uppercase()
            && before.is_some_and(|before| {
                before.is_lowercase()
                    || before.is_uppercase() && letters.get(index + 1).is_some_and(|after| after.is_lowercase())
            });
        if begins {
            apart.push('_');
        }
        apart.extend(letter.to_lowercase());
    }
    let words: Vec<String> = apart.split(|letter: char| !letter.is_alphabetic()).map(str::to_owned).collect();
    words.into_iter().filter(|word| !word.is_empty())
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
            assert_eq!(judge(name, &json!(1), &[]), FieldVerdict::MayChangeNumbers, "{name}");
            assert_eq!(judge(name, &Value::Null, &[]), FieldVerdict::Harmless, "{name} that is off");
        }
        for name in ["use_cache", "attention_dropout", "resid_pdrop", "pad_token_id", "summary_type", "unsloth_version"]
        {
            assert_eq!(judge(name, &json!(1), &[]), FieldVerdict::Harmless, "{name}");
        }
        // parts of other words say nothing
        for name in [
            "comment",
            "european",
            "properties",
            "database_url",
            "factory",
            "capacity_note",
            "tokens_seen",
            "dataset_statement",
            "author_contact",
        ] {
            assert_eq!(judge(name, &json!("made by hand"), &[]), FieldVerdict::Unknown, "{name}");
        }
        for name in ["ropeScaling", "useQKNorm", "n_layer2", "kv-heads", "multi_query", "nope_layer_interval"] {
            assert_eq!(judge(name, &json!(1), &[]), FieldVerdict::MayChangeNumbers, "{name}");
        }
        assert_eq!(judge("pretraining_tp", &json!(2), &["pretraining_tp"]), FieldVerdict::Harmless);
    }
}
