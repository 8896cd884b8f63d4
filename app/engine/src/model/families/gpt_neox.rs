//! GPT-NeoX (and Pythia): per-head fused projection, rotary on a part of each head, two norms in parallel.

use crate::model::architecture::{Architecture, BlockNames, Fields, Norm, QueryKeyValueNames, Residual, Special};

pub fn describe(config: &Fields<'_>) -> Result<Architecture, String> {
    let hidden = config.integer("hidden_size")?;
    let heads = config.integer("num_attention_heads")?;
    let layers = config.integer("num_hidden_layers")? as usize;
    let head_width = hidden / heads;
    let share = config.number_or("rotary_pct", config.number_or("partial_rotary_factor", 0.25)?)?;
    let parallel = config.flag_or("use_parallel_residual", true);
    let block = |layer: usize| {
        let at = |name: &str| format!("gpt_neox.layers.{layer}.{name}");
        BlockNames {
            attention_norm: at("input_layernorm"),
            attention_output_norm: None,
            mlp_output_norm: None,
            mlp_norm: Some(at("post_attention_layernorm")),
            queries_keys_values: QueryKeyValueNames::PerHead(at("attention.query_key_value")),
            attention_output: at("attention.dense"),
            up: at("mlp.dense_h_to_4h"),
            gate: None,
            down: at("mlp.dense_4h_to_h"),
        }
    };
    Ok(Architecture {
        family: "gpt_neox".to_owned(),
        layers,
        hidden,
        heads,
        key_value_heads: heads,
        head_width,
        context: config.integer("max_position_embeddings")?,
        norm: Norm::Layer,
        norm_epsilon: config.number_or("layer_norm_eps", 1e-5)?,
        activation: config.activation("hidden_act")?,
        residual: if parallel { Residual::ParallelTwoNorms } else { Residual::Sequential },
        rotary: Some(config.rotary((head_width as f64 * share) as i64, "rotary_emb_base", false)?),
        attention_scale: (head_width as f64).powf(-0.5),
        token_embedding: "gpt_neox.embed_in".to_owned(),
        blocks: (0..layers).map(block).collect(),
        final_norm: "gpt_neox.final_layer_norm".to_owned(),
        unembedding: Some("embed_out".to_owned()),
        special: Special::default(),
    })
}
