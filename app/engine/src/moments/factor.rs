//! Cholesky factors of second moments, and the files that keep those of wide ones beside the moments.

use super::description::{said_in, to_say};
use super::files;
use super::kept::{Place, hash_numbers, read_at};
use super::panels::Panels;
use crate::error::{Error, Result};
use crate::hex;
use locus_records::reproducible;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use tch::{Device, Kind};

/// Ridges that are tried, as shares of the mean of the diagonal.
const RIDGES: [f64; 6] = [0.0, 1e-8, 1e-6, 1e-4, 1e-2, 1.0];
/// Smallest square of a pivot, as a share of the mean of the diagonal: what is less is rounding of the sums.
const SMALLEST_PIVOT: f64 = 1e-9;

/// Counts up when [`of`] makes other factors of the same second moment.
const RECIPE: u32 = 2;
/// Width from which on a factor takes longer to compute than to read.
const WIDE: i64 = 1024;

/// Cholesky factor of a second moment.
#[derive(Debug, Clone)]
pub(super) struct Factor {
    /// Lower Cholesky factor in float64.
    pub lower: Rc<Panels>,
    /// What was added to the diagonal so that there is one; 0 as a rule.
    pub ridge: f64,
}

/// The Cholesky factor of a matrix of some width, with the least ridge out of a few that makes it positive definite beyond
/// rounding. `fill` puts the second moment into panels, where it is factored: it may be asked again.
pub(super) fn of(layer: usize, (width, device): (i64, Device), fill: impl Fn(&Panels) -> Result<()>) -> Result<Factor> {
    make_room(width);
    for share in RIDGES {
        let lower = Panels::empty(width, device)?;
        fill(&lower)?;
        let scale = lower.on_diagonal()?.f_mean(Kind::Double)?.f_double_value(&[])?;
        let scale = if scale > 0.0 { scale } else { 1.0 };
        let ridge = share * scale;
        if ridge > 0.0 {
            lower.raise(ridge)?;
        }
        if lower.factor()? {
            let pivot = lower.on_diagonal()?.f_min()?.f_double_value(&[])?;
            if pivot * pivot > SMALLEST_PIVOT * scale {
                return Ok(Factor { lower: Rc::new(lower), ridge });
            }
        }
    }
    Err(Error::Request(format!(
        "the second moment of layer {layer} is not positive semi-definite; check it with `locus stats verify`"
    )))
}

/// Gives back what earlier runs have left, so that it does not stand beside a wide factor.
fn make_room(width: i64) {
    if width >= WIDE {
        locus_allocator::trim();
    }
}

/// Where the factor of a layer is kept.
pub(super) struct Beside {
    file: PathBuf,
    sha256: String,
}

/// What such a file says of itself.
#[derive(PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    /// SHA-256 of the second moment.
    of: String,
    width: i64,
    ridge: f64,
    /// [`RECIPE`] of the program that made it.
    recipe: u32,
    /// Whether it was made in the reproducible mode, by how many threads and on what: others have other last bits.
    reproducible: bool,
    threads: i32,
    on_gpu: bool,
}

impl Beside {
    /// Beside a file of second moments, for a layer whose numbers have this SHA-256.
    pub fn new(moments: &Path, layer: usize, sha256: &str) -> Self {
        Self { file: moments.with_extension(format!("layer{layer}.factor")), sha256: sha256.to_owned() }
    }

    /// What this program says of a factor that it makes now.
    fn about(&self, width: i64, ridge: f64, device: Device) -> About {
        About {
            of: self.sha256.clone(),
            width,
            ridge,
            recipe: RECIPE,
            reproducible: reproducible::is_on(),
            threads: tch::get_num_threads(),
            on_gpu: device != Device::Cpu,
        }
    }

    /// The factor that is there, if it is whole, of that second moment, and what this program would make.
    pub fn read(&self, device: Device) -> Option<Factor> {
        let mut file = locus_files::open(&self.file).ok()?;
        let said = said_in::<About>(&mut file, &self.file).ok()?;
        let about = said.about?;
        let About { width, ridge, .. } = about;
        if about != self.about(width, ridge, device) {
            return None;
        }
        let parts = said.parts?;
        make_room(width);
        let mut read = || -> Result<Option<Panels>> {
            let mut panels = BTreeMap::new();
            for (name, info) in said.tensors.tensors() {
                let Some((first, place)) = name.parse::<i64>().ok().zip(Place::of(info, said.begin)) else {
                    return Ok(None);
                };
                let mut hash = Sha256::new();
                let panel = read_at(&mut file, &self.file, &place, &mut |bytes| hash.update(bytes))?;
                if parts.get(&name) != Some(&hex(&hash.finalize())) {
                    return Ok(None);
                }
                panels.insert(first, panel.f_to_device(device)?);
            }
            Ok(Panels::of(panels.into_values().collect(), width))
        };
        // what cannot be read is computed
        read().ok().flatten().map(|lower| Factor { lower: Rc::new(lower), ridge })
    }

    /// Keeps a factor there, if it is a wide one; whether it is.
    pub fn write(&self, factor: &Factor) -> Result<bool> {
        let width = factor.lower.width();
        if width < WIDE {
            return Ok(false);
        }
        let mut parts = BTreeMap::new();
        let mut panels = Vec::new();
        let mut first = 0;
        for panel in factor.lower.all() {
            let mut hash = Sha256::new();
            hash_numbers(panel, &mut hash)?;
            parts.insert(first.to_string(), hex(&hash.finalize()));
            panels.push((first.to_string(), panel.shallow_clone()));
            first += panel.size()[0];
        }
        let about = self.about(width, factor.ridge, factor.lower.device());
        let says = to_say(&about, &parts).map_err(|error| Error::Request(error.to_string()))?;
        files::write(&self.file, panels, &says)?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::{About, Beside, Factor, WIDE, of};
    use crate::error::Result;
    use crate::test_numbers::Numbers;
    use tch::{Device, Kind, Tensor};

    fn factored(mean: &Tensor) -> Result<Factor> {
        of(0, (mean.size()[0], Device::Cpu), |panels| panels.write_rows(0, mean))
    }

    #[test]
    fn a_matrix_is_factored_in_place_as_by_libtorch_and_with_the_least_ridge() {
        let keys = Numbers::new(1).normal(&[300, 40]);
        let mean = keys.tr().matmul(&keys);
        let factor = factored(&mean).expect("a factor");
        assert_eq!(factor.lower.all(), [mean.to_kind(Kind::Double).linalg_cholesky(false)]);
        assert_eq!(factor.ridge, 0.0);
        // keys that never fire: a row and a column of zeros
        let fires = Tensor::ones(40, (Kind::Float, Device::Cpu));
        let _ = fires.narrow(0, 7, 1).zero_();
        let dead = &mean * &fires * fires.unsqueeze(1);
        let factor = factored(&dead).expect("a factor");
        let wide = dead.to_kind(Kind::Double);
        let scale = wide.diag(0).mean(Kind::Double).double_value(&[]);
        assert!(factor.ridge > 0.0 && factor.ridge <= 1e-6 * scale, "{}", factor.ridge / scale);
        let raised = wide + Tensor::eye(40, (Kind::Double, Device::Cpu)) * factor.ridge;
        assert_eq!(factor.lower.all(), [raised.linalg_cholesky(false)]);
        let negative = -&mean - Tensor::eye(40, (Kind::Float, Device::Cpu)) * 1e3;
        assert!(factored(&negative).is_err());
    }

    #[test]
    fn a_factor_is_kept_bit_by_bit_and_for_its_second_moment_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let moments = folder.path().join("a-b.safetensors");
        let keys = Numbers::new(2).wide(&[WIDE + 700, WIDE + 76]);
        let factor = factored(&keys.tr().matmul(&keys)).expect("a factor");
        let place = Beside::new(&moments, 3, "abc");
        assert!(place.read(Device::Cpu).is_none());
        assert!(place.write(&factor).expect("written"));
        let read = place.read(Device::Cpu).expect("there");
        assert!(read.lower.all() == factor.lower.all() && read.ridge == factor.ridge);
        assert!(Beside::new(&moments, 3, "abd").read(Device::Cpu).is_none(), "another one's");
        let with = |about: About| about == place.about(keys.size()[1], 0.0, Device::Cpu);
        let now = || place.about(keys.size()[1], 0.0, Device::Cpu);
        assert!(with(now()));
        assert!(!with(About { threads: now().threads + 1, ..now() }), "other threads add up in another order");
        assert!(!with(About { on_gpu: true, ..now() }) && !with(About { reproducible: !now().reproducible, ..now() }));
        let file = folder.path().join("a-b.layer3.factor");
        let mut bytes = std::fs::read(&file).expect("the file");
        assert!(bytes.len() < 6 * (WIDE + 76).pow(2) as usize, "zeros are not kept");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&file, bytes).expect("written");
        assert!(place.read(Device::Cpu).is_none(), "damaged");
        let narrow = factored(&Tensor::eye(8, (Kind::Double, Device::Cpu))).expect("a factor");
        let place = Beside::new(&moments, 4, "abc");
        assert!(!place.write(&narrow).expect("nothing"), "it is computed sooner than read");
        assert!(place.read(Device::Cpu).is_none());
    }
}
