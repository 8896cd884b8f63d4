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
    /// Has the host prepare a run.
    ///
    /// # Errors
    /// Those of [`Host::prepare_suffix`].
    pub fn new(host: &'a dyn Host, request: &SuffixRequest) -> Result<Self> {
        Ok(Self { host, suffix: host.prepare_suffix(request)? })
    }

    /// Runs once more: `added` has one tensor per entry of `add`, `[cells, hidden]` or `[1, hidden]` for all of
    /// its cells; `parameters` one per entry of `parameters`.
    ///
    /// # Errors
    /// Those of [`Host::run_suffix`].
    pub fn run(&self, added: &[Tensor], parameters: &[Tensor]) -> Result<SuffixOutput> {
        let tensors: Vec<Tensor> = added.iter().chain(parameters).map(Tensor::shallow_clone).collect();
        self.host.run_suffix(self.suffix, added.len(), &tensors)
    }

    /// What it captures, one tensor for each entry of `capture`, where every repetition captures the same: then no run of
    /// its own is needed for it. `None` where repetitions change some of it, or the host does not say.
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
        // when it was cancelled, it is released when the call returns
        let _ = self.host.release_suffix(self.suffix);
    }
}

/// The tensors of a repetition, as [`Host::run_suffix`] hands them over: those that are added, and the parameters.
///
/// # Errors
/// [`Error::Request`] where more are to be added than there are.
pub fn added_and_parameters(added: usize, tensors: &[Tensor]) -> Result<(&[Tensor], &[Tensor])> {
    let count = tensors.len();
    let missing = || Error::Request(format!("{added} tensors are to be added, and there are {count}"));
    tensors.split_at_checked(added).ok_or_else(missing)
}

/// The parameters of [`Host::replace_parameters`] with their names.
///
/// # Errors
/// [`Error::Request`] where there are not as many of the one as of the other.
pub fn named(names: &[String], values: &[Tensor]) -> Result<Vec<(String, Tensor)>> {
    if names.len() != values.len() {
        let (names, tensors) = (names.len(), values.len());
        return Err(Error::Request(format!("{names} parameters are named, and there are {tensors} tensors")));
    }
    Ok(names.iter().cloned().zip(values.iter().map(Tensor::shallow_clone)).collect())
}
