//! Lists whose length comes from outside, and failures for want of memory as errors.

use crate::error::{Error, Result};
use crate::memory::free;
use locus_allocator::refusable;
use tch::TchError;

/// The error that a failure of libtorch is: a shortage of memory as itself, any other as `otherwise` calls it.
pub(crate) fn shortage_or(error: TchError, otherwise: impl FnOnce(TchError) -> Error) -> Error {
    match Error::from(error) {
        Error::Torch { source, .. } => otherwise(source),
        short => short,
    }
}

/// An empty list that has room for `count` entries; for counts that come from what somebody asked for.
///
/// # Errors
/// [`Error::OutOfMemory`] where there is no room.
pub(crate) fn room<T>(count: usize) -> Result<Vec<T>> {
    let mut list = Vec::new();
    let asked = count.checked_mul(size_of::<T>()).map(|bytes| bytes as u64);
    match refusable(|| list.try_reserve_exact(count)) {
        Ok(()) => Ok(list),
        Err(_) => Err(Error::OutOfMemory { doing: String::new(), asked, free: free() }),
    }
}

#[cfg(test)]
mod tests {
    use super::room;
    use crate::error::Error;
    use crate::memory::shortage;
    use tch::{Device, Kind, Tensor};

    #[test]
    fn a_tensor_that_is_too_large_is_told_with_its_size() {
        // 4 PiB: more than an address space holds
        let error = Tensor::f_zeros([1 << 50], (Kind::Float, Device::Cpu)).expect_err("too large");
        let found = shortage(&error).expect("a shortage");
        assert_eq!(found.asked, Some(1 << 52));
        let Error::OutOfMemory { doing, asked, free } = Error::from(error) else { panic!("another error") };
        assert_eq!((doing.as_str(), asked), ("", Some(1 << 52)));
        assert!(free.is_some_and(|free| free > 0), "{free:?}");
        // more bytes than can be counted
        let error = Tensor::f_zeros([1 << 40, 1 << 40], (Kind::Float, Device::Cpu)).expect_err("too large");
        assert!(matches!(Error::from(error), Error::OutOfMemory { .. }));
    }

    #[test]
    fn other_failures_of_libtorch_are_none() {
        let tensor = Tensor::from_slice(&[1.0_f32, 2.0]);
        let error = tensor.f_matmul(&Tensor::from_slice(&[1.0_f32])).expect_err("shapes");
        assert_eq!(shortage(&error), None);
        assert!(matches!(Error::from(error), Error::Torch { .. }));
    }

    #[test]
    fn room_for_more_than_there_can_be_is_refused() {
        assert!(room::<f64>(8).is_ok());
        let error = room::<f64>(1 << 58).expect_err("too much").to_string();
        assert!(error.starts_with("out of memory (") && error.contains("asked for"), "{error}");
        assert!(matches!(room::<f64>(usize::MAX), Err(Error::OutOfMemory { asked: None, .. })));
    }
}
