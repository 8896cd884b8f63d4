//! Checks that named layers exist in the model, before anything long starts.

use crate::cli::arguments::Common;
use crate::cli::client::Client;
use crate::cli::{Failure, hub, settings};
use serde_json::Value;

/// Bytes of a config.json at most.
const LARGEST: u64 = 1 << 20;
/// What families call their number of layers.
const NAMES: [&str; 3] = ["num_hidden_layers", "n_layer", "num_layers"];

/// Checks the syntax of `--layers` and, if the model's folder tells its number of layers, that they exist: a large
/// model is not loaded in vain.
///
/// # Errors
/// The syntax is wrong, or a layer does not exist.
pub fn check(common: &Common, text: Option<&str>) -> Result<(), Failure> {
    let Some(text) = text else { return Ok(()) };
    let layers = settings::layers(text)?;
    let folder = common.model.as_deref().filter(|_| common.engine.is_none()).and_then(hub::in_cache);
    let file = folder.map(|folder| folder.join("config.json"));
    let config = file.and_then(|file| locus_files::text(&file, LARGEST).ok());
    let config: Option<Value> = config.and_then(|text| serde_json::from_str(&text).ok());
    let count = config.and_then(|config| NAMES.iter().find_map(|name| config[*name].as_u64()));
    refuse("--layers", &layers, count.and_then(|count| usize::try_from(count).ok()))
}

/// Checks that the loaded model has these layers.
///
/// # Errors
/// A layer does not exist; `named` is the flag or key that named it.
pub fn are_there(client: &Client, named: &str, layers: &[usize]) -> Result<(), Failure> {
    refuse(named, layers, client.known.model.as_ref().map(|model| model.layers))
}

fn refuse(named: &str, layers: &[usize], count: Option<usize>) -> Result<(), Failure> {
    match (layers.iter().max(), count) {
        (Some(&layer), Some(count)) if layer >= count => Err(Failure::usage(format!(
            "{named}: there is no layer {layer}; this model has layers 0 to {}",
            count.saturating_sub(1)
        ))),
        _ => Ok(()),
    }
}
