//! Qwen 2 and 3: Llama with windows in the upper layers; Qwen 2 has biases of queries, keys and values, Qwen 3 norms of
//! queries and keys.

use super::like_llama::{self, LLAMA, Published};
use crate::model::architecture::Architecture;
use crate::model::config::{Fields, KINDS, Rope, layer_kinds};

/// What the files of Qwen 2 and 3 hold besides.
pub const HARMLESS: &[&str] = &[];

const QWEN2: Published = Published {
    family: "qwen2",
    key_value_heads: Some(32),
    inner: 22_016,
    vocabulary: 151_936,
    context: 32_768,
    ..LLAMA
};

pub fn qwen2(config: &Fields<'_>) -> Result<Architecture, String> {
    let mut architecture = like_llama::describe(config, &QWEN2, Rope::whole)?;
    super::divided("num_attention_heads", architecture.hidden, architecture.heads)?;
    architecture.biases.queries_keys_values = true;
    architecture.special.attention_window = windows(config, architecture.layers)?;
    Ok(architecture)
}

pub fn qwen3(config: &Fields<'_>) -> Result<Architecture, String> {
    let published = Published { family: "qwen3", head_width: Some(128), ..QWEN2 };
    let mut architecture = like_llama::describe(config, &published, Rope::whole)?;
    architecture.biases = like_llama::attention_biases(config)?;
    architecture.special.attention_window = windows(config, architecture.layers)?;
    let blocks = std::mem::take(&mut architecture.blocks).into_iter().enumerate();
    architecture.blocks = blocks.map(|(layer, block)| block.with_query_key_norms(layer)).collect();
    Ok(architecture)
}

/// By layer: how far back it sees. Windows are off unless `use_sliding_window` says otherwise.
fn windows(config: &Fields<'_>, layers: usize) -> Result<Vec<Option<i64>>, String> {
    let used = config.flag("use_sliding_window", false)?;
    let window = config.integer_or_none("sliding_window", Fields::POSITIONS, 4096)?.filter(|_| used);
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
