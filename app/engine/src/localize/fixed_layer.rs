//! The same layer for every fact.

use super::{Asked, Found, Listen, Localizer};
use crate::error::{Error, Result};

pub const LOCALIZER: Localizer = Localizer {
    kind: "fixed-layer",
    about: "one layer for all facts",
    settings: &[("layer", "the layer; a quarter of the way up by default")],
    find,
};

fn find(asked: &Asked<'_>, _: Listen<'_>) -> Result<Found> {
    let layers = asked.model.architecture.layers;
    let layer = asked.settings.count("layer", layers / 4, 0..=usize::MAX)?;
    if layer >= layers {
        let message = format!("there is no layer {layer}; the model has layers 0 to {}", layers.saturating_sub(1));
        return Err(Error::Request(message));
    }
    let effects = (0..layers).map(|other| f64::from(u8::from(other == layer))).collect();
    Ok(Found { effects, ..Found::default() })
}
