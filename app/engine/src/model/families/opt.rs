//! OPT: GPT-2 with separate projections, ReLU, and learned positions behind two rows that are never used.

use crate::model::architecture::{
    Architecture, BlockNames, Fields, LearnedPositions, Norm, QueryKeyValueNames, Residual, Special,
};

pub fn describe(config: &Fields<'_>) -> Result<Architecture, String> {
    let hidden = config.integer("hidden_size")?;
    let heads = config.integer("num_attention_heads")?;
    let layers = config.integer("num_hidden_layers")? as usize;
    let head_width = hidden / heads;
    if !config.flag_or("do_layer_norm_before", true) {
        return Err(
            "field `do_layer_norm_before` must be true: norms after attention and MLP (OPT-350m) are not supported"
                .to_owned(),
        );
    }
    let embedded = config.integer_or("word_embed_proj_dim", hidden)?;
    if embedded != hidden {
        return Err(format!(
            "field `word_embed_proj_dim` is {embedded} and must equal `hidden_size`, {hidden}: projections between token \
             embedding and blocks (OPT-350m) are not supported"
        ));
    }
    if config.flag_or("_remove_final_layer_norm", false) {
        return Err(
            "field `_remove_final_layer_norm` must be false: a decoder without final norm is not supported".to_owned()
        );
    }
    if !config.flag_or("layer_norm_elementwise_affine", true) {
        return Err(
            "field `layer_norm_elementwise_affine` must be true: norms without weights are not supported".to_owned()
        );
    }
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
    let tied = config.flag_or("tie_word_embeddings", true);
    Ok(Architecture {
        family: "opt".to_owned(),
        layers,
        hidden,
        heads,
        key_value_heads: heads,
        head_width,
        context: config.integer("max_position_embeddings")?,
        norm: Norm::Layer,
        norm_epsilon: 1e-5,
        activation: config.activation("activation_function")?,
        residual: Residual::Sequential,
        rotary: None,
        attention_scale: (head_width as f64).powf(-0.5),
        token_embedding: "model.decoder.embed_tokens".to_owned(),
        blocks: (0..layers).map(block).collect(),
        final_norm: "model.decoder.final_layer_norm".to_owned(),
        unembedding: (!tied).then(|| "lm_head".to_owned()),
        special: Special {
            positions: Some(LearnedPositions { name: "model.decoder.embed_positions".to_owned(), first_row: 2 }),
            ..Special::default()
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn described(name: &str, value: Value) -> Result<Architecture, String> {
        let mut config = json!({"hidden_size": 32, "num_attention_heads": 4, "num_hidden_layers": 2,
            "max_position_embeddings": 64, "activation_function": "relu"});
        config[name] = value;
        describe(&Fields(&config))
    }

    #[test]
    fn variants_that_the_decoder_cannot_run_are_refused_by_the_name_of_their_field() {
        for (name, value) in [
            ("do_layer_norm_before", json!(false)),
            ("word_embed_proj_dim", json!(16)),
            ("_remove_final_layer_norm", json!(true)),
            ("layer_norm_elementwise_affine", json!(false)),
        ] {
            let refusal = described(name, value).expect_err(name);
            assert!(refusal.contains(name) && refusal.contains("not supported"), "{refusal}");
        }
        described("word_embed_proj_dim", json!(32)).expect("a width that fits");
        assert!(described("tie_word_embeddings", json!(false)).expect("untied").unembedding.is_some());
    }
}
