//! Files of tensors that say what they are. They get a temporary name first, so that nobody ever sees half a file.

use super::description::ENTRY;
use crate::error::{Error, Result};
use crate::number_formats::dtype_of;
use crate::room::room;
use crate::sealed::seal_file;
use locus_files::{Draft, NotWritten};
use safetensors::SafeTensorError;
use safetensors::tensor::{Dtype, View, serialize_to_file};
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use tch::{Device, Tensor};

/// A tensor that is copied only while it is written.
struct Lazy<'a> {
    tensor: Tensor,
    shape: Vec<usize>,
    dtype: Dtype,
    /// Where a copy that failed says so: what is written then is not a whole file.
    failure: &'a RefCell<Option<Error>>,
}

impl<'a> Lazy<'a> {
    fn new(tensor: Tensor, failure: &'a RefCell<Option<Error>>) -> Result<Self> {
        let unknown = || Error::Request("a tensor has a number format that files do not hold".to_owned());
        let dtype = dtype_of(tensor.f_kind()?).ok_or_else(unknown)?;
        let shape = tensor.size().iter().map(|&size| size as usize).collect();
        Ok(Self { tensor, shape, dtype, failure })
    }

    fn copied(&self) -> Result<Vec<u8>> {
        let flat = self.tensor.f_to_device(Device::Cpu)?.f_contiguous()?;
        let mut bytes = room(self.data_len())?;
        bytes.resize(self.data_len(), 0);
        flat.f_copy_data_u8(&mut bytes, flat.numel())?;
        Ok(bytes)
    }
}

impl View for Lazy<'_> {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.copied().unwrap_or_else(|error| {
            self.failure.borrow_mut().get_or_insert(error);
            Vec::new()
        }))
    }

    fn data_len(&self) -> usize {
        self.tensor.numel() * self.tensor.kind().elt_size_in_bytes()
    }
}

/// Writes tensors with what the file says of itself, see [`super::description::to_say`].
///
/// # Errors
/// The file cannot be written.
pub fn write(file: &Path, tensors: Vec<(String, Tensor)>, says: &str) -> Result<()> {
    let _guard = tch::no_grad_guard();
    let failure = RefCell::new(None);
    let lazy = tensors.into_iter().map(|(name, tensor)| Ok((name, Lazy::new(tensor, &failure)?)));
    let lazy = lazy.collect::<Result<Vec<_>>>()?;
    // one entry only: more would be written in a random order
    let metadata = HashMap::from([(ENTRY.to_owned(), says.to_owned())]);
    let written = with_temporary_name(file, |draft| {
        serialize_to_file(lazy, Some(metadata), draft.path()).map_err(written)?;
        if failure.borrow().is_some() {
            return Err(std::io::Error::other("a tensor could not be copied"));
        }
        seal_file(draft.path())
    });
    match failure.into_inner() {
        Some(error) => Err(error.while_doing(|| format!("writing {}", file.display()))),
        None => written,
    }
}

/// What the system said when a file could not be written.
fn written(error: SafeTensorError) -> std::io::Error {
    match error {
        SafeTensorError::IoError(error) => error,
        other => std::io::Error::other(other.to_string()),
    }
}

/// Has `write` write a file under a temporary name beside `file`, and renames it.
///
/// # Errors
/// What `write` returns; the folder cannot be made.
pub fn with_temporary_name(file: &Path, write: impl FnOnce(&mut Draft) -> std::io::Result<()>) -> Result<()> {
    if let Some(parent) = file.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        std::fs::create_dir_all(parent).map_err(NotWritten::at(file))?;
    }
    let mut draft = Draft::new(file).map_err(NotWritten::at(file))?;
    write(&mut draft).map_err(NotWritten::at(file))?;
    Ok(draft.commit().map_err(NotWritten::at(file))?)
}
