//! OPT: GPT-2 with separate projections, ReLU, and learned positions behind two rows that are never used.

use crate::model::architecture::{
    Architecture, Biases, BlockNames, Head, LearnedPositions, Norm, QueryKeyValueNames, Residual, Special,
};
use crate::model::config::Fields;

/// What OPT's files hold besides.
pub const HARMLESS: &[&str] = &[];

pub fn describe(config: &Fields<'_>) -> Result<Architecture, String> {
    let hidden = config.integer("hidden_size", Fields::WIDTH, 768)?;
    let heads = config.heads(&["num_attention_heads"], 12)?;
    let layers = config.integer("num_hidden_layers", Fields::LAYERS, 12)? as usize;
    let head_width = super::divided("num_attention_heads", hidden, heads)?;
    config.only("do_layer_norm_before", true, "norms after attention and MLP (OPT-350m) are")?;
    config.only("_remove_final_layer_norm", false, "a decoder without final norm is")?;
    config.only("layer_norm_elementwise_affine", true, "norms without weights are")?;
    let embedded = config.optional_integer("word_embed_proj_dim", Fields::WIDTH)?.unwrap_or(hidden);
    if embedded != hidden {
        return Err(format!(
            "field `word_embed_proj_dim` is {embedded} and must equal `hidden_size`, {hidden}: projections between token \
             embedding and blocks (OPT-350m) are not supported"
        ));
    }
    let biased = config.flag("enable_bias", true)?;
    let block = |layer: usize| {
        let at = |name: &str| format!("model.decoder.layers.{layer}.{name}");
        BlockNames {
            attention_norm: at("self_attn_layer_norm"),
            attention_output_norm: None,
            mlp_output_norm: None,
            mlp_norm: Some(at("final_layer_norm")),
            queries_keys_values: QueryKeyValueNames::Separate([
                at("self_attn.q_proj"),
                at("self_attn.k_proj"),
                at("self_attn.v_proj"),
            ]),
            attention_output: at("self_attn.out_proj"),
            up: at("fc1"),
            gate: None,
            down: at("fc2"),
        }
    };
    Ok(Architecture {
        family: "opt".to_owned(),
        layers,
        hidden,
        heads,
        key_value_heads: heads,
        head_width,
        inner: config.integer("ffn_dim", Fields::WIDTH, 3072)?,
        vocabulary: config.integer("vocab_size", Fields::VOCABULARY, 50_272)?,
        context: config.integer("max_position_embeddings", Fields::POSITIONS, 2048)?,
        norm: Norm::Layer,
        norm_epsilon: 1e-5,
        activation: config.activation("activation_function", "relu")?,
        residual: Residual::Sequential,
        rotary: None,
        attention_scale: (head_width as f64).powf(-0.5),
        token_embedding: "model.decoder.embed_tokens".to_owned(),
        blocks: (0..layers).map(block).collect(),
        final_norm: "model.decoder.final_layer_norm".to_owned(),
        head: Head { names: &["lm_head"], tied: config.flag("tie_word_embeddings", true)?, stored: None },
        biases: Biases { queries_keys_values: biased, attention_output: biased, mlp: biased, head: false },
        special: Special {
            positions: Some(LearnedPositions { name: "model.decoder.embed_positions".to_owned(), first_row: 2 }),
            ..Special::default()
        },
    })
}
