//! GPT-2: learned positions, stacked attention projection stored `[in, out]`, biases everywhere.

use crate::model::architecture::{
    Architecture, Biases, BlockNames, Head, LearnedPositions, MlpNames, Norm, QueryKeyValueNames, Residual, Special,
};
use crate::model::config::Fields;

/// What GPT-2's files hold besides.
pub const HARMLESS: &[&str] = &["n_ctx"];

pub fn describe(config: &Fields<'_>) -> Result<Architecture, String> {
    let hidden = config.integer_as(&["n_embd", "hidden_size"], Fields::WIDTH, 768)?;
    let heads = config.heads(&["n_head", "num_attention_heads"], 12)?;
    let layers = config.integer_as(&["n_layer", "num_hidden_layers"], Fields::LAYERS, 12)? as usize;
    let head_width = super::divided("n_head", hidden, heads)?;
    let scaled = config.flag("scale_attn_weights", true)?;
    // how half-precision scores are summed up; they are in float32 here anyway
    config.flag("reorder_and_upcast_attn", false)?;
    let block = |layer: usize| {
        let at = |name: &str| format!("transformer.h.{layer}.{name}");
        BlockNames {
            attention_norm: Some(at("ln_1")),
            query_norm: None,
            key_norm: None,
            sinks: None,
            attention_output_norm: None,
            mlp_output_norm: None,
            attention_sum_norm: None,
            mlp_sum_norm: None,
            mlp_norm: Some(at("ln_2")),
            queries_keys_values: QueryKeyValueNames::Stacked(at("attn.c_attn")),
            attention_output: at("attn.c_proj"),
            mlp: MlpNames::One { up: at("mlp.c_fc"), gate: None, down: at("mlp.c_proj") },
        }
    };
    Ok(Architecture {
        family: "gpt2".to_owned(),
        layers,
        hidden,
        heads,
        key_value_heads: heads,
        head_width,
        inner: config.optional_integer("n_inner", Fields::WIDTH)?.unwrap_or(4 * hidden),
        vocabulary: config.integer("vocab_size", Fields::VOCABULARY, 50_257)?,
        context: config.integer_as(&["n_positions", "max_position_embeddings"], Fields::POSITIONS, 1024)?,
        norm: Norm::Layer,
        norm_epsilon: config.number("layer_norm_epsilon", 1e-5)?,
        activation: config.activation("activation_function", "gelu_new")?,
        residual: Residual::Sequential,
        rotary: None,
        attention_scale: if scaled { (head_width as f64).powf(-0.5) } else { 1.0 },
        token_embedding: "transformer.wte".to_owned(),
        blocks: (0..layers).map(block).collect(),
        final_norm: Some("transformer.ln_f".to_owned()),
        head: Head { names: &["lm_head"], tied: config.flag("tie_word_embeddings", true)?, stored: None },
        biases: Biases { queries_keys_values: true, attention_output: true, mlp: true, head: false },
        special: Special {
            stored_input_first: true,
            attention_divided_by_layer: config.flag("scale_attn_by_inverse_layer_idx", false)?,
            positions: Some(LearnedPositions::new("transformer.wpe")),
            ..Special::default()
        },
    })
}
