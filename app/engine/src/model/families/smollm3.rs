//! SmolLM3: Llama without rotary positions in every fourth layer.

use super::like_llama::{self, LLAMA, Published};
use crate::model::architecture::{Architecture, Biases, LayerRotary};
use crate::model::config::{Fields, KINDS, Rope, layer_kinds};

/// What SmolLM3's files hold besides.
pub const HARMLESS: &[&str] = &["pretraining_tp", "max_window_layers"];

pub fn describe(config: &Fields<'_>) -> Result<Architecture, String> {
    let published = Published {
        family: "smollm3",
        heads: 16,
        key_value_heads: Some(4),
        hidden: 2048,
        layers: 36,
        vocabulary: 128_256,
        context: 32_768,
        tied: true,
        ..LLAMA
    };
    let rope = |width, context| Rope { theta: ("rope_theta", 2e6), ..Rope::whole(width, context) };
    let mut architecture = like_llama::describe(config, &published, rope)?;
    let layers = architecture.layers;
    let mlp = config.flag("mlp_bias", false)?;
    architecture.biases = Biases { mlp, ..like_llama::attention_biases(config)? };
    let every = config.integer("no_rope_layer_interval", 1..=1 << 20, 4)? as usize;
    let rotates = match config.switches("no_rope_layers")? {
        Some(given) if given.len() < layers => {
            let count = given.len();
            return Err(format!("field `no_rope_layers` lists {count} layers and the model has {layers}"));
        }
        Some(given) => given,
        None => (1..=layers).map(|count| !count.is_multiple_of(every)).collect(),
    };
    let rotary = |rotates: bool| if rotates { LayerRotary::Main } else { LayerRotary::Still };
    architecture.special.layer_rotary = rotates.iter().take(layers).map(|&rotates| rotary(rotates)).collect();
    let used = config.flag("use_sliding_window", false)?;
    let window = config.optional_integer("sliding_window", Fields::POSITIONS)?.filter(|_| used);
    let kinds = layer_kinds(config, layers)?;
    let slides = |layer: usize| kinds.as_ref().map_or(!rotates[layer], |kinds| kinds[layer] == KINDS[1]);
    if window.is_some() {
        architecture.special.attention_window = (0..layers).map(|layer| window.filter(|_| slides(layer))).collect();
    }
    Ok(architecture)
}
