//! Gemma 2: norms around attention and MLP alike, capped scores and logits, scaled embeddings, and sliding windows in
//! every other layer.

use super::layers::{KINDS, layer_kinds};
use crate::model::architecture::{Architecture, Biases, BlockNames, Head, Norm, QueryKeyValueNames, Residual, Special};
use crate::model::config::{Fields, Rope, Share};

/// What Gemma 2's files hold besides. `hidden_act` is an older name; transformers reads `hidden_activation` only, and takes
/// its default where it is missing.
pub const HARMLESS: &[&str] = &["hidden_act"];

pub fn describe(config: &Fields<'_>) -> Result<Architecture, String> {
    let hidden = config.integer("hidden_size", Fields::WIDTH, 2304)?;
    let heads = config.heads(&["num_attention_heads"], 8)?;
    let layers = config.integer("num_hidden_layers", Fields::LAYERS, 26)? as usize;
    super::divided("num_attention_heads", hidden, heads)?;
    let head_width = config.integer("head_dim", Fields::WIDTH, 256)?;
    let key_value_heads = config.integer("num_key_value_heads", Fields::HEADS, 4)?;
    super::grouped(heads, key_value_heads)?;
    config.only("use_bidirectional_attention", false, "attention to later tokens is")?;
    let promised = config.integer("max_position_embeddings", Fields::POSITIONS, 8192)?;
    let rope = Rope { theta: "rope_theta", share: Share::Whole, head_width, context: promised };
    let (rotary, context) = rope.read(config)?;
    let attention_bias = config.flag("attention_bias", false)?;
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
    Ok(Architecture {
        family: "gemma2".to_owned(),
        layers,
        hidden,
        heads,
        key_value_heads,
        head_width,
        inner: config.integer("intermediate_size", Fields::WIDTH, 9216)?,
        vocabulary: config.integer("vocab_size", Fields::VOCABULARY, 256_000)?,
        context,
        norm: Norm::RootMeanSquareAroundOne,
        norm_epsilon: config.number("rms_norm_eps", 1e-6)?,
        activation: config.activation("hidden_activation", "gelu_pytorch_tanh")?,
        residual: Residual::Sequential,
        rotary: Some(rotary),
        attention_scale: config.number("query_pre_attn_scalar", 256.0)?.powf(-0.5),
        token_embedding: "model.embed_tokens".to_owned(),
        blocks: (0..layers).map(block).collect(),
        final_norm: "model.norm".to_owned(),
        head: Head { names: &["lm_head"], tied: config.flag("tie_word_embeddings", true)?, stored: None },
        biases: Biases { queries_keys_values: attention_bias, attention_output: attention_bias, ..Biases::default() },
        special: Special {
            attention_cap: config.number_or_none("attn_logit_softcapping", 50.0)?,
            logit_cap: config.number_or_none("final_logit_softcapping", 30.0)?,
            embedding_scale: Some((hidden as f64).sqrt()),
            attention_window: windows(config, layers)?,
            ..Special::default()
        },
    })
}

/// Sliding windows where `layer_types` says so; where it is missing in every other layer, the first one included.
fn windows(config: &Fields<'_>, layers: usize) -> Result<Vec<Option<i64>>, String> {
    let kinds = layer_kinds(config, layers)?;
    let slides = |layer: usize| kinds.as_ref().map_or(layer.is_multiple_of(2), |kinds| kinds[layer] == KINDS[1]);
    let given = config.get("sliding_window").is_some_and(|value| value.is_null());
    if given && !(0..layers).any(slides) {
        return Ok(vec![None; layers]);
    }
    let window = config.integer("sliding_window", Fields::POSITIONS, 4096)?;
    Ok((0..layers).map(|layer| slides(layer).then_some(window)).collect())
}
