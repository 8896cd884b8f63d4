//! GPT-NeoX (and Pythia): per-head fused projection, rotary on a part of each head, two norms in parallel.

use crate::model::architecture::{
    Architecture, Biases, BlockNames, Head, MlpNames, Norm, QueryKeyValueNames, Residual, Special,
};
use crate::model::config::{Fields, Rope, Share, THETA};

/// What GPT-NeoX's files hold besides.
pub const HARMLESS: &[&str] = &[];

pub fn describe(config: &Fields<'_>) -> Result<Architecture, String> {
    let hidden = config.integer("hidden_size", Fields::WIDTH, 6144)?;
    let heads = config.heads(&["num_attention_heads"], 64)?;
    let layers = config.integer("num_hidden_layers", Fields::LAYERS, 44)? as usize;
    let head_width = super::divided("num_attention_heads", hidden, heads)?;
    let promised = config.integer("max_position_embeddings", Fields::POSITIONS, 2048)?;
    let share = Share::Part { outer: "rotary_pct", default: 0.25, odd: true };
    let rope = Rope { theta: ("rotary_emb_base", THETA), share, ..Rope::whole(head_width, promised) };
    let (rotary, context) = rope.read(config)?;
    let parallel = config.flag("use_parallel_residual", true)?;
    let attention_bias = config.flag("attention_bias", true)?;
    let block = |layer: usize| {
        let at = |name: &str| format!("gpt_neox.layers.{layer}.{name}");
        BlockNames {
            attention_norm: Some(at("input_layernorm")),
            query_norm: None,
            key_norm: None,
            sinks: None,
            attention_output_norm: None,
            mlp_output_norm: None,
            attention_sum_norm: None,
            mlp_sum_norm: None,
            mlp_norm: Some(at("post_attention_layernorm")),
            queries_keys_values: QueryKeyValueNames::PerHead(at("attention.query_key_value")),
            attention_output: at("attention.dense"),
            mlp: MlpNames::One { up: at("mlp.dense_h_to_4h"), gate: None, down: at("mlp.dense_4h_to_h") },
        }
    };
    Ok(Architecture {
        family: "gpt_neox".to_owned(),
        layers,
        hidden,
        heads,
        key_value_heads: heads,
        head_width,
        inner: config.integer("intermediate_size", Fields::WIDTH, 24_576)?,
        vocabulary: config.integer("vocab_size", Fields::VOCABULARY, 50_432)?,
        context,
        norm: Norm::Layer,
        norm_epsilon: config.number("layer_norm_eps", 1e-5)?,
        activation: config.activation("hidden_act", "gelu")?,
        residual: if parallel { Residual::ParallelTwoNorms } else { Residual::Sequential },
        rotary: Some(rotary),
        attention_scale: (head_width as f64).powf(-0.5),
        token_embedding: "gpt_neox.embed_in".to_owned(),
        blocks: (0..layers).map(block).collect(),
        final_norm: Some("gpt_neox.final_layer_norm".to_owned()),
        head: Head { names: &["embed_out", "lm_head"], tied: config.flag("tie_word_embeddings", false)?, stored: None },
        biases: Biases {
            queries_keys_values: attention_bias,
            attention_output: attention_bias,
            mlp: true,
            head: false,
        },
        special: Special::default(),
    })
}
