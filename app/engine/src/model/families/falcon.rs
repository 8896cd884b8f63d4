//! Falcon: attention and MLP in parallel behind one norm (7B) or two (40B), queries, keys and values in one matrix, and one
//! key-value head for all queries or for a group of them.

use crate::model::architecture::{
    Architecture, Biases, BlockNames, Head, MlpNames, Norm, QueryKeyValueNames, Residual, Special,
};
use crate::model::config::{Fields, Rope};

/// What Falcon's files hold besides.
pub const HARMLESS: &[&str] = &[];

pub fn describe(config: &Fields<'_>) -> Result<Architecture, String> {
    let hidden = config.integer_as(&["hidden_size", "n_embed"], Fields::WIDTH, 4544)?;
    let heads = config.heads(&["num_attention_heads"], 71)?;
    let layers = config.integer("num_hidden_layers", Fields::LAYERS, 32)? as usize;
    let head_width = super::divided("num_attention_heads", hidden, heads)?;
    config.only("alibi", false, "attention that decays with distance (ALiBi) is")?;
    config.only("apply_residual_connection_post_layernorm", false, "a residual stream that begins at a norm is")?;
    let promised = config.integer("max_position_embeddings", Fields::POSITIONS, 2048)?;
    let (rotary, context) = Rope::whole(head_width, promised).read(config)?;
    let switch = |name, default| config.flag(name, default);
    let newer = switch("new_decoder_architecture", false)?;
    let (shared, parallel) = (switch("multi_query", true)?, switch("parallel_attn", true)?);
    let given = config.optional_integer("num_kv_heads", Fields::HEADS)?.unwrap_or(heads);
    let key_value_heads = match (newer, shared) {
        (true, _) => given,
        (false, true) => 1,
        (false, false) => heads,
    };
    if heads % key_value_heads != 0 {
        let message = format!("field `num_kv_heads` is {key_value_heads} and must divide the attention heads, {heads}");
        return Err(message);
    }
    let norms = config.optional_integer("num_ln_in_parallel_attn", 1..=2)?.unwrap_or(if newer { 2 } else { 1 });
    let residual = match (newer, parallel, norms) {
        (true, true, 2) => Residual::ParallelTwoNorms,
        (true, true, _) | (false, true, 1) => Residual::ParallelSharedNorm,
        (false, false, _) => Residual::Sequential,
        _ => {
            return Err(
                "fields `new_decoder_architecture`, `parallel_attn` and `num_ln_in_parallel_attn` contradict each \
                        other; transformers cannot run this either"
                    .to_owned(),
            );
        }
    };
    let biased = config.flag("bias", false)?;
    let block = |layer: usize| {
        let at = |name: &str| format!("transformer.h.{layer}.{name}");
        let (attention_norm, mlp_norm) = match residual {
            Residual::ParallelTwoNorms => ("ln_attn", Some("ln_mlp")),
            Residual::ParallelSharedNorm => ("input_layernorm", None),
            Residual::Sequential => ("input_layernorm", Some("post_attention_layernorm")),
        };
        let fused = at("self_attention.query_key_value");
        BlockNames {
            attention_norm: Some(at(attention_norm)),
            query_norm: None,
            key_norm: None,
            sinks: None,
            attention_output_norm: None,
            mlp_norm: mlp_norm.map(at),
            mlp_output_norm: None,
            attention_sum_norm: None,
            mlp_sum_norm: None,
            queries_keys_values: if shared && !newer {
                QueryKeyValueNames::Stacked(fused)
            } else {
                QueryKeyValueNames::PerHead(fused)
            },
            attention_output: at("self_attention.dense"),
            mlp: MlpNames::One { up: at("mlp.dense_h_to_4h"), gate: None, down: at("mlp.dense_4h_to_h") },
        }
    };
    Ok(Architecture {
        family: "falcon".to_owned(),
        layers,
        hidden,
        heads,
        key_value_heads,
        head_width,
        inner: config.optional_integer("ffn_hidden_size", Fields::WIDTH)?.unwrap_or(4 * hidden),
        vocabulary: config.integer("vocab_size", Fields::VOCABULARY, 65_024)?,
        context,
        norm: Norm::Layer,
        norm_epsilon: config.number("layer_norm_epsilon", 1e-5)?,
        activation: config.activation("activation", "gelu")?,
        residual,
        rotary: Some(rotary),
        attention_scale: (head_width as f64).powf(-0.5),
        token_embedding: "transformer.word_embeddings".to_owned(),
        blocks: (0..layers).map(block).collect(),
        final_norm: Some("transformer.ln_f".to_owned()),
        head: Head { names: &["lm_head"], tied: config.flag("tie_word_embeddings", true)?, stored: None },
        biases: Biases { queries_keys_values: biased, attention_output: biased, mlp: biased, head: false },
        special: Special::default(),
    })
}
