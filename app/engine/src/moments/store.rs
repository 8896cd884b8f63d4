//! Second moments at hand: on disk, and factored for solves.

use super::description::{MomentsDescription, describe_as, to_say};
use super::files;
use super::sums::checked_keys;
use crate::error::{Doing, Error, Result};
use crate::room::shortage_or;
use crate::sealed::is_file_whole;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use tch::{Device, Kind, Tensor};

/// Ridges that are tried, as shares of the mean of the diagonal.
const RIDGES: [f64; 6] = [0.0, 1e-8, 1e-6, 1e-4, 1e-2, 1.0];
/// Smallest square of a pivot, as a share of the mean of the diagonal: what is less is rounding of the sums.
const SMALLEST_PIVOT: f64 = 1e-9;

/// Second moments by layer.
#[derive(Debug)]
pub struct SecondMoments {
    /// `E[k kᵀ]` by layer, `[inner, inner]` in float32 or float64.
    means: BTreeMap<usize, Tensor>,
    /// Tokens they were collected over.
    pub tokens: u64,
    /// Which second moments they are; empty where nobody said.
    pub description: MomentsDescription,
    /// Whether they were compared with a checksum when they were read; files of older programs have none.
    pub is_sealed: bool,
    /// Means in float64 for some keys, by layer.
    checks: BTreeMap<usize, Tensor>,
    factors: RefCell<HashMap<usize, Factor>>,
}

#[derive(Debug)]
struct Factor {
    /// Lower Cholesky factor in float64.
    lower: Tensor,
    /// What was added to the diagonal so that there is one; 0 as a rule.
    ridge: f64,
}

impl SecondMoments {
    /// Means by layer, over `tokens` tokens.
    ///
    /// # Errors
    /// A mean that is not a finite square.
    pub fn from_means(means: BTreeMap<usize, Tensor>, tokens: u64) -> Result<Self> {
        for (layer, mean) in &means {
            let size = mean.size();
            let finite = mean.f_isfinite().and_then(|finite| finite.f_all()?.f_int64_value(&[]));
            let finite = finite.doing(|| format!("checking the second moment of layer {layer}"))?;
            if size.len() != 2 || size[0] != size[1] || finite == 0 {
                let message =
                    format!("the second moment of layer {layer} is not a finite square matrix; collect it anew");
                return Err(Error::Request(message));
            }
        }
        let description = MomentsDescription::default();
        Ok(Self { means, tokens, description, is_sealed: true, checks: BTreeMap::new(), factors: RefCell::default() })
    }

    /// The same, with what they are and means in float64 for the keys of [`checked_keys`].
    pub(super) fn described(self, description: MomentsDescription, checks: BTreeMap<usize, Tensor>) -> Self {
        Self { description, checks, ..self }
    }

    /// Their layers, in ascending order.
    pub fn layers(&self) -> impl Iterator<Item = usize> + '_ {
        self.means.keys().copied()
    }

    /// Those of some layers.
    ///
    /// # Errors
    /// There is none for one of them.
    pub fn only(&self, layers: &[usize]) -> Result<Self> {
        let mut means = BTreeMap::new();
        for &layer in layers {
            let mean = self.means.get(&layer).ok_or_else(|| missing(layer))?;
            means.insert(layer, mean.shallow_clone());
        }
        let mut description = self.description.clone();
        description.layers.retain(|layer, _| means.contains_key(layer));
        let checks = self.checks.iter().filter(|(layer, _)| means.contains_key(layer));
        let checks = checks.map(|(&layer, check)| (layer, check.shallow_clone())).collect();
        Ok(Self::from_means(means, self.tokens)?.described(description, checks))
    }

    /// These, and those of `other` in the layers that it has.
    #[must_use]
    pub fn overlaid_by(mut self, other: Self) -> Self {
        let Self { means, description, checks, tokens, .. } = other;
        for layer in means.keys() {
            self.checks.remove(layer);
        }
        self.means.extend(means);
        self.checks.extend(checks);
        let mut layers = std::mem::take(&mut self.description.layers);
        layers.extend(description.layers);
        self.description = MomentsDescription { layers, ..description };
        self.tokens = self.tokens.min(tokens);
        self.factors.borrow_mut().clear();
        self
    }

    /// By how much the sum of a layer deviates from products that were summed up in float64: the relative norm of the
    /// difference over the keys for which they were. `None` where none were.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn deviation(&self, layer: usize) -> Result<Option<f64>> {
        let _guard = tch::no_grad_guard();
        let Some((mean, check)) = self.means.get(&layer).zip(self.checks.get(&layer)) else { return Ok(None) };
        let keys = checked_keys(mean.size()[0])?.f_to_device(mean.device())?;
        if check.size() != [keys.size()[0], keys.size()[0]] {
            return Ok(Some(f64::NAN));
        }
        let ours = mean.f_index_select(0, &keys)?.f_index_select(1, &keys)?.f_to_kind(Kind::Double)?;
        let norm = check.f_norm()?.f_double_value(&[])?;
        let off = ours.f_sub(check)?.f_norm()?.f_double_value(&[])?;
        Ok(Some(if off == 0.0 { 0.0 } else { off / norm }))
    }

    /// The mean of one layer.
    #[must_use]
    pub fn mean(&self, layer: usize) -> Option<&Tensor> {
        self.means.get(&layer)
    }

    /// Keys that never fire in the corpus: rows of zeros.
    ///
    /// # Errors
    /// Those of libtorch.
    pub fn dead_keys(&self, layer: usize) -> Result<i64> {
        let Some(mean) = self.means.get(&layer) else { return Ok(0) };
        Ok(mean.f_diag(0)?.f_eq(0.0)?.f_sum(Kind::Int64)?.f_int64_value(&[])?)
    }

    /// `C⁻¹ k` for each row of `keys` `[n, inner]`, solved in float64 by a Cholesky factor that is kept. Where the
    /// corpus left `C` singular (keys that never fire), the smallest ridge that helps is put on its diagonal.
    ///
    /// # Errors
    /// No second moment for the layer; keys of another width; a matrix that no ridge helps.
    pub fn solve(&self, layer: usize, keys: &Tensor) -> Result<Tensor> {
        let _guard = tch::no_grad_guard();
        let mean = self.means.get(&layer).ok_or_else(|| missing(layer))?;
        let size = keys.size();
        if size.len() != 2 || size[1] != mean.size()[0] {
            let message = format!("keys of shape {size:?} do not fit a second moment of width {}", mean.size()[0]);
            return Err(Error::Request(message));
        }
        let mut factors = self.factors.borrow_mut();
        let factor = match factors.entry(layer) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => {
                let found = factor(layer, mean);
                entry.insert(found.doing(|| format!("factoring the second moment of layer {layer}"))?)
            }
        };
        let right = keys.f_to_kind(Kind::Double).and_then(|keys| keys.f_tr());
        let solved = right.and_then(|right| right.f_cholesky_solve(&factor.lower, false)?.f_tr());
        let solved = solved.and_then(|solved| solved.f_to_kind(keys.f_kind()?));
        solved.doing(|| format!("solving with the second moment of layer {layer}"))
    }

    /// The ridge that the layer's solves needed; 0 where none was, or nothing was solved yet.
    #[must_use]
    pub fn ridge(&self, layer: usize) -> f64 {
        self.factors.borrow().get(&layer).map_or(0.0, |factor| factor.ridge)
    }

    /// Writes them to `file`, under a temporary name first.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, file: &Path) -> Result<()> {
        let tokens = Tensor::f_from_slice(&[self.tokens as i64])?;
        let named = |kind: &str, tensors: &BTreeMap<usize, Tensor>| -> Vec<(String, Tensor)> {
            tensors.iter().map(|(layer, tensor)| (format!("layer{layer}.{kind}"), tensor.shallow_clone())).collect()
        };
        let mut tensors = named("mom2", &self.means);
        tensors.extend(named("check", &self.checks));
        tensors.push(("tokens".to_owned(), tokens));
        let says = to_say(&self.description).map_err(|error| Error::Request(error.to_string()))?;
        files::write(file, tensors, &says)
    }

    /// Reads what [`Self::write`] wrote.
    ///
    /// # Errors
    /// The file is missing, damaged, or holds something else.
    pub fn read(file: &Path, device: Device) -> Result<Self> {
        let bad = |message: String| Error::Corpus { path: file.to_owned(), message };
        let said = describe_as::<MomentsDescription>(file)?;
        let is_sealed = said.as_ref().is_some_and(|said| said.is_sealed);
        let description = said.map(|said| said.about).unwrap_or_default();
        let whole = is_file_whole(file).map_err(|error| bad(format!("cannot be read ({error})")))?;
        if whole == Some(false) || is_sealed && whole.is_none() {
            let message = "it is damaged: its contents do not have the checksum that it carries; delete it to collect them \
                           anew";
            return Err(bad(message.to_owned()));
        }
        let damaged = |_| bad("not a whole file of second moments; delete it to collect them anew".to_owned());
        let read = Tensor::read_safetensors(file).map_err(|error| shortage_or(error, damaged));
        let read = read.doing(|| format!("reading {}", file.display()))?;
        let (mut means, mut checks) = (BTreeMap::new(), BTreeMap::new());
        let mut tokens = 0;
        for (name, tensor) in read {
            if name == "tokens" {
                tokens = tensor.f_reshape([-1])?.f_int64_value(&[0])? as u64;
            } else if let Some((layer, kind)) = name.strip_prefix("layer").and_then(|rest| rest.split_once('.')) {
                let layer = layer.parse().map_err(|_| bad(format!("unknown entry `{name}`")))?;
                match kind {
                    "mom2" => means.insert(layer, tensor.f_to_device(device)?),
                    "check" => checks.insert(layer, tensor.f_to_device(device)?),
                    _ => None,
                };
            }
        }
        if means.is_empty() {
            return Err(bad("it holds no second moment; delete it to collect them anew".to_owned()));
        }
        let moments = Self::from_means(means, tokens).map_err(|error| match error {
            Error::Request(message) => bad(message),
            other => other,
        })?;
        Ok(Self { is_sealed, ..moments.described(description, checks) })
    }
}

fn missing(layer: usize) -> Error {
    Error::Request(format!("there is no second moment for layer {layer}; collect it before the edit"))
}

/// The Cholesky factor, with the least ridge out of a few that makes the matrix positive definite beyond rounding.
fn factor(layer: usize, mean: &Tensor) -> Result<Factor> {
    let wide = mean.f_to_kind(Kind::Double)?;
    let mean = wide.f_diag(0)?.f_mean(Kind::Double)?.f_double_value(&[])?;
    let scale = if mean > 0.0 { mean } else { 1.0 };
    let identity = Tensor::f_eye(wide.size()[0], (Kind::Double, wide.device()))?;
    for share in RIDGES {
        let ridge = share * scale;
        let candidate = if ridge > 0.0 { wide.f_add(&identity.f_mul_scalar(ridge)?)? } else { wide.shallow_clone() };
        let (lower, info) = candidate.f_linalg_cholesky_ex(false, false)?;
        let pivot = lower.f_diag(0)?.f_min()?.f_double_value(&[])?;
        if info.f_int64_value(&[])? == 0 && pivot * pivot > SMALLEST_PIVOT * scale {
            return Ok(Factor { lower, ridge });
        }
    }
    Err(Error::Request(format!(
        "the second moment of layer {layer} is not positive semi-definite; check it by `locus stats verify`"
    )))
}

#[cfg(test)]
mod tests {
    use super::SecondMoments;
    use std::collections::BTreeMap;
    use tch::{Device, Kind, Tensor};

    #[test]
    fn every_flipped_bit_of_a_kept_file_is_refused_by_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("kept.safetensors");
        let means = BTreeMap::from([(0, Tensor::rand([2, 2], (Kind::Float, Device::Cpu)))]);
        SecondMoments::from_means(means, 7).expect("moments").write(&file).expect("written");
        let mut whole = std::fs::read(&file).expect("the file");
        let read = SecondMoments::read(&file, Device::Cpu).expect("whole");
        assert!(read.is_sealed && read.tokens == 7);
        for place in 0..whole.len() {
            for bit in 0..8 {
                whole[place] ^= 1 << bit;
                std::fs::write(&file, &whole).expect("written");
                let error = SecondMoments::read(&file, Device::Cpu).map(|_| ()).expect_err("refused").to_string();
                assert!(error.contains("kept.safetensors"), "byte {place}, bit {bit}: {error}");
                whole[place] ^= 1 << bit;
            }
        }
    }
}
