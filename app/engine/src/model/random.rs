//! A model with random weights, for measurements that do not depend on them.

use super::checkpoint::shapes;
use super::decoder::Rotaries;
use super::places::Places;
use super::weights::Weights;
use super::{Model, Tokenizer, families};
use crate::error::{Doing, Error, Result};
use serde_json::Value;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use tch::{Device, Kind, Tensor};

/// Standard deviation of a weight.
const DEVIATION: f64 = 0.02;

impl Model {
    /// A model as a `config.json` describes it, with weights that are drawn on the device. No two such models are told
    /// apart: nothing is to be kept of them.
    ///
    /// # Errors
    /// The configuration cannot be run; the device has no room.
    pub fn random(config: &Value, tokenizer: Arc<Tokenizer>, device: Device, kind: Kind) -> Result<Self> {
        let bad = |message: String| Error::Config { path: PathBuf::from("config.json"), message };
        let (mut architecture, notes) = families::describe(config).map_err(bad)?;
        if !architecture.head.tied {
            architecture.head.stored = architecture.head.names.first().map(|name| (*name).to_owned());
        }
        let mut tensors = HashMap::new();
        for (name, shape) in shapes(&architecture) {
            let making = || format!("initializing `{name}` at random");
            let mut tensor = Tensor::f_empty(&shape, (kind, device)).doing(making)?;
            let tensor = match (shape.len(), name.ends_with(".bias")) {
                (1, true) => tensor.f_zero_(),
                (1, false) => tensor.f_fill_(1.0),
                _ => tensor.f_normal_(0.0, DEVIATION),
            };
            let tensor = tensor.doing(making)?;
            tensors.insert(name, tensor);
        }
        let rotaries = Rotaries::new(&architecture, device)?;
        let (weights, places) = (Weights::held(architecture.prefix(), tensors), Places::one(device, kind));
        let mut model = Self::assemble(Arc::new(architecture), tokenizer, weights, rotaries, places)?;
        model.notes = notes;
        // hashing billions of random numbers would tell nobody anything
        let _ = model.fingerprint.set("random".to_owned());
        Ok(model)
    }
}
