//! Writes files of tensors. What has its final name is whole.

use crate::error::{Doing, Error, Result};
use crate::number_formats::dtype_of;
use crate::room::room;
use locus_files::{Draft, NotWritten};
use safetensors::SafeTensorError;
use safetensors::tensor::{Dtype, TensorView, serialize, serialize_to_file};
use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use tch::{Device, Kind, Tensor};

/// The bytes of a safetensors file with tensors by name and entries of its metadata. More than one entry is written in
/// a random order.
///
/// # Errors
/// The tensors cannot be put into a file.
pub fn bytes(tensors: &[(String, Tensor)], entries: &[(&str, &str)]) -> Result<Vec<u8>> {
    let metadata: HashMap<String, String> =
        entries.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let metadata = (!metadata.is_empty()).then_some(metadata);
    with_views(tensors, |views| serialize(views, metadata))?
        .map_err(|error| Error::Request(format!("the tensors cannot be put into a file: {error}")))
}

/// Writes a file, whole or not at all, and has the system keep it.
///
/// # Errors
/// The file cannot be written.
pub fn keep(bytes: &[u8], file: &Path) -> Result<()> {
    Ok(locus_files::write(file, bytes).map_err(NotWritten::at(file))?)
}

/// The same for a file that one program writes at a time.
///
/// # Errors
/// The file cannot be written; another program writes it.
pub fn keep_alone(bytes: &[u8], file: &Path) -> Result<()> {
    let write = || {
        let mut draft = Draft::exclusive(file)?;
        draft.write_all(bytes)?;
        draft.commit()
    };
    Ok(write().map_err(NotWritten::at(file))?)
}

/// Writes a file that other programs read.
///
/// # Errors
/// It cannot be written.
pub(crate) fn write(tensors: &[(String, Tensor)], file: &Path) -> Result<()> {
    // transformers reads a file only when it says which framework wrote it
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let written = with_views(tensors, |views| serialize_to_file(views, Some(metadata), file))?;
    let written = written.map_err(|error| std::io::Error::other(error.to_string()));
    Ok(written.map_err(NotWritten::at(file))?)
}

fn with_views<T>(
    tensors: &[(String, Tensor)],
    take: impl FnOnce(Vec<(&str, TensorView<'_>)>) -> Result<T, SafeTensorError>,
) -> Result<Result<T, SafeTensorError>> {
    let part = |(name, tensor): &(String, Tensor)| bytes_of(tensor).doing(|| format!("copying `{name}`"));
    let parts = tensors.iter().map(part).collect::<Result<Vec<_>>>()?;
    let mut views = Vec::new();
    for ((name, _), (kind, shape, bytes)) in tensors.iter().zip(&parts) {
        match TensorView::new(*kind, shape.clone(), bytes) {
            Ok(view) => views.push((name.as_str(), view)),
            Err(error) => return Ok(Err(error)),
        }
    }
    Ok(take(views))
}

/// Number format, shape and the numbers in row-major order.
fn bytes_of(tensor: &Tensor) -> Result<(Dtype, Vec<usize>, Vec<u8>)> {
    let _guard = tch::no_grad_guard();
    let Some(dtype) = dtype_of(tensor.kind()) else { return bytes_of(&tensor.f_to_kind(Kind::Float)?) };
    let width = tensor.kind().elt_size_in_bytes();
    let flat = tensor.f_to_device(Device::Cpu)?.f_contiguous()?;
    let mut bytes = room(flat.numel() * width)?;
    bytes.resize(flat.numel() * width, 0);
    flat.f_copy_data_u8(&mut bytes, flat.numel())?;
    Ok((dtype, tensor.size().iter().map(|&size| size as usize).collect(), bytes))
}
