//! GPT-J: attention and MLP in parallel behind one norm, interleaved rotary positions, a head with bias.

use crate::model::architecture::{
    Architecture, Biases, BlockNames, Head, MlpNames, Norm, QueryKeyValueNames, Residual, Rotary, Scaling, Special,
};
use crate::model::config::Fields;

/// What GPT-J's files hold besides.
pub const HARMLESS: &[&str] = &["n_ctx"];

/// The base of GPT-J's wavelengths, which no field changes.
const BASE: f64 = 10_000.0;

pub fn describe(config: &Fields<'_>) -> Result<Architecture, String> {
    let hidden = config.integer_as(&["n_embd", "hidden_size"], Fields::WIDTH, 4096)?;
    let heads = config.heads(&["n_head", "num_attention_heads"], 16)?;
    let layers = config.integer_as(&["n_layer", "num_hidden_layers"], Fields::LAYERS, 28)? as usize;
    let head_width = super::divided("n_head", hidden, heads)?;
    let dimensions = config.integer("rotary_dim", Fields::WIDTH, 64)?;
    if dimensions > head_width || dimensions % 2 == 1 {
        return Err(format!(
            "field `rotary_dim` is {dimensions} and must be an even number up to the {head_width} channels of a head"
        ));
    }
    config.only("rotary", true, "GPT-J without rotary positions is")?;
    config.only("scale_attn_weights", true, "attention scores that are not scaled are")?;
    let block = |layer: usize| {
        let at = |name: &str| format!("transformer.h.{layer}.{name}");
        BlockNames {
            attention_norm: Some(at("ln_1")),
            query_norm: None,
            key_norm: None,
            sinks: None,
            attention_output_norm: None,
            mlp_output_norm: None,
            attention_sum_norm: None,
            mlp_sum_norm: None,
            mlp_norm: None,
            queries_keys_values: QueryKeyValueNames::Separate([
                at("attn.q_proj"),
                at("attn.k_proj"),
                at("attn.v_proj"),
            ]),
            attention_output: at("attn.out_proj"),
            mlp: MlpNames::One { up: at("mlp.fc_in"), gate: None, down: at("mlp.fc_out") },
        }
    };
    Ok(Architecture {
        family: "gptj".to_owned(),
        layers,
        hidden,
        heads,
        key_value_heads: heads,
        head_width,
        inner: config.optional_integer("n_inner", Fields::WIDTH)?.unwrap_or(4 * hidden),
        vocabulary: config.integer("vocab_size", Fields::VOCABULARY, 50_400)?,
        context: config.integer_as(&["n_positions", "max_position_embeddings"], Fields::POSITIONS, 2048)?,
        norm: Norm::Layer,
        norm_epsilon: config.number("layer_norm_epsilon", 1e-5)?,
        activation: config.activation("activation_function", "gelu_new")?,
        residual: Residual::ParallelSharedNorm,
        rotary: Some(Rotary { dimensions, base: BASE, interleaved: true, scaling: Scaling::Plain }),
        attention_scale: (head_width as f64).powf(-0.5),
        token_embedding: "transformer.wte".to_owned(),
        blocks: (0..layers).map(block).collect(),
        final_norm: Some("transformer.ln_f".to_owned()),
        head: Head { names: &["lm_head"], tied: config.flag("tie_word_embeddings", false)?, stored: None },
        biases: Biases { queries_keys_values: false, attention_output: false, mlp: true, head: true },
        special: Special::default(),
    })
}
