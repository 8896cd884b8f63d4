//! Running sums of `k kᵀ` by layer.

use super::collect::Precision;
use tch::{Device, Kind, Tensor};

/// Width of the blocks of a symmetric update.
const BLOCK: i64 = 512;
/// Keys per layer whose products are summed up in float64 besides.
const CHECKED: i64 = 64;

/// Sums by layer. Only the lower triangle is kept up; the other half is the same.
#[derive(Debug)]
pub struct Sums {
    /// `[inner, inner]` by layer.
    pub lower: Vec<Tensor>,
    /// The same products in float64 for some keys, `[checked, checked]` by layer.
    pub checks: Vec<Tensor>,
    checked: Tensor,
}

impl Sums {
    /// Zeros.
    pub fn zeros(layers: usize, inner: i64, precision: Precision, device: Device) -> Self {
        let zeros = |size: i64, kind: Kind| (0..layers).map(|_| Tensor::zeros([size, size], (kind, device))).collect();
        let checked = checked_keys(inner).to_device(device);
        Self { lower: zeros(inner, precision.kind()), checks: zeros(checked.size()[0], Kind::Double), checked }
    }

    /// Adds the keys `[tokens, inner]` of a layer.
    pub fn add(&mut self, layer: usize, keys: &Tensor) {
        let wide = keys.to_kind(self.lower[layer].kind());
        add_products(&mut self.lower[layer], &wide);
        let few = keys.index_select(1, &self.checked).to_kind(Kind::Double);
        let _ = self.checks[layer].addmm_(&few.tr(), &few);
    }

    /// The mean of a layer over `tokens`, whole, and the mean in float64 for the keys that are checked.
    pub fn mean(&self, layer: usize, tokens: u64) -> (Tensor, Tensor) {
        let lower = &self.lower[layer];
        let whole = lower.tril(0) + lower.tril(-1).tr();
        (whole / tokens as f64, &self.checks[layer] / tokens as f64)
    }
}

/// Numbers of the keys that are summed up in float64 as well, evenly over the width.
pub fn checked_keys(inner: i64) -> Tensor {
    let count = inner.min(CHECKED);
    Tensor::from_slice(&(0..count).map(|i| i * inner / count).collect::<Vec<_>>())
}

/// Adds `keysᵀ keys` to the lower triangle of `sum`, in blocks of rows: a little more than half the work of the whole.
fn add_products(sum: &mut Tensor, keys: &Tensor) {
    let inner = keys.size()[1];
    let mut first = 0;
    while first < inner {
        let rows = BLOCK.min(inner - first);
        let until = first + rows;
        let mut block = sum.narrow(0, first, rows).narrow(1, 0, until);
        let _ = block.addmm_(&keys.narrow(1, first, rows).tr(), &keys.narrow(1, 0, until));
        first = until;
    }
}

#[cfg(test)]
mod tests {
    use super::{Sums, checked_keys};
    use crate::moments::Precision;
    use tch::{Device, Kind, Tensor};

    #[test]
    fn blocks_make_the_whole_product() {
        tch::manual_seed(3);
        let keys = Tensor::randn([77, 1100], (Kind::Float, Device::Cpu));
        let mut sums = Sums::zeros(1, 1100, Precision::Float32, Device::Cpu);
        sums.add(0, &keys.narrow(0, 0, 40));
        sums.add(0, &keys.narrow(0, 40, 37));
        let (mean, check) = sums.mean(0, 77);
        let wide = keys.to_kind(Kind::Double);
        let expected = wide.tr().matmul(&wide) / 77.0;
        assert!((&mean - &expected).abs().max().double_value(&[]) < 1e-5);
        assert_eq!(mean, mean.tr());
        let few = checked_keys(1100);
        let expected = expected.index_select(0, &few).index_select(1, &few);
        assert!((&check - expected).abs().max().double_value(&[]) < 1e-14);
    }
}
