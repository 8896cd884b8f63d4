//! Random numbers that are the same on every machine, and are nobody else's.

use locus_plugin::Result;
use locus_plugin::tch::Tensor;

/// A generator (SplitMix64).
#[derive(Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number between 0 and 1.
    pub(crate) fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Numbers of a mean of 0 and a standard deviation of `deviation`, nearly normal: sums of twelve uniform ones.
    pub(crate) fn normal(&mut self, sizes: &[i64], deviation: f64) -> Result<Tensor> {
        let count = sizes.iter().product::<i64>();
        let numbers: Vec<f32> =
            (0..count).map(|_| (((0..12).map(|_| self.uniform()).sum::<f64>() - 6.0) * deviation) as f32).collect();
        Ok(Tensor::f_from_slice(&numbers)?.f_reshape(sizes)?)
    }
}
