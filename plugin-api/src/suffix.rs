//! A prepared run that is released when it is no longer needed.

use crate::error::Result;
use crate::host::{Host, Suffix, SuffixOutput, SuffixRequest};
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

    /// Runs once more, see [`Host::run_suffix`].
    ///
    /// # Errors
    /// Those of [`Host::run_suffix`].
    pub fn run(&self, added: &[Tensor], parameters: &[Tensor]) -> Result<SuffixOutput> {
        self.host.run_suffix(self.suffix, added, parameters)
    }
}

impl Drop for PreparedSuffix<'_> {
    fn drop(&mut self) {
        // cancelled, or a host without this service: it is released when the call returns
        let _ = self.host.release_suffix(self.suffix);
    }
}
