//! Llama and Qwen 2: root-mean-square norms, grouped keys, gated MLP, rotary positions.

use crate::model::architecture::{Architecture, BlockNames, Fields, Norm, QueryKeyValueNames, Residual, Special};

pub fn describe(config: &Fields<'_>) -> Result<Architecture, String> {
    let hidden = config.integer("hidden_size")?;
    let heads = config.integer("num_attention_heads")?;
    let layers = config.integer("num_hidden_layers")? as usize;
    let head_width = config.integer_or("head_dim", hidden / heads)?;
    if config.flag_or("use_sliding_window", false) {
        return Err(
            "field `use_sliding_window` must be false: sliding windows of this family are not supported".to_owned()
        );
    }
    let block = |layer: usize| {
        let at = |name: &str| format!("model.layers.{layer}.{name}");
        BlockNames {
            attention_norm: at("input_layernorm"),
            attention_output_norm: None,
            mlp_output_norm: None,
            mlp_norm: Some(at("post_attention_layernorm")),
            queries_keys_values: QueryKeyValueNames::Separate([
                at("self_attn.q_proj"),
                at("self_attn.k_proj"),
                at("self_attn.v_proj"),
            ]),
            attention_output: at("self_attn.o_proj"),
            up: at("mlp.up_proj"),
            gate: Some(at("mlp.gate_proj")),
            down: at("mlp.down_proj"),
        }
    };
    let tied = config.flag_or("tie_word_embeddings", false);
    Ok(Architecture {
        family: config.0["model_type"].as_str().unwrap_or("llama").to_owned(),
        layers,
        hidden,
        heads,
        key_value_heads: config.integer_or("num_key_value_heads", heads)?,
        head_width,
        context: config.integer("max_position_embeddings")?,
        norm: Norm::RootMeanSquare,
        norm_epsilon: config.number_or("rms_norm_eps", 1e-6)?,
        activation: config.activation("hidden_act")?,
        residual: Residual::Sequential,
        rotary: Some(config.rotary(head_width, "rope_theta", false)?),
        attention_scale: (head_width as f64).powf(-0.5),
        token_embedding: "model.embed_tokens".to_owned(),
        blocks: (0..layers).map(block).collect(),
        final_norm: "model.norm".to_owned(),
        unembedding: (!tied).then(|| "lm_head".to_owned()),
        special: Special::default(),
    })
}
