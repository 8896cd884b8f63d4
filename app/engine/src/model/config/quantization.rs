//! Weights that are stored in fewer bits, as `quantization_config` says it.

use super::Fields;
use locus_protocol::shown::quoted;
use serde_json::Value;

/// The one method whose weights are unpacked.
const MXFP4: &str = "mxfp4";

/// Checks what the field says. Gives whether the weights are in MXFP4, which only gpt-oss' experts can be.
///
/// # Errors
/// The weights are stored in another way.
pub fn quantization(fields: &Fields<'_>) -> Result<bool, String> {
    let Some(settings) = fields.inside("quantization_config")?.filter(|settings| !settings.is_empty()) else {
        return Ok(false);
    };
    let method = settings.text("quant_method")?.unwrap_or("unknown");
    if method != MXFP4 {
        return Err(refusal(method));
    }
    // what is not converted is stored as it is, and what is stored decides; the other says how transformers keeps it
    settings.texts("modules_to_not_convert")?;
    settings.flag("dequantize", false)?;
    settings.nothing_else("quantization method `mxfp4`")?;
    Ok(true)
}

/// Why weights cannot be read that a method has packed.
pub fn refusal(method: &str) -> String {
    format!(
        "field `quantization_config` says that the weights are quantized (method {}), which is not supported; use the checkpoint in float16, bfloat16 or float32, or dequantize it",
        quoted(method)
    )
}

/// Whether the weights of a configuration that can be run are in MXFP4.
pub fn are_packed(config: &Value) -> bool {
    config["quantization_config"]["quant_method"].as_str() == Some(MXFP4)
}
