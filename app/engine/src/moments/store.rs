//! Second moments at hand: on disk, and factored for solves.

use super::collect::hex;
use crate::error::{Error, Result};
use crate::model::Model;
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use tch::{Device, Kind, Tensor};

/// Values per tensor that enter a model's fingerprint.
const SAMPLED: i64 = 1024;

/// Second moments by layer.
#[derive(Debug)]
pub struct SecondMoments {
    /// `E[k kᵀ]` by layer, `[inner, inner]` in float32 or float64.
    means: BTreeMap<usize, Tensor>,
    /// Tokens they were collected over.
    pub tokens: u64,
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
            if size.len() != 2 || size[0] != size[1] || mean.isfinite().all().int64_value(&[]) == 0 {
                let message =
                    format!("the second moment of layer {layer} is not a finite square matrix; collect it anew");
                return Err(Error::Request(message));
            }
        }
        Ok(Self { means, tokens, factors: RefCell::default() })
    }

    /// The mean of one layer.
    #[must_use]
    pub fn mean(&self, layer: usize) -> Option<&Tensor> {
        self.means.get(&layer)
    }

    /// Keys that never fire in the corpus: rows of zeros.
    #[must_use]
    pub fn dead_keys(&self, layer: usize) -> i64 {
        self.means.get(&layer).map_or(0, |mean| mean.diag(0).eq(0.0).sum(Kind::Int64).int64_value(&[]))
    }

    /// `C⁻¹ k` for each row of `keys` `[n, inner]`, solved in float64 by a Cholesky factor that is kept. Where the
    /// corpus left `C` singular (keys that never fire), the smallest ridge that helps is put on its diagonal.
    ///
    /// # Errors
    /// No second moment for the layer; keys of another width; a matrix that no ridge helps.
    pub fn solve(&self, layer: usize, keys: &Tensor) -> Result<Tensor> {
        let _guard = tch::no_grad_guard();
        let mean = self.means.get(&layer).ok_or_else(|| {
            Error::Request(format!("there is no second moment for layer {layer}; collect it before the edit"))
        })?;
        let size = keys.size();
        if size.len() != 2 || size[1] != mean.size()[0] {
            let message = format!("keys of shape {size:?} do not fit a second moment of width {}", mean.size()[0]);
            return Err(Error::Request(message));
        }
        let mut factors = self.factors.borrow_mut();
        let factor = match factors.entry(layer) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => entry.insert(factor(layer, mean)?),
        };
        let right = keys.to_kind(Kind::Double).tr();
        Ok(right.f_cholesky_solve(&factor.lower, false)?.tr().to_kind(keys.kind()))
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
        let failed = |source| Error::Write { path: file.to_owned(), source };
        let parent = file.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(parent).map_err(failed)?;
        let tokens = Tensor::from_slice(&[self.tokens as i64]);
        let cpu: Vec<(String, Tensor)> = self
            .means
            .iter()
            .map(|(layer, mean)| (format!("layer{layer}.mom2"), mean.to_device(Device::Cpu).contiguous()))
            .chain([("tokens".to_owned(), tokens)])
            .collect();
        let partial = file.with_extension(format!("partial.{}", std::process::id()));
        Tensor::write_safetensors(&cpu, &partial)?;
        std::fs::rename(&partial, file).map_err(failed)
    }

    /// Reads what [`Self::write`] wrote.
    ///
    /// # Errors
    /// The file is missing, damaged, or holds something else.
    pub fn read(file: &Path, device: Device) -> Result<Self> {
        let bad = |message: String| Error::Weights { path: file.to_owned(), message };
        let read = Tensor::read_safetensors(file)
            .map_err(|_| bad("not a whole file of second moments; delete it to collect them anew".to_owned()))?;
        let mut means = BTreeMap::new();
        let mut tokens = 0;
        for (name, tensor) in read {
            if name == "tokens" {
                tokens = tensor.int64_value(&[0]) as u64;
            } else if let Some(layer) = name.strip_prefix("layer").and_then(|rest| rest.strip_suffix(".mom2")) {
                let layer = layer.parse().map_err(|_| bad(format!("unknown entry `{name}`")))?;
                means.insert(layer, tensor.to_device(device));
            }
        }
        if means.is_empty() {
            return Err(bad("it holds no second moment; delete it to collect them anew".to_owned()));
        }
        Self::from_means(means, tokens)
    }
}

/// The Cholesky factor, with the least ridge out of a few that makes the matrix positive definite.
fn factor(layer: usize, mean: &Tensor) -> Result<Factor> {
    let wide = mean.to_kind(Kind::Double);
    let scale = wide.diag(0).mean(Kind::Double).double_value(&[]);
    let identity = Tensor::eye(wide.size()[0], (Kind::Double, wide.device()));
    for share in [0.0, 1e-10, 1e-8, 1e-6, 1e-4, 1e-2] {
        let ridge = share * scale;
        let candidate = if ridge > 0.0 { &wide + &identity * ridge } else { wide.shallow_clone() };
        let (lower, info) = candidate.f_linalg_cholesky_ex(false, false)?;
        if info.int64_value(&[]) == 0 && lower.isfinite().all().int64_value(&[]) == 1 {
            return Ok(Factor { lower, ridge });
        }
    }
    Err(Error::Request(format!("the second moment of layer {layer} cannot be inverted; collect over more text")))
}

/// Says which weights a model has: names, shapes and a sample of the values of every tensor.
#[must_use]
pub fn fingerprint(model: &Model) -> String {
    let _guard = tch::no_grad_guard();
    let mut hash = Sha256::new();
    hash.update(format!("{:?}{:?}", model.architecture, model.kind));
    for (name, tensor) in model.parameters() {
        hash.update(format!("{name}{:?}", tensor.size()));
        let flat = tensor.reshape([-1]);
        let step = (flat.numel() as i64 / SAMPLED).max(1);
        let sample = flat.slice(0, 0, None, step).to_kind(Kind::Float).to_device(Device::Cpu);
        for value in Vec::<f32>::try_from(sample).unwrap_or_default() {
            hash.update(value.to_le_bytes());
        }
    }
    hex(&hash.finalize())
}
