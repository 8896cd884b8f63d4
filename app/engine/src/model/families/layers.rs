//! Which layers see everything and which a window, where a file lists them.

use crate::model::config::Fields;

/// The kinds of layers that can be run.
pub const KINDS: [&str; 2] = ["full_attention", "sliding_attention"];

/// The kind of every layer by `layer_types`; `None` where the file does not list them.
///
/// # Errors
/// It lists other kinds, or not as many as there are layers.
pub fn layer_kinds(config: &Fields<'_>, layers: usize) -> Result<Option<Vec<&'static str>>, String> {
    let Some(given) = config.texts("layer_types")? else { return Ok(None) };
    if given.len() != layers {
        return Err(format!("field `layer_types` lists {} layers and the model has {layers}", given.len()));
    }
    let kind = |(layer, kind): (usize, &&str)| {
        // an older name
        let name = if *kind == "attention" { KINDS[0] } else { kind };
        let known = KINDS.into_iter().find(|known| *known == name);
        known.ok_or_else(|| format!("field `layer_types` must say {} or {} for layer {layer}", KINDS[0], KINDS[1]))
    };
    given.iter().enumerate().map(kind).collect::<Result<_, _>>().map(Some)
}
