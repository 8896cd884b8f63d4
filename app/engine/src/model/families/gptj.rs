//! GPT-J: attention and MLP in parallel behind one norm, interleaved rotary positions, untied head with bias.

use crate::model::architecture::{Architecture, BlockNames, Fields, Norm, QueryKeyValueNames, Residual, Special};

pub fn describe(config: &Fields<'_>) -> Result<Architecture, String> {
    let hidden = config.integer("n_embd")?;
    let heads = config.integer("n_head")?;
    let layers = config.integer("n_layer")? as usize;
    let head_width = hidden / heads;
    let rotary = config.integer_or("rotary_dim", 64)?;
    let block = |layer: usize| {
        let at = |name: &str| format!("transformer.h.{layer}.{name}");
        BlockNames {
            attention_norm: at("ln_1"),
            attention_output_norm: None,
            mlp_output_norm: None,
            mlp_norm: None,
            queries_keys_values: QueryKeyValueNames::Separate([
                at("attn.q_proj"),
                at("attn.k_proj"),
                at("attn.v_proj"),
            ]),
            attention_output: at("attn.out_proj"),
            up: at("mlp.fc_in"),
            gate: None,
            down: at("mlp.fc_out"),
        }
    };
    Ok(Architecture {
        family: "gptj".to_owned(),
        layers,
        hidden,
        heads,
        key_value_heads: heads,
        head_width,
        context: config.integer("n_positions")?,
        norm: Norm::Layer,
        norm_epsilon: config.number_or("layer_norm_epsilon", 1e-5)?,
        activation: config.activation("activation_function")?,
        residual: Residual::ParallelSharedNorm,
        rotary: Some(config.rotary(rotary, "rotary_emb_base", true)?),
        attention_scale: (head_width as f64).powf(-0.5),
        token_embedding: "transformer.wte".to_owned(),
        blocks: (0..layers).map(block).collect(),
        final_norm: "transformer.ln_f".to_owned(),
        unembedding: Some("lm_head".to_owned()),
        special: Special::default(),
    })
}
