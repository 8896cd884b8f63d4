//! Phi: attention and MLP in parallel behind one norm, rotary on a part of each head, biases everywhere.

use crate::model::architecture::{Architecture, BlockNames, Fields, Norm, QueryKeyValueNames, Residual, Special};

pub fn describe(config: &Fields<'_>) -> Result<Architecture, String> {
    let hidden = config.integer("hidden_size")?;
    let heads = config.integer("num_attention_heads")?;
    let layers = config.integer("num_hidden_layers")? as usize;
    let head_width = hidden / heads;
    if config.flag_or("qk_layernorm", false) {
        return Err("field `qk_layernorm` must be false".to_owned());
    }
    let share = config.number_or("partial_rotary_factor", 0.5)?;
    let block = |layer: usize| {
        let at = |name: &str| format!("model.layers.{layer}.{name}");
        BlockNames {
            attention_norm: at("input_layernorm"),
            attention_output_norm: None,
            mlp_output_norm: None,
            mlp_norm: None,
            queries_keys_values: QueryKeyValueNames::Separate([
                at("self_attn.q_proj"),
                at("self_attn.k_proj"),
                at("self_attn.v_proj"),
            ]),
            attention_output: at("self_attn.dense"),
            up: at("mlp.fc1"),
            gate: None,
            down: at("mlp.fc2"),
        }
    };
    let tied = config.flag_or("tie_word_embeddings", false);
    Ok(Architecture {
        family: "phi".to_owned(),
        layers,
        hidden,
        heads,
        key_value_heads: config.integer_or("num_key_value_heads", heads)?,
        head_width,
        context: config.integer("max_position_embeddings")?,
        norm: Norm::Layer,
        norm_epsilon: config.number_or("layer_norm_eps", 1e-5)?,
        activation: config.activation("hidden_act")?,
        residual: Residual::ParallelSharedNorm,
        rotary: Some(config.rotary((head_width as f64 * share) as i64, "rope_theta", false)?),
        attention_scale: (head_width as f64).powf(-0.5),
        token_embedding: "model.embed_tokens".to_owned(),
        blocks: (0..layers).map(block).collect(),
        final_norm: "model.final_layernorm".to_owned(),
        unembedding: (!tied).then(|| "lm_head".to_owned()),
        special: Special::default(),
    })
}
