//! OPT: GPT-2 with separate projections, ReLU, and learned positions behind two rows that are never used. OPT-350m has norms
//! after attention and MLP, and a token embedding that is narrower than the residual stream.

use crate::model::architecture::{
    Architecture, Biases, BlockNames, Head, LearnedPositions, MlpNames, NarrowEmbedding, Norm, QueryKeyValueNames,
    Residual, Special,
};
use crate::model::config::Fields;

/// What OPT's files hold besides.
pub const HARMLESS: &[&str] = &[];

pub fn describe(config: &Fields<'_>) -> Result<Architecture, String> {
    let hidden = config.integer("hidden_size", Fields::WIDTH, 768)?;
    let heads = config.heads(&["num_attention_heads"], 12)?;
    let layers = config.integer("num_hidden_layers", Fields::LAYERS, 12)? as usize;
    let head_width = super::divided("num_attention_heads", hidden, heads)?;
    // where norms come after attention and MLP, there is no other one at the end
    let before = config.flag("do_layer_norm_before", true)?;
    let is_normed = before && !config.flag("_remove_final_layer_norm", false)?;
    config.only("layer_norm_elementwise_affine", true, "norms without weights are")?;
    let width = config.optional_integer("word_embed_proj_dim", Fields::WIDTH)?.unwrap_or(hidden);
    let narrow_embedding = (width != hidden).then(|| NarrowEmbedding {
        width,
        into: "model.decoder.project_in".to_owned(),
        out: "model.decoder.project_out".to_owned(),
    });
    let biased = config.flag("enable_bias", true)?;
    let block = |layer: usize| {
        let at = |name: &str| format!("model.decoder.layers.{layer}.{name}");
        let norms = [at("self_attn_layer_norm"), at("final_layer_norm")].map(Some);
        let ([attention_norm, mlp_norm], [attention_sum_norm, mlp_sum_norm]) =
            if before { (norms, [None, None]) } else { ([None, None], norms) };
        BlockNames {
            attention_norm,
            query_norm: None,
            key_norm: None,
            sinks: None,
            attention_output_norm: None,
            mlp_output_norm: None,
            attention_sum_norm,
            mlp_sum_norm,
            mlp_norm,
            queries_keys_values: QueryKeyValueNames::Separate([
                at("self_attn.q_proj"),
                at("self_attn.k_proj"),
                at("self_attn.v_proj"),
            ]),
            attention_output: at("self_attn.out_proj"),
            mlp: MlpNames::One { up: at("fc1"), gate: None, down: at("fc2") },
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
        final_norm: is_normed.then(|| "model.decoder.final_layer_norm".to_owned()),
        head: Head { names: &["lm_head"], tied: config.flag("tie_word_embeddings", true)?, stored: None },
        biases: Biases { queries_keys_values: biased, attention_output: biased, mlp: biased, head: false },
        special: Special {
            positions: Some(LearnedPositions { name: "model.decoder.embed_positions".to_owned(), first_row: 2 }),
            narrow_embedding,
            ..Special::default()
        },
    })
}
