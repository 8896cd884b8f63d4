//! GPT-Neo: GPT-2 with separate unscaled projections and local attention in every other layer.

use crate::model::architecture::{
    Architecture, BlockNames, Fields, LearnedPositions, Norm, QueryKeyValueNames, Residual, Special,
};

pub fn describe(config: &Fields<'_>) -> Result<Architecture, String> {
    let hidden = config.integer("hidden_size")?;
    let heads = config.integer("num_heads")?;
    let layers = config.integer("num_layers")? as usize;
    let window = config.integer_or("window_size", 256)?;
    let kinds = config.0.get("attention_layers").and_then(serde_json::Value::as_array);
    let attention_window = (0..layers)
        .map(|layer| match kinds.and_then(|list| list.get(layer)).and_then(|kind| kind.as_str()) {
            Some("global") => Ok(None),
            Some("local") => Ok(Some(window)),
            _ => Err(format!("field `attention_layers` must say global or local for layer {layer}")),
        })
        .collect::<Result<_, _>>()?;
    let block = |layer: usize| {
        let at = |name: &str| format!("transformer.h.{layer}.{name}");
        BlockNames {
            attention_norm: at("ln_1"),
            attention_output_norm: None,
            mlp_output_norm: None,
            mlp_norm: Some(at("ln_2")),
            queries_keys_values: QueryKeyValueNames::Separate([
                at("attn.attention.q_proj"),
                at("attn.attention.k_proj"),
                at("attn.attention.v_proj"),
            ]),
            attention_output: at("attn.attention.out_proj"),
            up: at("mlp.c_fc"),
            gate: None,
            down: at("mlp.c_proj"),
        }
    };
    Ok(Architecture {
        family: "gpt_neo".to_owned(),
        layers,
        hidden,
        heads,
        key_value_heads: heads,
        head_width: hidden / heads,
        context: config.integer("max_position_embeddings")?,
        norm: Norm::Layer,
        norm_epsilon: config.number_or("layer_norm_epsilon", 1e-5)?,
        activation: config.activation("activation_function")?,
        residual: Residual::Sequential,
        rotary: None,
        attention_scale: 1.0,
        token_embedding: "transformer.wte".to_owned(),
        blocks: (0..layers).map(block).collect(),
        final_norm: "transformer.ln_f".to_owned(),
        unembedding: None,
        special: Special {
            attention_window,
            positions: Some(LearnedPositions::new("transformer.wpe")),
            ..Special::default()
        },
    })
}
