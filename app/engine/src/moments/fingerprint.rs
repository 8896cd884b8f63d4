//! What tells models and corpora apart.

use crate::error::Result;
use crate::hex;
use crate::model::Model;
use sha2::{Digest, Sha256};
use tch::{Device, Kind, Tensor};

/// Values per tensor that enter a model's fingerprint.
const SAMPLED: i64 = 1024;

/// Says which weights a model has: names, shapes and a sample of the values of every tensor. Computed once a model, since its
/// weights are never written to.
///
/// # Errors
/// Those of libtorch.
pub fn fingerprint(model: &Model) -> Result<String> {
    if let Some(known) = model.fingerprint.get() {
        return Ok(known.clone());
    }
    let computed = compute(model)?;
    Ok(model.fingerprint.get_or_init(|| computed).clone())
}

fn compute(model: &Model) -> Result<String> {
    let _guard = tch::no_grad_guard();
    let mut hash = Sha256::new();
    hash.update(format!("{}{:?}", model.architecture.signature(), model.kind));
    for (name, tensor) in model.parameters() {
        hash.update(format!("{name}{:?}", tensor.size()));
        let flat = tensor.f_reshape([-1])?;
        let step = (flat.numel() as i64 / SAMPLED).max(1);
        let sample: Tensor = flat.f_slice(0, 0, None, step)?.f_to_kind(Kind::Float)?.f_to_device(Device::Cpu)?;
        for value in Vec::<f32>::try_from(sample)? {
            hash.update(value.to_le_bytes());
        }
    }
    Ok(hex(&hash.finalize()))
}

/// SHA-256 of a text, as hexadecimal.
pub(super) fn hash_of(text: &str) -> String {
    hex(&Sha256::digest(text))
}
