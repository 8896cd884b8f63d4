//! Random numbers that are the same in every run. libtorch draws from one generator for the whole process, so what a
//! test seeds there another test that runs beside it uses up.

#![allow(dead_code, reason = "every test binary uses a part of it")]

use locus_records::noise::LegacyRandom;
use tch::{Device, Kind, Tensor};

/// A generator of one test's own.
pub struct Numbers(LegacyRandom);

impl Numbers {
    /// The generator of a seed.
    pub fn new(seed: u32) -> Self {
        Self(LegacyRandom::new(seed))
    }

    /// The next standard normal numbers, of size `sizes`, in float32.
    pub fn normal(&mut self, sizes: &[i64]) -> Tensor {
        self.wide(sizes).to_kind(Kind::Float)
    }

    /// The next standard normal numbers, of size `sizes`, in float64.
    pub fn wide(&mut self, sizes: &[i64]) -> Tensor {
        let count = sizes.iter().product::<i64>() as usize;
        Tensor::from_slice(&self.0.normals(count)).reshape(sizes)
    }

    /// The next standard normal numbers, of the size and format of `tensor`.
    pub fn like(&mut self, tensor: &Tensor) -> Tensor {
        self.wide(&tensor.size()).to_kind(tensor.kind()).to_device(Device::Cpu)
    }
}
