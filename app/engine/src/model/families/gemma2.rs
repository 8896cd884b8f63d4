//! Gemma 2: norms around attention and MLP alike, capped scores and logits, scaled embeddings, and sliding windows in
//! every other layer.

use crate::model::architecture::{Architecture, BlockNames, Fields, Norm, QueryKeyValueNames, Residual, Special};

pub fn describe(config: &Fields<'_>) -> Result<Architecture, String> {
    let hidden = config.integer("hidden_size")?;
    let heads = config.integer("num_attention_heads")?;
    let layers = config.integer("num_hidden_layers")? as usize;
    let head_width = config.integer_or("head_dim", 256)?;
    let block = |layer: usize| {
        let at = |name: &str| format!("model.layers.{layer}.{name}");
        BlockNames {
            attention_norm: at("input_layernorm"),
            attention_output_norm: Some(at("post_attention_layernorm")),
            mlp_norm: Some(at("pre_feedforward_layernorm")),
            mlp_output_norm: Some(at("post_feedforward_layernorm")),
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
    let activation = if config.0.get("hidden_activation").is_some() { "hidden_activation" } else { "hidden_act" };
    let tied = config.flag_or("tie_word_embeddings", true);
    Ok(Architecture {
        family: "gemma2".to_owned(),
        layers,
        hidden,
        heads,
        key_value_heads: config.integer_or("num_key_value_heads", heads)?,
        head_width,
        context: config.integer("max_position_embeddings")?,
        norm: Norm::RootMeanSquareAroundOne,
        norm_epsilon: config.number_or("rms_norm_eps", 1e-6)?,
        activation: config.activation(activation)?,
        residual: Residual::Sequential,
        rotary: Some(config.rotary(head_width, "rope_theta", false)?),
        attention_scale: config.number_or("query_pre_attn_scalar", 256.0)?.powf(-0.5),
        token_embedding: "model.embed_tokens".to_owned(),
        blocks: (0..layers).map(block).collect(),
        final_norm: "model.norm".to_owned(),
        unembedding: (!tied).then(|| "lm_head".to_owned()),
        special: Special {
            attention_cap: config.cap("attn_logit_softcapping")?,
            logit_cap: config.cap("final_logit_softcapping")?,
            embedding_scale: Some((hidden as f64).sqrt()),
            attention_window: windows(config, layers)?,
            ..Special::default()
        },
    })
}

/// Sliding windows where `layer_types` says so; where it is missing in every other layer, the first one included.
fn windows(config: &Fields<'_>, layers: usize) -> Result<Vec<Option<i64>>, String> {
    let window = config.integer_or("sliding_window", 4096)?;
    let kinds = config.0.get("layer_types").and_then(serde_json::Value::as_array);
    let of_layer = |layer: usize| {
        let kind = match kinds {
            Some(kinds) => kinds.get(layer).and_then(serde_json::Value::as_str).unwrap_or(""),
            None if layer.is_multiple_of(2) => "sliding_attention",
            None => "full_attention",
        };
        match kind {
            "sliding_attention" => Ok(Some(window)),
            "full_attention" => Ok(None),
            _ => Err(format!("field `layer_types` must say sliding_attention or full_attention for layer {layer}")),
        }
    };
    (0..layers).map(of_layer).collect()
}
