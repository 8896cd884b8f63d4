//! Cholesky factors of second moments, and the files that keep those of wide ones beside the moments.

use super::description::{said_in, to_say};
use super::files;
use super::kept::{Place, hash_numbers, read_at};
use crate::error::{Error, Result};
use crate::hex;
use locus_records::reproducible;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tch::{Device, Kind, Tensor};

/// Ridges that are tried, as shares of the mean of the diagonal.
const RIDGES: [f64; 6] = [0.0, 1e-8, 1e-6, 1e-4, 1e-2, 1.0];
/// Smallest square of a pivot, as a share of the mean of the diagonal: what is less is rounding of the sums.
const SMALLEST_PIVOT: f64 = 1e-9;

/// Counts up when [`of`] makes other factors of the same second moment.
const RECIPE: u32 = 1;
/// Width from which on a factor takes longer to compute than to read.
const WIDE: i64 = 1024;
/// Rows of a block in which a file keeps a factor: half of a square is zeros.
const BLOCK: i64 = 512;

/// Cholesky factor of a second moment.
#[derive(Debug)]
pub(super) struct Factor {
    /// Lower Cholesky factor in float64.
    pub lower: Tensor,
    /// What was added to the diagonal so that there is one; 0 as a rule.
    pub ridge: f64,
}

impl Factor {
    /// The same, sharing its numbers.
    pub fn shared(&self) -> Self {
        Self { lower: self.lower.shallow_clone(), ridge: self.ridge }
    }
}

/// The Cholesky factor, with the least ridge out of a few that makes the matrix positive definite beyond rounding.
pub(super) fn of(layer: usize, mean: &Tensor) -> Result<Factor> {
    let wide = mean.f_to_kind(Kind::Double)?;
    let mean = wide.f_diag(0)?.f_mean(Kind::Double)?.f_double_value(&[])?;
    let scale = if mean > 0.0 { mean } else { 1.0 };
    for share in RIDGES {
        let ridge = share * scale;
        let raised = || wide.f_add(&Tensor::f_eye(wide.size()[0], (Kind::Double, wide.device()))?.f_mul_scalar(ridge)?);
        let candidate = if ridge > 0.0 { raised()? } else { wide.shallow_clone() };
        let (lower, info) = candidate.f_linalg_cholesky_ex(false, false)?;
        let pivot = lower.f_diag(0)?.f_min()?.f_double_value(&[])?;
        if info.f_int64_value(&[])? == 0 && pivot * pivot > SMALLEST_PIVOT * scale {
            return Ok(Factor { lower, ridge });
        }
    }
    Err(Error::Request(format!(
        "the second moment of layer {layer} is not positive semi-definite; check it with `locus stats verify`"
    )))
}

/// Where the factor of a layer is kept.
pub(super) struct Beside {
    file: PathBuf,
    sha256: String,
}

/// What such a file says of itself.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    /// SHA-256 of the second moment.
    of: String,
    width: i64,
    ridge: f64,
    /// [`RECIPE`] of the program that made it.
    recipe: u32,
    /// Whether it was made in the reproducible mode: the other has other last bits.
    reproducible: bool,
}

impl Beside {
    /// Beside a file of second moments, for a layer whose numbers have this SHA-256.
    pub fn new(moments: &Path, layer: usize, sha256: &str) -> Self {
        Self { file: moments.with_extension(format!("layer{layer}.factor")), sha256: sha256.to_owned() }
    }

    /// The factor that is there, if it is whole, of that second moment, and what this program would make.
    pub fn read(&self, device: Device) -> Option<Factor> {
        let mut file = locus_files::open(&self.file).ok()?;
        let said = said_in::<About>(&mut file, &self.file).ok()?;
        let About { of, width, ridge, recipe, reproducible } = said.about?;
        if of != self.sha256 || (recipe, reproducible) != (RECIPE, reproducible::is_on()) {
            return None;
        }
        let parts = said.parts?;
        let mut read = || -> Result<Option<Tensor>> {
            let lower = Tensor::f_zeros([width, width], (Kind::Double, Device::Cpu))?;
            for (name, info) in said.tensors.tensors() {
                let Some((first, place)) = name.parse::<i64>().ok().zip(Place::of(info, said.begin)) else {
                    return Ok(None);
                };
                let mut hash = Sha256::new();
                let block = read_at(&mut file, &self.file, &place, &mut |bytes| hash.update(bytes))?;
                if parts.get(&name) != Some(&hex(&hash.finalize())) {
                    return Ok(None);
                }
                let (rows, columns) = block.size2()?;
                lower.f_narrow(0, first, rows)?.f_narrow(1, 0, columns)?.f_copy_(&block)?;
            }
            Ok(Some(lower.f_to_device(device)?))
        };
        // what cannot be read is computed
        read().ok().flatten().map(|lower| Factor { lower, ridge })
    }

    /// Keeps a factor there, if it is a wide one; whether it is.
    pub fn write(&self, factor: &Factor) -> Result<bool> {
        let width = factor.lower.size()[0];
        if width < WIDE {
            return Ok(false);
        }
        let mut parts = BTreeMap::new();
        let mut blocks = Vec::new();
        for first in (0..width).step_by(BLOCK as usize) {
            let rows = BLOCK.min(width - first);
            let block = factor.lower.f_narrow(0, first, rows)?.f_narrow(1, 0, first + rows)?;
            let mut hash = Sha256::new();
            hash_numbers(&block, &mut hash)?;
            parts.insert(first.to_string(), hex(&hash.finalize()));
            blocks.push((first.to_string(), block));
        }
        let of = self.sha256.clone();
        let about = About { of, width, ridge: factor.ridge, recipe: RECIPE, reproducible: reproducible::is_on() };
        let says = to_say(&about, &parts).map_err(|error| Error::Request(error.to_string()))?;
        files::write(&self.file, blocks, &says)?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::{Beside, Factor, WIDE, of};
    use tch::{Device, Kind, Tensor};

    #[test]
    fn a_factor_is_kept_bit_by_bit_and_for_its_second_moment_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let moments = folder.path().join("a-b.safetensors");
        let keys = Tensor::randn([WIDE + 700, WIDE + 76], (Kind::Double, Device::Cpu));
        let factor = of(3, &keys.tr().matmul(&keys)).expect("a factor");
        let place = Beside::new(&moments, 3, "abc");
        assert!(place.read(Device::Cpu).is_none());
        assert!(place.write(&factor).expect("written"));
        let read = place.read(Device::Cpu).expect("there");
        assert!(read.lower == factor.lower && read.ridge == factor.ridge);
        assert!(Beside::new(&moments, 3, "abd").read(Device::Cpu).is_none(), "another one's");
        let file = folder.path().join("a-b.layer3.factor");
        let mut bytes = std::fs::read(&file).expect("the file");
        assert!(bytes.len() < 6 * (WIDE + 76).pow(2) as usize, "zeros are not kept");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&file, bytes).expect("written");
        assert!(place.read(Device::Cpu).is_none(), "damaged");
        let narrow = Factor { lower: Tensor::eye(8, (Kind::Double, Device::Cpu)), ridge: 0.0 };
        let place = Beside::new(&moments, 4, "abc");
        assert!(!place.write(&narrow).expect("nothing"), "it is computed sooner than read");
        assert!(place.read(Device::Cpu).is_none());
    }
}
