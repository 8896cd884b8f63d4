//! Reads the tensors of a checkpoint, single or sharded, in the wanted number format.

use super::architecture::{Architecture, LearnedPositions, Norm};
use super::checkpoint::{Stored, Stores};
use super::layers::{Normalization, Projection};
use super::places::{Place, across};
use super::streamed::streamed;
use crate::error::{Error, Result};
use locus_allocator::large_blocks_apart;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tch::Tensor;

/// All tensors of a checkpoint by name, each widened to the number format of its place.
#[derive(Debug)]
pub struct Weights {
    tensors: HashMap<String, Tensor>,
    about: Arc<About>,
}

/// What all variants of a checkpoint's weights share.
#[derive(Debug)]
struct About {
    folder: PathBuf,
    /// What names may leave out (`transformer.`).
    prefix: String,
    /// Names of the tensors that the decoder reads, as they are stored.
    read: BTreeSet<String>,
    /// Two stored tensors that are one parameter: the token embedding, and an unembedding that is tied to it.
    tied: Option<[String; 2]>,
}

/// Tensors of so many bytes stand apart in memory from pieces, which come and go: in between, every piece would leave a
/// gap that a tensor nearly fills.
const APART: i32 = 2 << 20;

/// How much of a checkpoint has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadSoFar {
    /// Bytes of tensors read so far.
    pub done: u64,
    /// Bytes of all tensors.
    pub total: u64,
}

impl Weights {
    /// Reads all tensors of `stores` piece by piece into the place that `to` gives by their names, and tells
    /// `listen` after each piece. Those in `read` are what the decoder reads; they are checked to be finite.
    pub fn read(
        folder: &Path,
        prefix: &str,
        stores: &Stores,
        read: BTreeSet<String>,
        to: &dyn Fn(&str) -> Place,
        listen: &mut dyn FnMut(ReadSoFar) -> Result<()>,
    ) -> Result<Self> {
        let mut reading = ReadSoFar { done: 0, total: stores.values().map(Stored::length).sum() };
        listen(reading)?;
        let mut in_order: Vec<(&String, &Stored)> = stores.iter().collect();
        in_order.sort_by_key(|(_, stored)| (&stored.file, stored.bytes.start));
        let mut tensors = HashMap::new();
        let mut read_one = |(name, stored): (&String, &Stored)| -> Result<()> {
            let checked = read.contains(name).then_some(name.as_str());
            let mut hear = |bytes| {
                reading.done += bytes;
                listen(reading)
            };
            tensors.insert(name.clone(), streamed(stored, checked, to(name), &mut hear)?);
            Ok(())
        };
        large_blocks_apart(APART, || in_order.into_iter().try_for_each(&mut read_one))?;
        let about = About { folder: folder.to_owned(), prefix: prefix.to_owned(), read, tied: None };
        Ok(Self { tensors, about: Arc::new(about) })
    }

    /// Weights that no file holds, all of which the decoder reads.
    pub fn held(prefix: &str, tensors: HashMap<String, Tensor>) -> Self {
        let read = tensors.keys().cloned().collect();
        let about = About { folder: PathBuf::new(), prefix: prefix.to_owned(), read, tied: None };
        Self { tensors, about: Arc::new(about) }
    }

    /// Whether the tensors of the parameters `one` and `other` hold the same numbers.
    ///
    /// # Errors
    /// One of them is not there.
    pub fn equal(&self, one: &str, other: &str) -> Result<bool> {
        Ok(self.get(one)?.f_equal(&self.get(other)?)?)
    }

    /// The same weights with the parameters `one` and `other`, which are both stored and equal, taken for one: the tensor
    /// of `one` serves as both, and that of `other` is given back.
    ///
    /// # Errors
    /// One of them is not there.
    pub fn tied(mut self, one: &str, other: &str) -> Result<Self> {
        let name = |name| self.stored_name(name).map(str::to_owned).ok_or_else(|| self.missing(name));
        let pair = [name(one)?, name(other)?];
        let shared = self.get(one)?;
        let About { folder, prefix, read, .. } = &*self.about;
        let (folder, prefix, read) = (folder.clone(), prefix.clone(), read.clone());
        self.tensors.insert(pair[1].clone(), shared);
        Ok(Self { tensors: self.tensors, about: Arc::new(About { folder, prefix, read, tied: Some(pair) }) })
    }

    /// The tensor `name`, also where the checkpoint leaves out the model prefix (`transformer.`).
    pub fn find(&self, name: &str) -> Option<Tensor> {
        self.tensors.get(self.stored_name(name)?).map(Tensor::shallow_clone)
    }

    /// The name under which the checkpoint stores `name`.
    fn stored_name<'a>(&self, name: &'a str) -> Option<&'a str> {
        let short = name.strip_prefix(&self.about.prefix);
        [Some(name), short].into_iter().flatten().find(|name| self.tensors.contains_key(*name))
    }

    /// The same; of two tensors that are one parameter, the name of the token embedding.
    pub fn first_name<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        let stored = self.stored_name(name)?;
        let tied = self.about.tied.as_ref().filter(|pair| pair.iter().any(|one| one == stored));
        Some(tied.map_or(stored, |[embedding, _]| embedding))
    }

    /// The same weights with some in other values; all others are shared.
    pub fn with(&self, replacements: &[(String, Tensor)]) -> Result<Self> {
        let mut tensors: HashMap<String, Tensor> =
            self.tensors.iter().map(|(name, tensor)| (name.clone(), tensor.shallow_clone())).collect();
        let mut changed = BTreeSet::new();
        for (name, value) in replacements {
            let stored = self.stored_name(name).ok_or_else(|| self.missing(name))?;
            if !self.about.read.contains(stored) {
                let message = format!("parameter `{name}` is stored but never read; changing it has no effect");
                return Err(Error::Request(message));
            }
            let both = self.about.tied.as_ref().filter(|pair| pair.iter().any(|one| one == stored));
            let names = both.map_or_else(|| vec![stored], |pair| pair.iter().map(String::as_str).collect());
            let slot = self.get(stored)?;
            if slot.size() != value.size() {
                let (wanted, given) = (slot.size(), value.size());
                return Err(Error::Request(format!("parameter `{name}` has shape {wanted:?}, not {given:?}")));
            }
            let place = Place { device: slot.device(), kind: slot.kind() };
            let value = across(value, place)?.f_to_kind(place.kind)?;
            for stored in names {
                if !changed.insert(stored.to_owned()) {
                    let message = format!("parameter `{name}` is given two values, by two of its names; give one");
                    return Err(Error::Request(message));
                }
                tensors.insert(stored.to_owned(), value.shallow_clone());
            }
        }
        Ok(Self { tensors, about: self.about.clone() })
    }

    /// Number of all entries of the tensors that the decoder reads; two that are one parameter count once.
    pub fn parameters(&self) -> u64 {
        let again = self.about.tied.as_ref().map(|[_, again]| again);
        let counted = self.about.read.iter().filter(|name| Some(*name) != again);
        counted.filter_map(|name| self.tensors.get(name)).map(|tensor| tensor.numel() as u64).sum()
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
            path: self.about.folder.clone(),
            message: format!("tensor `{name}` is missing; the checkpoint does not match its config.json"),
        }
    }

    /// Like [`Self::find`], with a complaint.
    pub fn get(&self, name: &str) -> Result<Tensor> {
        self.find(name).ok_or_else(|| self.missing(name))
    }

    /// A table of learned positions, `[positions, hidden]`, from the row of position 0 on.
    pub fn positions(&self, table: &LearnedPositions) -> Result<Tensor> {
        let rows = self.get(&format!("{}.weight", table.name))?;
        Ok(rows.f_slice(0, table.first_row, None, 1)?)
    }

    pub fn projection(&self, name: &str, input_first: bool, biased: bool) -> Result<Projection> {
        Ok(Projection {
            weight: self.get(&format!("{name}.weight"))?,
            bias: biased.then(|| self.get(&format!("{name}.bias"))).transpose()?,
            input_first,
        })
    }

    pub fn norm(&self, name: &str, architecture: &Architecture) -> Result<Normalization> {
        let biased = architecture.norm == Norm::Layer;
        Ok(Normalization {
            kind: architecture.norm,
            weight: self.get(&format!("{name}.weight"))?,
            bias: biased.then(|| self.get(&format!("{name}.bias"))).transpose()?,
            epsilon: architecture.norm_epsilon,
        })
    }
}
