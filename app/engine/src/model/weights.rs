//! Reads the tensors of a checkpoint, single or sharded, in the wanted number format.

use super::architecture::{Architecture, LearnedPositions, Norm};
use super::checkpoint::{Stored, Stores};
use super::layers::{Normalisation, Projection};
use crate::error::{Doing, Error, Result};
use crate::number_formats::number_format;
use crate::room::room;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tch::{Device, Kind, Tensor};

/// All tensors of a checkpoint by name, widened to `kind` on `device`.
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

/// How much of a checkpoint has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadSoFar {
    /// Bytes of the files read so far.
    pub done: u64,
    /// Bytes of all files.
    pub total: u64,
}

impl Weights {
    /// Reads all tensors of `stores`, and tells `listen` after each file. Those in `read` are what the decoder reads; they
    /// are checked to be finite.
    pub fn read(
        folder: &Path,
        prefix: &str,
        stores: &Stores,
        read: BTreeSet<String>,
        (kind, device): (Kind, Device),
        listen: &mut dyn FnMut(ReadSoFar) -> Result<()>,
    ) -> Result<Self> {
        let mut files: BTreeMap<&Path, Vec<(&String, &Stored)>> = BTreeMap::new();
        for (name, stored) in stores {
            files.entry(&stored.file).or_default().push((name, stored));
        }
        let size = |file: &Path| std::fs::metadata(file).map_or(0, |metadata| metadata.len());
        let mut reading = ReadSoFar { done: 0, total: files.keys().map(|file| size(file)).sum() };
        listen(reading)?;
        let mut tensors = HashMap::new();
        for (file, mut held) in files {
            held.sort_by_key(|(_, stored)| stored.bytes.start);
            let mut opened = locus_files::open(file).map_err(|source| Error::Read { path: file.to_owned(), source })?;
            for (name, stored) in held {
                let raw = tensor(&mut opened, file, stored)?;
                let converted = raw.f_to_kind(kind)?.f_to_device(device)?;
                if read.contains(name) {
                    finite(name, &converted, &raw, file)?;
                }
                tensors.insert(name.clone(), converted);
            }
            reading.done += size(file);
            listen(reading)?;
        }
        let about = About { folder: folder.to_owned(), prefix: prefix.to_owned(), read, tied: None };
        Ok(Self { tensors, about: Arc::new(about) })
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
                let message =
                    format!("parameter `{name}` is stored and never read; a change of it would change nothing");
                return Err(Error::Request(message));
            }
            let both = self.about.tied.as_ref().filter(|pair| pair.iter().any(|one| one == stored));
            let names = both.map_or_else(|| vec![stored], |pair| pair.iter().map(String::as_str).collect());
            let slot = self.get(stored)?;
            if slot.size() != value.size() {
                let (wanted, given) = (slot.size(), value.size());
                return Err(Error::Request(format!("parameter `{name}` has shape {wanted:?}, not {given:?}")));
            }
            let value = value.f_to_kind(slot.kind())?;
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

    /// The projection `name`.
    pub fn projection(&self, name: &str, input_first: bool, biased: bool) -> Result<Projection> {
        Ok(Projection {
            weight: self.get(&format!("{name}.weight"))?,
            bias: biased.then(|| self.get(&format!("{name}.bias"))).transpose()?,
            input_first,
        })
    }

    /// The norm `name`.
    pub fn norm(&self, name: &str, architecture: &Architecture) -> Result<Normalisation> {
        let biased = architecture.norm == Norm::Layer;
        Ok(Normalisation {
            kind: architecture.norm,
            weight: self.get(&format!("{name}.weight"))?,
            bias: biased.then(|| self.get(&format!("{name}.bias"))).transpose()?,
            epsilon: architecture.norm_epsilon,
        })
    }
}

/// Reads one tensor as it is stored.
fn tensor(file: &mut File, path: &Path, stored: &Stored) -> Result<Tensor> {
    let unreadable = |source| Error::Read { path: path.to_owned(), source };
    let length = usize::try_from(stored.bytes.end - stored.bytes.start).unwrap_or(usize::MAX);
    let reading = || format!("reading {}", path.display());
    let mut bytes = room(length).doing(reading)?;
    file.seek(SeekFrom::Start(stored.bytes.start)).map_err(unreadable)?;
    file.take(length as u64).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() != length {
        return Err(unreadable(std::io::Error::from(std::io::ErrorKind::UnexpectedEof)));
    }
    let kind = stored.kind().ok_or_else(|| unreadable(std::io::Error::from(std::io::ErrorKind::Unsupported)))?;
    Tensor::f_from_data_size(&bytes, &stored.shape, kind).doing(reading)
}

/// Whether all numbers are finite, in the file and in the number format of the model.
fn finite(name: &str, converted: &Tensor, raw: &Tensor, file: &Path) -> Result<()> {
    let is = |tensor: &Tensor| -> Result<bool> {
        let (low, high) = tensor.f_aminmax(None::<i64>, false)?;
        Ok(low.f_double_value(&[])?.is_finite() && high.f_double_value(&[])?.is_finite())
    };
    if is(converted)? {
        return Ok(());
    }
    let message = if is(raw)? {
        format!(
            "tensor `{name}` holds numbers that {} cannot hold; choose float32 or bfloat16",
            number_format(converted.kind())
        )
    } else {
        format!("tensor `{name}` holds numbers that are not finite (NaN or infinite); copy the checkpoint again")
    };
    Err(Error::Weights { path: file.to_owned(), message })
}
