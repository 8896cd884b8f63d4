//! What a device does at best: a plain copy, and a plain product of matrices.

use crate::error::Result;
use std::time::Instant;
use tch::{Cuda, Device, Kind, Tensor};

/// A measurement takes at least so long, so that a look at the clock is nothing against it.
const SECONDS: f64 = 0.3;

/// What a device reaches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plain {
    /// Bytes that a copy moves each second: as many are read as are written, and both count.
    pub bytes: f64,
    /// Operations each second in a product of two square matrices.
    pub operations: f64,
}

impl Plain {
    /// Measures a device in a number format.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn of(device: Device, kind: Kind) -> Result<Self> {
        let (copied, side): (i64, i64) = match device {
            Device::Cuda(_) => (1 << 30, 8192),
            _ => (1 << 26, 1024),
        };
        let (source, mut target) = (Tensor::f_zeros(copied, (kind, device))?, Tensor::f_zeros(copied, (kind, device))?);
        let copies = each_second(device, &mut || {
            target.f_copy_(&source)?;
            Ok(())
        })?;
        let matrix = || -> Result<Tensor> { Ok(Tensor::f_ones([side, side], (kind, device))?.f_mul_scalar(0.01)?) };
        let (one, other) = (matrix()?, matrix()?);
        let products = each_second(device, &mut || {
            let _product = one.f_matmul(&other)?;
            Ok(())
        })?;
        let bytes = copied as f64 * kind.elt_size_in_bytes() as f64;
        Ok(Self { bytes: copies * 2.0 * bytes, operations: products * 2.0 * (side as f64).powi(3) })
    }
}

/// How often something is done each second: once to warm up, then as often as fits into the time.
pub fn each_second(device: Device, work: &mut dyn FnMut() -> Result<()>) -> Result<f64> {
    work()?;
    finish(device);
    let (start, mut count) = (Instant::now(), 0.0);
    loop {
        work()?;
        count += 1.0;
        finish(device);
        let taken = start.elapsed().as_secs_f64();
        if taken > SECONDS {
            return Ok(count / taken);
        }
    }
}

/// Waits until a device has done what it was told.
pub fn finish(device: Device) {
    if let Device::Cuda(index) = device {
        Cuda::synchronize(index as i64);
    }
}
