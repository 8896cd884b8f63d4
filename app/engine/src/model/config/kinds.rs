//! Which layers see everything and which a window, where a file lists them.

use super::Fields;

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

/// The window of every layer, for families that alternate: layers that slide by `layer_types`, or, where the file does not
/// list them, by `slides`. The window is the field `sliding_window`.
///
/// # Errors
/// Those of [`layer_kinds`]; a layer slides and the field is null.
pub fn windows(
    config: &Fields<'_>,
    layers: usize,
    default: i64,
    slides: impl Fn(usize) -> bool,
) -> Result<Vec<Option<i64>>, String> {
    let kinds = layer_kinds(config, layers)?;
    let slides = |layer: usize| kinds.as_ref().map_or_else(|| slides(layer), |kinds| kinds[layer] == KINDS[1]);
    let null = config.get("sliding_window").is_some_and(serde_json::Value::is_null);
    if null && !(0..layers).any(slides) {
        return Ok(vec![None; layers]);
    }
    let window = config.integer("sliding_window", Fields::POSITIONS, default)?;
    Ok((0..layers).map(|layer| slides(layer).then_some(window)).collect())
}
