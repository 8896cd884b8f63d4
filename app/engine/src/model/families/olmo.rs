//! OLMo 2 and 3: no norms before attention and MLP but after them, and norms over all queries and all keys of a token.
//! OLMo 3 has windows in three layers of four.

use super::like_llama::{self, LLAMA, Published};
use crate::model::architecture::{Architecture, BlockNames, LayerRotary, QueryKeyNorm};
use crate::model::config::{Fields, Rope, windows};

/// What the files of OLMo 2 and 3 hold besides.
pub const HARMLESS: &[&str] = &[];

const OLMO2: Published = Published { family: "olmo2", vocabulary: 50_304, epsilon: ("rms_norm_eps", 1e-5), ..LLAMA };
/// The base of OLMo 3's rotary positions where a file names none.
const THETA_OF_OLMO3: f64 = 500_000.0;

pub fn olmo2(config: &Fields<'_>) -> Result<Architecture, String> {
    normed_after(config, like_llama::describe(config, &OLMO2, Rope::whole)?)
}

pub fn olmo3(config: &Fields<'_>) -> Result<Architecture, String> {
    let published = Published { family: "olmo3", ..OLMO2 };
    let mut architecture = normed_after(config, like_llama::without_rotary(config, &published)?)?;
    let (width, promised) = (architecture.head_width, architecture.context);
    let rope = Rope { theta: ("rope_theta", THETA_OF_OLMO3), ..Rope::whole(width, promised) };
    // the outer base is that of layers that see everything, in transformers too
    let (whole, sliding, context) = rope.read_by_kind(config, ("", THETA_OF_OLMO3))?;
    architecture.context = context;
    let special = &mut architecture.special;
    special.attention_window = windows(config, architecture.layers, 4096, |layer| !(layer + 1).is_multiple_of(4))?;
    special.layer_rotary = LayerRotary::by_window(&special.attention_window);
    (architecture.rotary, special.other_rotary) = (Some(whole), Some(sliding));
    Ok(architecture)
}

fn normed_after(config: &Fields<'_>, mut architecture: Architecture) -> Result<Architecture, String> {
    super::divided("num_attention_heads", architecture.hidden, architecture.heads)?;
    architecture.biases = like_llama::attention_biases(config)?;
    architecture.special.query_key_norm = QueryKeyNorm::Whole;
    let block = |layer| BlockNames {
        attention_norm: None,
        mlp_norm: None,
        ..BlockNames::of_llama(layer).with_norms_around(layer).with_query_key_norms(layer)
    };
    architecture.blocks = (0..architecture.layers).map(block).collect();
    Ok(architecture)
}
