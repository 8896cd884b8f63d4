//! Reads the tensors of a checkpoint, single or sharded, in the wanted number format.

use super::architecture::Architecture;
use super::layers::{Normalisation, Projection};
use crate::error::{Error, Result};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use tch::{Device, Kind, Tensor};

/// All tensors of a checkpoint by name, widened to `kind` on `device`.
pub struct Weights {
    folder: PathBuf,
    tensors: HashMap<String, Tensor>,
}

impl Weights {
    /// Reads every `*.safetensors` of `folder`.
    pub fn read(folder: &Path, kind: Kind, device: Device) -> Result<Self> {
        let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
            .map_err(|source| Error::Read { path: folder.to_owned(), source })?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "safetensors"))
            .collect();
        files.sort();
        if files.is_empty() {
            let message = "the folder holds no *.safetensors file; convert the checkpoint to safetensors".to_owned();
            return Err(Error::Weights { path: folder.to_owned(), message });
        }
        let mut tensors = HashMap::new();
        for file in files {
            let read = Tensor::read_safetensors(&file).map_err(|error| Error::Weights {
                path: file.clone(),
                message: format!("not a whole safetensors file ({}); copy it again", first_line(&error)),
            })?;
            for (name, tensor) in read {
                tensors.insert(name, tensor.to_kind(kind).to_device(device));
            }
        }
        Ok(Self { folder: folder.to_owned(), tensors })
    }

    /// The tensor `name`, also where the checkpoint leaves out the model prefix (`transformer.`).
    pub fn find(&self, name: &str) -> Option<Tensor> {
        let short = name.split_once('.').map(|(_, rest)| rest);
        let found = self.tensors.get(name).or_else(|| self.tensors.get(short?))?;
        Some(found.shallow_clone())
    }

    /// Like [`Self::find`], with a complaint.
    pub fn get(&self, name: &str) -> Result<Tensor> {
        self.find(name).ok_or_else(|| Error::Weights {
            path: self.folder.clone(),
            message: format!("tensor `{name}` is missing; the checkpoint does not match its config.json"),
        })
    }

    /// The projection `name`.
    pub fn projection(&self, name: &str, input_first: bool) -> Result<Projection> {
        Ok(Projection {
            weight: self.get(&format!("{name}.weight"))?,
            bias: self.find(&format!("{name}.bias")),
            input_first,
        })
    }

    /// The norm `name`.
    pub fn norm(&self, name: &str, architecture: &Architecture) -> Result<Normalisation> {
        Ok(Normalisation {
            kind: architecture.norm,
            weight: self.get(&format!("{name}.weight"))?,
            bias: self.find(&format!("{name}.bias")),
            epsilon: architecture.norm_epsilon,
        })
    }
}

/// libtorch errors carry a stack of kilobytes behind their first line.
fn first_line(error: &dyn std::error::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}
