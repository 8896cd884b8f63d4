//! Whether anybody has written into the weights: libtorch counts every write, so that all of them are looked at after
//! every call of a plugin.

use crate::error::{Error, Result};
use crate::model::Model;
use std::collections::BTreeSet;
use std::path::Path;
use tch::{Device, Tensor};

/// How often each parameter of some models had been written into at one moment.
pub struct Seal(Vec<(String, Tensor, i64)>);

impl Seal {
    /// Of the unedited model and the one with its edits, which share most of their parameters.
    #[must_use]
    pub fn of(models: [&Model; 2]) -> Self {
        let parameters = models.into_iter().flat_map(Model::parameters);
        Self(
            parameters
                .map(|(name, value)| {
                    let count = writes(&value);
                    (name, value, count)
                })
                .collect(),
        )
    }

    /// Names of the parameters that were written into since, each once, in order.
    #[must_use]
    pub fn broken(&self) -> Vec<String> {
        let broken = self.0.iter().filter(|(_, value, count)| writes(value) != *count);
        broken.map(|(name, ..)| name.clone()).collect::<BTreeSet<_>>().into_iter().collect()
    }
}

/// How often a tensor was written into, by whatever shares its storage.
fn writes(tensor: &Tensor) -> i64 {
    tensor.f_internal_version().unwrap_or(-1)
}

/// Puts the bits of the checkpoint in `folder` back into the parameters `names` of the unedited model.
///
/// # Errors
/// The checkpoint cannot be read any more, or is another one.
pub fn put_back(model: &Model, folder: &Path, names: &[String]) -> Result<()> {
    // one device may have no room for what several hold
    let device = if model.places.are_several() { Device::Cpu } else { model.device };
    let stored = Model::load(folder, device, model.kind)?;
    let _guard = tch::no_grad_guard();
    for name in names {
        let missing = || Error::Request(format!("`{name}` cannot be restored; load the model again"));
        let (value, mut now) = (stored.parameter(name), model.parameter(name));
        let (value, now) = value.zip(now.as_mut()).ok_or_else(missing)?;
        now.f_copy_(&value).map_err(|_| missing())?;
    }
    Ok(())
}
