//! GPT-2: learned positions, stacked attention projection stored `[in, out]`, tied unembedding.

use crate::model::architecture::{
    Architecture, BlockNames, Fields, LearnedPositions, Norm, QueryKeyValueNames, Residual, Special,
};

pub fn describe(config: &Fields<'_>) -> Result<Architecture, String> {
    let hidden = config.integer("n_embd")?;
    let heads = config.integer("n_head")?;
    let layers = config.integer("n_layer")? as usize;
    let head_width = hidden / heads;
    let scaled = config.flag_or("scale_attn_weights", true);
    if config.flag_or("scale_attn_by_inverse_layer_idx", false) {
        return Err("field `scale_attn_by_inverse_layer_idx` must be false".to_owned());
    }
    let block = |layer: usize| {
        let at = |name: &str| format!("transformer.h.{layer}.{name}");
        BlockNames {
            attention_norm: at("ln_1"),
            attention_output_norm: None,
            mlp_output_norm: None,
            mlp_norm: Some(at("ln_2")),
            queries_keys_values: QueryKeyValueNames::Stacked(at("attn.c_attn")),
            attention_output: at("attn.c_proj"),
            up: at("mlp.c_fc"),
            gate: None,
            down: at("mlp.c_proj"),
        }
    };
    Ok(Architecture {
        family: "gpt2".to_owned(),
        layers,
        hidden,
        heads,
        key_value_heads: heads,
        head_width,
        context: config.integer("n_positions")?,
        norm: Norm::Layer,
        norm_epsilon: config.number_or("layer_norm_epsilon", 1e-5)?,
        activation: config.activation("activation_function")?,
        residual: Residual::Sequential,
        rotary: None,
        attention_scale: if scaled { (head_width as f64).powf(-0.5) } else { 1.0 },
        token_embedding: "transformer.wte".to_owned(),
        blocks: (0..layers).map(block).collect(),
        final_norm: "transformer.ln_f".to_owned(),
        unembedding: None,
        special: Special {
            stored_input_first: true,
            positions: Some(LearnedPositions::new("transformer.wpe")),
            ..Special::default()
        },
    })
}
