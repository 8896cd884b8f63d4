//! Writes whole models, and the changes of edits, so that other programs read them. What has its final name is whole.

mod adapter;
mod companions;

pub use adapter::adapter;

use crate::error::{Error, Result};
use crate::model::Model;
use crate::number_formats::number_format;
use crate::tensor_files::write;
use locus_files::{FolderDraft, NotWritten};
use std::path::Path;

/// Writes `model` as a new folder in the layout of Hugging Face; `source` is the folder it was read from. Companions go
/// along as `companions::copy` says. `listen` hears how many bytes of the weights are written of how many, and can stop it
/// by an error: then there is no folder.
///
/// # Errors
/// The folder is there already, or cannot be written; a companion is not what its name says; what `listen` returns.
pub fn model(
    model: &Model,
    source: &Path,
    folder: &Path,
    listen: &mut dyn FnMut(u64, u64) -> Result<()>,
) -> Result<()> {
    let draft = FolderDraft::new(folder).map_err(NotWritten::at(folder))?;
    companions::copy(source, &draft)?;
    let from = source.join("config.json");
    let text =
        locus_files::text(&from, companions::LARGEST).map_err(|source| Error::Read { path: from.clone(), source })?;
    let mut config: serde_json::Value = serde_json::from_str(&text)
        .map_err(|error| Error::Config { path: from, message: format!("not valid JSON: {error}") })?;
    // the number format of the file is the one that was computed in
    for name in ["dtype", "torch_dtype"] {
        if let Some(field) = config.get_mut(name) {
            *field = serde_json::Value::from(number_format(model.kind));
        }
    }
    // packed weights are written unpacked
    if let Some(fields) = config.as_object_mut() {
        fields.shift_remove("quantization_config");
    }
    let text = format!("{config:#}\n");
    draft.write("config.json", text.as_bytes()).map_err(NotWritten::at(folder))?;
    write(&model.parameters(), &draft, "model.safetensors", listen)?;
    Ok(draft.commit().map_err(NotWritten::at(folder))?)
}
