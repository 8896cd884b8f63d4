//! Files of tensors that say what they are. They get a temporary name first, so that nobody ever sees half a file.

use super::description::ENTRY;
use crate::error::{Error, Result};
use crate::number_formats::dtype_of;
use crate::room::room;
use crate::sealed::seal_file;
use locus_files::{Draft, NotWritten};
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
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

/// Removes what processes of earlier versions that were killed while they wrote left beside `file`; what this one leaves
/// is swept by whoever writes there next.
pub fn remove_leftovers(file: &Path) {
    let (Some(folder), Some(stem)) = (file.parent(), file.file_stem()) else { return };
    let stem = stem.to_string_lossy();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let process = name.rsplit_once(".partial.").filter(|(whole, _)| whole.starts_with(&*stem));
        if process.is_some_and(|(_, process)| has_ended(process)) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Whether a process of this number was there and is no more. One of another user is there.
fn has_ended(process: &str) -> bool {
    let pid = process.parse().ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid) == Err(Errno::SRCH))
}

#[cfg(test)]
mod tests {
    use super::remove_leftovers;
    use std::process::Command;

    #[test]
    fn what_a_process_that_has_ended_left_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut child = Command::new("true").spawn().expect("it starts");
        child.wait().expect("its end");
        let running = std::process::id();
        let left = format!("moments.partial.{}", child.id());
        let kept =
            [format!("moments.partial.{running}"), "moments.partial.x".into(), format!("other.partial.{}", child.id())];
        for name in kept.iter().chain([&left]) {
            std::fs::write(folder.path().join(name), "half").expect("written");
        }
        remove_leftovers(&folder.path().join("moments.safetensors"));
        assert!(!folder.path().join(left).exists());
        assert!(kept.iter().all(|name| folder.path().join(name).exists()));
    }
}
