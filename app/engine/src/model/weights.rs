//! Reads the tensors of a checkpoint, single or sharded, in the wanted number format.

use super::architecture::{Architecture, LearnedPositions};
use super::layers::{Normalisation, Projection};
use crate::error::{Error, Result};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use tch::{Device, Kind, Tensor};

/// All tensors of a checkpoint by name, widened to `kind` on `device`.
#[derive(Debug)]
pub struct Weights {
    folder: PathBuf,
    tensors: HashMap<String, Tensor>,
}

/// How much of a checkpoint has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Bytes of the files read so far.
    pub done: u64,
    /// Bytes of all files.
    pub total: u64,
}

impl Weights {
    /// Reads every `*.safetensors` of `folder` and tells `listen` after each file.
    pub fn read(
        folder: &Path,
        kind: Kind,
        device: Device,
        listen: &mut dyn FnMut(Reading) -> Result<()>,
    ) -> Result<Self> {
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
        let size = |file: &PathBuf| std::fs::metadata(file).map_or(0, |metadata| metadata.len());
        let mut reading = Reading { done: 0, total: files.iter().map(size).sum() };
        listen(reading)?;
        let mut tensors = HashMap::new();
        for file in files {
            let read = Tensor::read_safetensors(&file).map_err(|error| Error::Weights {
                path: file.clone(),
                message: format!("not a whole safetensors file ({}); copy it again", first_line(&error)),
            })?;
            for (name, tensor) in read {
                tensors.insert(name, tensor.f_to_kind(kind)?.f_to_device(device)?);
            }
            reading.done += size(&file);
            listen(reading)?;
        }
        Ok(Self { folder: folder.to_owned(), tensors })
    }

    /// The tensor `name`, also where the checkpoint leaves out the model prefix (`transformer.`).
    pub fn find(&self, name: &str) -> Option<Tensor> {
        self.tensors.get(self.stored_name(name)?).map(Tensor::shallow_clone)
    }

    /// The name under which the checkpoint stores `name`.
    fn stored_name<'a>(&self, name: &'a str) -> Option<&'a str> {
        let short = name.split_once('.').map(|(_, rest)| rest);
        [Some(name), short].into_iter().flatten().find(|name| self.tensors.contains_key(*name))
    }

    /// The same weights with some in other values; all others are shared.
    pub fn with(&self, replacements: &[(String, Tensor)]) -> Result<Self> {
        let mut tensors: HashMap<String, Tensor> =
            self.tensors.iter().map(|(name, tensor)| (name.clone(), tensor.shallow_clone())).collect();
        for (name, value) in replacements {
            let slot =
                self.stored_name(name).and_then(|name| tensors.get_mut(name)).ok_or_else(|| self.missing(name))?;
            if slot.size() != value.size() {
                let (wanted, given) = (slot.size(), value.size());
                return Err(Error::Request(format!("parameter `{name}` has shape {wanted:?}, not {given:?}")));
            }
            *slot = value.f_to_kind(slot.kind())?;
        }
        Ok(Self { folder: self.folder.clone(), tensors })
    }

    /// Number of all entries of all tensors.
    pub fn parameters(&self) -> u64 {
        self.tensors.values().map(|tensor| tensor.numel() as u64).sum()
    }

    /// All tensors by the names of the checkpoint, in order.
    pub fn all(&self) -> Vec<(String, Tensor)> {
        let mut all: Vec<_> =
            self.tensors.iter().map(|(name, tensor)| (name.clone(), tensor.shallow_clone())).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }

    fn missing(&self, name: &str) -> Error {
        Error::Weights {
            path: self.folder.clone(),
            message: format!("tensor `{name}` is missing; the checkpoint does not match its config.json"),
        }
    }

    /// Like [`Self::find`], with a complaint.
    pub fn get(&self, name: &str) -> Result<Tensor> {
        self.find(name).ok_or_else(|| self.missing(name))
    }

    /// A table of learned positions, `[positions, hidden]`, from the row of position 0 on.
    ///
    /// # Errors
    /// It is missing, or too short for `context` positions.
    pub fn positions(&self, table: &LearnedPositions, context: i64) -> Result<Tensor> {
        let name = format!("{}.weight", table.name);
        let rows = self.get(&name)?;
        let positions = rows.size()[0] - table.first_row;
        if positions < context {
            let message = format!(
                "tensor `{name}` has rows for {positions} positions and config.json promises {context}; the checkpoint does \
                 not match its config.json"
            );
            return Err(Error::Weights { path: self.folder.clone(), message });
        }
        Ok(rows.f_narrow(0, table.first_row, positions)?)
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
