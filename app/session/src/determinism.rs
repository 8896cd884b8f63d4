//! libtorch's own switch for sums that come out the same twice, which tch has no function for.

use crate::error::Error;
use std::ffi::c_void;

/// Has libtorch take, for every operation that has one, the algorithm that gives the same bits every time: on GPUs
/// many sums are made in whatever order their parts are ready in. An operation without such an algorithm is warned of.
///
/// # Errors
/// The libtorch that runs has no such switch.
#[allow(unsafe_code)]
pub fn demand() -> Result<(), Error> {
    type Context = unsafe extern "C" fn() -> *mut c_void;
    type Switch = unsafe extern "C" fn(*mut c_void, bool, bool);
    let lacks =
        |error| Error::Device(format!("--reproducible: this libtorch lacks a switch ({error}); use libtorch 2.11"));
    let program = libloading::os::unix::Library::this();
    // SAFETY: both are functions of libtorch 2.11, which this program links, under the names that its compiler gives
    // `at::Context &at::globalContext()` and `void at::Context::setDeterministicAlgorithms(bool, bool)`; on this
    // platform a reference is a pointer and the object is a member function's first argument. The context lives as
    // long as the process, and neither function throws.
    unsafe {
        let context = program.get::<Context>(b"_ZN2at13globalContextEv\0").map_err(lacks)?;
        let switch = program.get::<Switch>(b"_ZN2at7Context26setDeterministicAlgorithmsEbb\0").map_err(lacks)?;
        switch(context(), true, true);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_libtorch_has_the_switch() {
        assert!(super::demand().is_ok());
    }
}
