//! `locus model info`.

use crate::cli::arguments::Common;
use crate::cli::client::Client;
use crate::cli::{Failure, output, tables};

/// Describes the loaded model.
///
/// # Errors
/// It cannot be loaded.
pub fn info(common: &Common) -> Result<(), Failure> {
    let client = Client::with_model_alone(common)?;
    let Some(model) = client.known.model.as_ref().filter(|_| !common.json) else { return Ok(()) };
    let rows = [
        ("model", model.name.clone()),
        ("family", model.family.clone()),
        ("layers", model.layers.to_string()),
        ("residual stream", model.hidden.to_string()),
        ("MLP key", model.inner.to_string()),
        ("vocabulary", model.vocabulary.to_string()),
        ("parameters", model.parameters.to_string()),
        ("dtype", model.number_format.clone()),
        ("device", format!("{} ({})", model.device.name, model.device.reason)),
        ("reproducible", if model.reproducible { "the same bits on every x86-64 processor" } else { "no" }.to_owned()),
        (
            "with and without taps",
            format!("largest logit difference {:e} on “{}”", model.probe.deviation, model.probe.prompt),
        ),
        ("its answer", model.probe.answer.trim().to_owned()),
        ("facts", format!("{} ({})", client.known.facts.len(), client.known.facts_source)),
    ];
    output::print(&tables::pairs(rows))?;
    Ok(())
}
