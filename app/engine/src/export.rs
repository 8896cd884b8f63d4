//! Writes tensors and whole models so that other programs read them. Everything gets a temporary name first, so that
//! nobody ever sees half a file.

use crate::error::{Error, Result};
use crate::model::Model;
use safetensors::tensor::{Dtype, TensorView, serialize_to_file};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use tch::{Device, Kind, Tensor};

/// Files of a checkpoint that go along as they are.
const COMPANIONS: [&str; 6] = [
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "generation_config.json",
    "vocab.json",
    "merges.txt",
];

/// Writes tensors by name into one safetensors file.
///
/// # Errors
/// The file cannot be written.
pub fn tensors(tensors: &[(String, Tensor)], file: &Path) -> Result<()> {
    let partial = beside(file)?;
    let written = write(tensors, &partial).and_then(|()| std::fs::rename(&partial, file).map_err(failed(file)));
    if written.is_err() {
        let _ = std::fs::remove_file(&partial);
    }
    written
}

/// Writes `model` as a new folder in the layout of Hugging Face; `source` is the folder it was read from.
///
/// # Errors
/// The folder is there already, or cannot be written.
pub fn model(model: &Model, source: &Path, folder: &Path) -> Result<()> {
    if folder.exists() {
        let message = format!("{} is there already; name a folder that is not", folder.display());
        return Err(Error::Request(message));
    }
    let partial = beside(folder)?;
    let written =
        write_model(model, source, &partial).and_then(|()| std::fs::rename(&partial, folder).map_err(failed(folder)));
    if written.is_err() {
        let _ = std::fs::remove_dir_all(&partial);
    }
    written
}

fn write_model(model: &Model, source: &Path, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(failed(folder))?;
    for name in COMPANIONS {
        let from = source.join(name);
        if from.is_file() {
            std::fs::copy(&from, folder.join(name)).map_err(failed(&from))?;
        }
    }
    let from = source.join("config.json");
    let text = std::fs::read_to_string(&from).map_err(|source| Error::Read { path: from.clone(), source })?;
    let mut config: serde_json::Value = serde_json::from_str(&text)
        .map_err(|error| Error::Config { path: from, message: format!("not valid JSON: {error}") })?;
    // the number format of the file is the one that was computed in
    for name in ["dtype", "torch_dtype"] {
        if let Some(field) = config.get_mut(name) {
            *field = serde_json::Value::from(crate::edit::number_format(model.kind));
        }
    }
    let place = folder.join("config.json");
    std::fs::write(&place, format!("{config:#}\n")).map_err(failed(&place))?;
    write(&model.parameters(), &folder.join("model.safetensors"))
}

/// A temporary name in the same folder.
fn beside(path: &Path) -> Result<PathBuf> {
    let name = path.file_name().ok_or_else(|| Error::Request(format!("{} is no file name", path.display())))?;
    let mut partial = std::ffi::OsString::from(".");
    partial.push(name);
    partial.push(format!(".partial.{}", std::process::id()));
    Ok(path.with_file_name(partial))
}

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> Error + '_ {
    move |source| Error::Write { path: path.to_owned(), source }
}

fn write(tensors: &[(String, Tensor)], file: &Path) -> Result<()> {
    let bytes: Vec<(Dtype, Vec<usize>, Vec<u8>)> = tensors.iter().map(|(_, tensor)| bytes_of(tensor)).collect();
    let views = tensors
        .iter()
        .zip(&bytes)
        .map(|((name, _), (kind, shape, bytes))| Ok((name.as_str(), TensorView::new(*kind, shape.clone(), bytes)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>();
    // transformers reads a file only when it says which framework wrote it
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    views
        .and_then(|views| serialize_to_file(views, Some(metadata), file))
        .map_err(|error| Error::Write { path: file.to_owned(), source: std::io::Error::other(error.to_string()) })
}

fn bytes_of(tensor: &Tensor) -> (Dtype, Vec<usize>, Vec<u8>) {
    let _guard = tch::no_grad_guard();
    let (dtype, width) = match tensor.kind() {
        Kind::Half => (Dtype::F16, 2),
        Kind::BFloat16 => (Dtype::BF16, 2),
        Kind::Double => (Dtype::F64, 8),
        Kind::Int64 => (Dtype::I64, 8),
        Kind::Float => (Dtype::F32, 4),
        _ => return bytes_of(&tensor.to_kind(Kind::Float)),
    };
    let flat = tensor.to_device(Device::Cpu).contiguous();
    let mut bytes = vec![0; flat.numel() * width];
    flat.copy_data_u8(&mut bytes, flat.numel());
    (dtype, tensor.size().iter().map(|&size| size as usize).collect(), bytes)
}
