//! Running sums of `k kᵀ` by layer.

use super::collect::Precision;
use crate::error::{Doing, Error, Result};
use std::collections::BTreeMap;
use tch::{Device, Kind, Tensor};

/// Width of the blocks of a symmetric update.
const BLOCK: i64 = 512;
/// Keys per layer whose products are summed up in float64 besides.
const CHECKED: i64 = 64;

/// Sums by layer. Only the lower triangle is kept up; the other half is the same.
#[derive(Debug)]
pub struct Sums {
    /// `[inner, inner]` by layer.
    pub lower: BTreeMap<usize, Tensor>,
    /// The same products in float64 for some keys, `[checked, checked]` by layer.
    pub checks: BTreeMap<usize, Tensor>,
    checked: Tensor,
}

impl Sums {
    /// Zeros for some layers.
    pub fn zeros(layers: &[usize], inner: i64, precision: Precision, device: Device) -> Result<Self> {
        let zeros = |size: i64, kind: Kind| {
            let all = layers.iter().map(|&layer| Ok((layer, Tensor::f_zeros([size, size], (kind, device))?)));
            let all: Result<BTreeMap<usize, Tensor>> = all.collect();
            all.doing(|| format!("allocating the sums of {} layers", layers.len()))
        };
        let checked = checked_keys(inner)?.f_to_device(device)?;
        Ok(Self { lower: zeros(inner, precision.kind())?, checks: zeros(checked.size()[0], Kind::Double)?, checked })
    }

    /// The sum that a file calls `name`: `sum.3` or `check.3`.
    pub fn slot(&mut self, name: &str) -> Option<&mut Tensor> {
        let (kind, layer) = name.split_once('.')?;
        let layer: usize = layer.parse().ok()?;
        match kind {
            "sum" => self.lower.get_mut(&layer),
            "check" => self.checks.get_mut(&layer),
            _ => None,
        }
    }

    /// Adds the keys `[tokens, inner]` of a layer.
    pub fn add(&mut self, layer: usize, keys: &Tensor) -> Result<()> {
        let (lower, check) = self.lower.get_mut(&layer).zip(self.checks.get_mut(&layer)).ok_or_else(|| none(layer))?;
        // all that takes room comes before the sums are touched
        let wide = keys.f_to_kind(lower.f_kind()?)?;
        let few = keys.f_index_select(1, &self.checked)?.f_to_kind(Kind::Double)?;
        add_products(lower, &wide)?;
        let _ = check.f_addmm_(&few.f_tr()?, &few)?;
        Ok(())
    }

    /// The mean of a layer over `tokens`, whole, and the mean in float64 for the keys that are checked.
    pub fn mean(&self, layer: usize, tokens: u64) -> Result<(Tensor, Tensor)> {
        let (lower, check) = self.lower.get(&layer).zip(self.checks.get(&layer)).ok_or_else(|| none(layer))?;
        let whole = lower.f_tril(0)?.f_add(&lower.f_tril(-1)?.f_tr()?)?;
        Ok((whole.f_div_scalar(tokens as f64)?, check.f_div_scalar(tokens as f64)?))
    }
}

fn none(layer: usize) -> Error {
    Error::Request(format!("layer {layer} has no second moment"))
}

/// Numbers of the keys that are summed up in float64 as well, evenly over the width.
pub fn checked_keys(inner: i64) -> Result<Tensor> {
    let count = inner.min(CHECKED);
    Ok(Tensor::f_from_slice(&(0..count).map(|i| i * inner / count).collect::<Vec<_>>())?)
}

/// Blocks of rows that cover the lower triangle, by their first row and the one after their last, up to which their
/// columns go as well.
fn blocks(inner: i64) -> impl Iterator<Item = (i64, i64)> {
    let firsts = (0..inner).step_by(BLOCK as usize);
    firsts.map(move |first| (first, inner.min(first + BLOCK)))
}

/// Multiplications and additions that the products of one key of such a width take in one layer.
#[must_use]
pub fn products_of_key(inner: i64) -> f64 {
    blocks(inner).map(|(first, until)| 2.0 * (until - first) as f64 * until as f64).sum()
}

/// Adds `keysᵀ keys` to the lower triangle of `sum`, in blocks of rows: a little more than half the work of the whole.
fn add_products(sum: &mut Tensor, keys: &Tensor) -> Result<()> {
    for (first, until) in blocks(keys.size()[1]) {
        let rows = until - first;
        let mut block = sum.f_narrow(0, first, rows)?.f_narrow(1, 0, until)?;
        let _ = block.f_addmm_(&keys.f_narrow(1, first, rows)?.f_tr()?, &keys.f_narrow(1, 0, until)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Sums, blocks, checked_keys, products_of_key};
    use crate::moments::Precision;
    use crate::test_numbers::Numbers;
    use tch::{Device, Kind};

    #[test]
    fn what_is_counted_is_what_the_blocks_multiply() {
        assert_eq!(blocks(1100).collect::<Vec<_>>(), [(0, 512), (512, 1024), (1024, 1100)]);
        // one multiplication and one addition for each entry of a block
        assert!((products_of_key(1100) - 2.0 * f64::from(512 * 512 + 512 * 1024 + 76 * 1100)).abs() < 0.5);
        // a narrow one is computed whole, a wide one by little more than its half
        assert!((products_of_key(384) - 2.0 * 384.0 * 384.0).abs() < 0.5);
        let whole = 2.0 * 16_384.0 * 16_384.0;
        let part = products_of_key(16_384) / whole;
        assert!(part > 0.5 && part < 0.52, "{part}");
    }

    #[test]
    fn blocks_make_the_whole_product() {
        let keys = Numbers::new(3).normal(&[77, 1100]);
        let mut sums = Sums::zeros(&[0], 1100, Precision::Float32, Device::Cpu).expect("sums");
        sums.add(0, &keys.narrow(0, 0, 40)).expect("sum");
        sums.add(0, &keys.narrow(0, 40, 37)).expect("sum");
        let (mean, check) = sums.mean(0, 77).expect("means");
        let wide = keys.to_kind(Kind::Double);
        let expected = wide.tr().matmul(&wide) / 77.0;
        assert!((&mean - &expected).abs().max().double_value(&[]) < 1e-5);
        assert_eq!(mean, mean.tr());
        let few = checked_keys(1100).expect("keys");
        let expected = expected.index_select(0, &few).index_select(1, &few);
        assert!((&check - expected).abs().max().double_value(&[]) < 1e-14);
    }
}
