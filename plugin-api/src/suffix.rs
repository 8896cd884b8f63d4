//! A prepared run that is released when it is no longer needed.

use crate::error::{Error, Result};
use crate::host::{Suffix, SuffixOutput, SuffixRequest};
use crate::services::Host;
use tch::Tensor;

/// A run that the host keeps prepared until this is dropped.
pub struct PreparedSuffix<'a> {
    host: &'a dyn Host,
    suffix: Suffix,
}

impl<'a> PreparedSuffix<'a> {
    /// Lets the host prepare a run.
    ///
    /// # Errors
    /// Those of [`Host::prepare_suffix`].
    pub fn new(host: &'a dyn Host, request: &SuffixRequest) -> Result<Self> {
        Ok(Self { host, suffix: host.prepare_suffix(request)? })
    }

    /// Repeats the run: `added` has one tensor per entry of `add`, `[cells, hidden]` or `[1, hidden]` for all of
    /// its cells; `parameters` has one per entry of `parameters`.
    ///
    /// # Errors
    /// Those of [`Host::run_suffix`].
    pub fn run(&self, added: &[Tensor], parameters: &[Tensor]) -> Result<SuffixOutput> {
        let tensors: Vec<Tensor> = added.iter().chain(parameters).map(Tensor::shallow_clone).collect();
        self.host.run_suffix(self.suffix, added.len(), &tensors)
    }

    /// What it captures, one tensor for each entry of `capture`, if every repetition captures the same: then no
    /// separate run is needed for it. `None` if repetitions change some of it, or if the host cannot tell.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn fixed(&self) -> Result<Option<Vec<Tensor>>> {
        match self.host.fixed_captures(self.suffix) {
            Ok(captured) => Ok(Some(captured)),
            Err(Error::Request(_) | Error::Unsupported(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Drop for PreparedSuffix<'_> {
    fn drop(&mut self) {
        // when it was canceled, it is released when the call returns
        let _ = self.host.release_suffix(self.suffix);
    }
}

/// Splits the tensors of a repetition, as [`Host::run_suffix`] passes them, into those to add and the parameters.
///
/// # Errors
/// [`Error::Request`] if `added` exceeds the number of tensors.
pub fn added_and_parameters(added: usize, tensors: &[Tensor]) -> Result<(&[Tensor], &[Tensor])> {
    let count = tensors.len();
    let missing = || Error::Request(format!("{added} tensors should be added, but there are {count}"));
    tensors.split_at_checked(added).ok_or_else(missing)
}

/// Pairs the parameters of [`Host::replace_parameters`] with their names.
///
/// # Errors
/// [`Error::Request`] if their numbers differ.
pub fn named(names: &[String], values: &[Tensor]) -> Result<Vec<(String, Tensor)>> {
    if names.len() != values.len() {
        let (names, tensors) = (names.len(), values.len());
        return Err(Error::Request(format!("{names} parameters are named, but there are {tensors} tensors")));
    }
    Ok(names.iter().cloned().zip(values.iter().map(Tensor::shallow_clone)).collect())
}
