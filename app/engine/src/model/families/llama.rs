//! Llama and Qwen 2: root-mean-square norms, grouped keys, gated MLP, rotary positions.

use super::layers::{KINDS, layer_kinds};
use crate::model::architecture::{Architecture, Biases, BlockNames, Head, Norm, QueryKeyValueNames, Residual, Special};
use crate::model::config::{Fields, Rope, Share};

/// What Llama's files hold besides. `pretraining_tp` says how sums were split in training, which changes only rounding.
pub const HARMLESS: &[&str] = &["pretraining_tp"];

/// What Qwen 2's files hold besides.
pub const HARMLESS_OF_QWEN2: &[&str] = &[];

pub fn llama(config: &Fields<'_>) -> Result<Architecture, String> {
    let heads = config.heads(&["num_attention_heads"], 32)?;
    let hidden = config.integer("hidden_size", Fields::WIDTH, 4096)?;
    super::divided("num_attention_heads", hidden, heads)?;
    let attention = config.flag("attention_bias", false)?;
    let biases = Biases {
        queries_keys_values: attention,
        attention_output: attention,
        mlp: config.flag("mlp_bias", false)?,
        head: false,
    };
    let sizes = Sizes {
        family: "llama",
        heads,
        hidden,
        key_value_heads: heads,
        inner: 11_008,
        vocabulary: 32_000,
        context: 2048,
    };
    let architecture = describe(config, &sizes, biases, Vec::new())?;
    let kinds = layer_kinds(config, architecture.layers)?;
    if kinds.is_some_and(|kinds| kinds.iter().any(|kind| *kind != "full_attention")) {
        return Err("field `layer_types` must say full_attention for every layer of architecture llama".to_owned());
    }
    Ok(architecture)
}

pub fn qwen2(config: &Fields<'_>) -> Result<Architecture, String> {
    let heads = config.heads(&["num_attention_heads"], 32)?;
    let hidden = config.integer("hidden_size", Fields::WIDTH, 4096)?;
    let biases = Biases { queries_keys_values: true, ..Biases::default() };
    let sizes = Sizes {
        family: "qwen2",
        heads,
        hidden,
        key_value_heads: 32,
        inner: 22_016,
        vocabulary: 151_936,
        context: 32_768,
    };
    let layers = config.integer("num_hidden_layers", Fields::LAYERS, 32)? as usize;
    describe(config, &sizes, biases, windows_of_qwen2(config, layers)?)
}

/// By layer: how far back it sees. Windows are off unless `use_sliding_window` says otherwise.
fn windows_of_qwen2(config: &Fields<'_>, layers: usize) -> Result<Vec<Option<i64>>, String> {
    let used = config.flag("use_sliding_window", false)?;
    let given = if config.has("sliding_window") {
        config.optional_integer("sliding_window", Fields::POSITIONS)?
    } else {
        Some(4096)
    };
    let window = given.filter(|_| used);
    let first = config.integer("max_window_layers", 0..=1 << 20, 28)?;
    let kinds = layer_kinds(config, layers)?;
    let windows = (0..layers).map(|layer| {
        let slides = match &kinds {
            Some(kinds) => kinds[layer] == KINDS[1],
            None => window.is_some() && layer as i64 >= first,
        };
        match (slides, window) {
            (false, _) => Ok(None),
            (true, Some(window)) => Ok(Some(window)),
            (true, None) => Err(format!(
                "field `layer_types` says {} for layer {layer}, and `use_sliding_window` and `sliding_window` give no \
                 window",
                KINDS[1]
            )),
        }
    });
    let windows = windows.collect::<Result<Vec<_>, _>>()?;
    Ok(if windows.iter().all(Option::is_none) { Vec::new() } else { windows })
}

/// Published sizes, and those that were read already.
struct Sizes {
    family: &'static str,
    heads: i64,
    hidden: i64,
    key_value_heads: i64,
    inner: i64,
    vocabulary: i64,
    context: i64,
}

fn describe(
    config: &Fields<'_>,
    sizes: &Sizes,
    biases: Biases,
    attention_window: Vec<Option<i64>>,
) -> Result<Architecture, String> {
    let &Sizes { heads, hidden, .. } = sizes;
    let layers = config.integer("num_hidden_layers", Fields::LAYERS, 32)? as usize;
    let head_width = super::head_width(config, hidden, heads)?;
    let key_value_heads = if config.has("num_key_value_heads") {
        config.optional_integer("num_key_value_heads", Fields::HEADS)?.unwrap_or(heads)
    } else {
        sizes.key_value_heads
    };
    super::grouped(heads, key_value_heads)?;
    let promised = config.integer("max_position_embeddings", Fields::POSITIONS, sizes.context)?;
    let rope = Rope { theta: "rope_theta", share: Share::Whole, head_width, context: promised };
    let (rotary, context) = rope.read(config)?;
    let block = |layer: usize| {
        let at = |name: &str| format!("model.layers.{layer}.{name}");
        BlockNames {
            attention_norm: at("input_layernorm"),
            attention_output_norm: None,
            mlp_output_norm: None,
            mlp_norm: Some(at("post_attention_layernorm")),
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
        family: sizes.family.to_owned(),
        layers,
        hidden,
        heads,
        key_value_heads,
        head_width,
        inner: config.integer("intermediate_size", Fields::WIDTH, sizes.inner)?,
        vocabulary: config.integer("vocab_size", Fields::VOCABULARY, sizes.vocabulary)?,
        context,
        norm: Norm::RootMeanSquare,
        norm_epsilon: config.number("rms_norm_eps", 1e-6)?,
        activation: config.activation("hidden_act", "silu")?,
        residual: Residual::Sequential,
        rotary: Some(rotary),
        attention_scale: (head_width as f64).powf(-0.5),
        token_embedding: "model.embed_tokens".to_owned(),
        blocks: (0..layers).map(block).collect(),
        final_norm: "model.norm".to_owned(),
        head: Head { names: &["lm_head"], tied: config.flag("tie_word_embeddings", false)?, stored: None },
        biases,
        special: Special { attention_window, ..Special::default() },
    })
}
