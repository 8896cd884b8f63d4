//! GPT-Neo: GPT-2 with separate unscaled projections and local attention in every other layer.

use crate::model::architecture::{
    Architecture, Biases, BlockNames, Head, LearnedPositions, MlpNames, Norm, QueryKeyValueNames, Residual, Special,
};
use crate::model::config::Fields;
use serde_json::Value;

/// What GPT-Neo's files hold besides.
pub const HARMLESS: &[&str] = &[];

pub fn describe(config: &Fields<'_>) -> Result<Architecture, String> {
    let hidden = config.integer("hidden_size", Fields::WIDTH, 2048)?;
    let heads = config.heads(&["num_heads", "num_attention_heads"], 16)?;
    let layers = config.integer_as(&["num_layers", "num_hidden_layers"], Fields::LAYERS, 24)? as usize;
    let head_width = super::divided("num_heads", hidden, heads)?;
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
            mlp_norm: Some(at("ln_2")),
            queries_keys_values: QueryKeyValueNames::Separate([
                at("attn.attention.q_proj"),
                at("attn.attention.k_proj"),
                at("attn.attention.v_proj"),
            ]),
            attention_output: at("attn.attention.out_proj"),
            mlp: MlpNames::One { up: at("mlp.c_fc"), gate: None, down: at("mlp.c_proj") },
        }
    };
    Ok(Architecture {
        family: "gpt_neo".to_owned(),
        layers,
        hidden,
        heads,
        key_value_heads: heads,
        head_width,
        inner: config.optional_integer("intermediate_size", Fields::WIDTH)?.unwrap_or(4 * hidden),
        vocabulary: config.integer("vocab_size", Fields::VOCABULARY, 50_257)?,
        context: config.integer("max_position_embeddings", Fields::POSITIONS, 2048)?,
        norm: Norm::Layer,
        norm_epsilon: config.number("layer_norm_epsilon", 1e-5)?,
        activation: config.activation("activation_function", "gelu_new")?,
        residual: Residual::Sequential,
        rotary: None,
        attention_scale: 1.0,
        token_embedding: "transformer.wte".to_owned(),
        blocks: (0..layers).map(block).collect(),
        final_norm: Some("transformer.ln_f".to_owned()),
        head: Head { names: &["lm_head"], tied: config.flag("tie_word_embeddings", true)?, stored: None },
        biases: Biases { queries_keys_values: false, attention_output: true, mlp: true, head: false },
        special: Special {
            attention_window: windows(config, layers)?,
            positions: Some(LearnedPositions::new("transformer.wpe")),
            ..Special::default()
        },
    })
}

/// By layer: how far back a local one sees; `None` for a global one.
fn windows(config: &Fields<'_>, layers: usize) -> Result<Vec<Option<i64>>, String> {
    let window = config.integer("window_size", Fields::POSITIONS, 256)?;
    let kinds = kinds(config)?;
    if kinds.len() != layers {
        let count = kinds.len();
        return Err(format!(
            "fields `attention_layers` and `attention_types` name {count} layers and the model has {layers}"
        ));
    }
    let of = |(layer, kind): (usize, &String)| match kind.as_str() {
        "global" => Ok(None),
        "local" => Ok(Some(window)),
        _ => Err(format!("field `attention_layers` must say global or local for layer {layer}")),
    };
    kinds.iter().enumerate().map(of).collect()
}

/// The kind of every layer: `attention_layers` lists them, `attention_types` as patterns and how often each is repeated.
fn kinds(config: &Fields<'_>) -> Result<Vec<String>, String> {
    let listed = config.texts("attention_layers")?;
    let listed = listed.map(|list| list.into_iter().map(str::to_owned).collect::<Vec<_>>());
    let repeated = match config.get("attention_types") {
        None | Some(Value::Null) => None,
        Some(types) => Some(expanded(types).ok_or_else(|| {
            config.complaint("attention_types", types, "a list of patterns and how often each is repeated")
        })?),
    };
    match (listed, repeated) {
        (Some(listed), Some(repeated)) if listed != repeated => {
            Err("fields `attention_layers` and `attention_types` differ; leave one of them out".to_owned())
        }
        (Some(kinds), _) | (None, Some(kinds)) => Ok(kinds),
        (None, None) => Ok(["global", "local"].repeat(12).into_iter().map(str::to_owned).collect()),
    }
}

fn expanded(types: &Value) -> Option<Vec<String>> {
    let mut kinds = Vec::new();
    for item in types.as_array()? {
        let [pattern, times] = item.as_array()?.as_slice() else { return None };
        let pattern: Vec<&str> = pattern.as_array()?.iter().map(Value::as_str).collect::<Option<_>>()?;
        let times = times.as_i64().filter(|times| Fields::LAYERS.contains(times))?;
        if (kinds.len() + pattern.len() * times as usize) as i64 > *Fields::LAYERS.end() {
            return None;
        }
        kinds.extend(pattern.repeat(times as usize).into_iter().map(str::to_owned));
    }
    Some(kinds)
}
