//! Cohere's Command R, and Command R7B (`cohere2`): attention and MLP in parallel behind one norm without bias, rotary pairs
//! of neighboring channels, and a factor on the logits. Command R7B rotates only in layers with a window.

use super::like_llama::{self, LLAMA, Published};
use crate::model::architecture::{Architecture, BlockNames, LayerRotary, Norm, QueryKeyNorm, Residual};
use crate::model::config::{Fields, Rope, windows};

/// What the files of Command R hold besides; the last ones repeat what the class always does.
pub const HARMLESS: &[&str] = &[
    "pretraining_tp",
    "_sliding_window_pattern",
    "layer_switch",
    "order_of_interleaved_layers",
    "position_embedding_type",
    "use_embedding_sharing",
    "use_gated_activation",
    "use_parallel_block",
    "use_parallel_embedding",
];

const COHERE: Published = Published {
    family: "cohere",
    heads: 64,
    hidden: 8192,
    layers: 40,
    inner: 22_528,
    vocabulary: 256_000,
    context: 8192,
    epsilon: ("layer_norm_eps", 1e-5),
    tied: true,
    ..LLAMA
};

pub fn cohere(config: &Fields<'_>) -> Result<Architecture, String> {
    let rope = |width, context| Rope { theta: ("rope_theta", 5e5), ..Rope::whole(width, context) };
    let normed = config.flag("use_qk_norm", false)?;
    parallel(config, like_llama::describe(config, &COHERE, rope)?, normed)
}

pub fn cohere2(config: &Fields<'_>) -> Result<Architecture, String> {
    let published = Published { family: "cohere2", ..COHERE };
    let mut architecture = parallel(config, like_llama::describe(config, &published, Rope::whole)?, false)?;
    let layers = architecture.layers;
    let every = config.integer("sliding_window_pattern", 1..=1 << 20, 4)? as usize;
    let windows = windows(config, layers, 4096, |layer| !(layer + 1).is_multiple_of(every))?;
    let rotary = |window: &Option<i64>| if window.is_some() { LayerRotary::Main } else { LayerRotary::Still };
    architecture.special.layer_rotary = windows.iter().map(rotary).collect();
    architecture.special.attention_window = windows;
    Ok(architecture)
}

fn parallel(config: &Fields<'_>, mut architecture: Architecture, normed: bool) -> Result<Architecture, String> {
    architecture.norm = Norm::LayerWithoutBias;
    architecture.residual = Residual::ParallelSharedNorm;
    architecture.biases = like_llama::attention_biases(config)?;
    if let Some(rotary) = &mut architecture.rotary {
        rotary.interleaved = true;
    }
    let block = |layer| {
        let block = BlockNames { mlp_norm: None, ..BlockNames::of_llama(layer) };
        if normed { block.with_query_key_norms(layer) } else { block }
    };
    architecture.blocks = (0..architecture.layers).map(block).collect();
    architecture.special.query_key_norm = if normed { QueryKeyNorm::EachHead } else { QueryKeyNorm::default() };
    architecture.special.logit_scale = Some(config.number("logit_scale", 0.0625)?);
    Ok(architecture)
}
