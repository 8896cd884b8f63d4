//! Phi: attention and MLP in parallel behind one norm, rotary on a part of each head, biases everywhere.

use crate::model::architecture::{
    Architecture, Biases, BlockNames, Head, MlpNames, Norm, QueryKeyValueNames, Residual, Special,
};
use crate::model::config::{Fields, Rope, Share};

/// What Phi's files hold besides.
pub const HARMLESS: &[&str] = &[];

pub fn describe(config: &Fields<'_>) -> Result<Architecture, String> {
    let hidden = config.integer("hidden_size", Fields::WIDTH, 2048)?;
    let heads = config.heads(&["num_attention_heads"], 32)?;
    let layers = config.integer("num_hidden_layers", Fields::LAYERS, 24)? as usize;
    let head_width = super::head_width(config, hidden, heads)?;
    let normed = config.flag("qk_layernorm", false)?;
    let promised = config.integer("max_position_embeddings", Fields::POSITIONS, 2048)?;
    let share = Share::Part { outer: "partial_rotary_factor", default: 0.5, odd: false };
    let (rotary, context) = Rope { share, ..Rope::whole(head_width, promised) }.read(config)?;
    let key_value_heads = config.optional_integer("num_key_value_heads", Fields::HEADS)?.unwrap_or(heads);
    super::grouped(heads, key_value_heads)?;
    let block = |layer: usize| {
        let at = |name: &str| format!("model.layers.{layer}.{name}");
        BlockNames {
            attention_norm: Some(at("input_layernorm")),
            query_norm: normed.then(|| at("self_attn.q_layernorm")),
            key_norm: normed.then(|| at("self_attn.k_layernorm")),
            sinks: None,
            attention_output_norm: None,
            mlp_output_norm: None,
            attention_sum_norm: None,
            mlp_sum_norm: None,
            mlp_norm: None,
            queries_keys_values: QueryKeyValueNames::Separate([
                at("self_attn.q_proj"),
                at("self_attn.k_proj"),
                at("self_attn.v_proj"),
            ]),
            attention_output: at("self_attn.dense"),
            mlp: MlpNames::One { up: at("mlp.fc1"), gate: None, down: at("mlp.fc2") },
        }
    };
    Ok(Architecture {
        family: "phi".to_owned(),
        layers,
        hidden,
        heads,
        key_value_heads,
        head_width,
        inner: config.integer("intermediate_size", Fields::WIDTH, 8192)?,
        vocabulary: config.integer("vocab_size", Fields::VOCABULARY, 51_200)?,
        context,
        norm: Norm::Layer,
        norm_epsilon: config.number("layer_norm_eps", 1e-5)?,
        activation: config.activation("hidden_act", "gelu_new")?,
        residual: Residual::ParallelSharedNorm,
        rotary: Some(rotary),
        attention_scale: (head_width as f64).powf(-0.5),
        token_embedding: "model.embed_tokens".to_owned(),
        blocks: (0..layers).map(block).collect(),
        final_norm: Some("model.final_layernorm".to_owned()),
        head: Head { names: &["lm_head"], tied: config.flag("tie_word_embeddings", false)?, stored: None },
        biases: Biases { queries_keys_values: true, attention_output: true, mlp: true, head: true },
        special: Special::default(),
    })
}
