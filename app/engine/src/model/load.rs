//! Loads a model: configuration, files, names, shapes and number formats are checked against each other before anything
//! large is read, and everything before anything is run.

use super::architecture::Architecture;
use super::checkpoint::{Files, Stores, check, refusal, resolve, unpacked};
use super::config::are_packed;
use super::decoder::Rotaries;
use super::places::Places;
use super::streamed::PIECE;
use super::weights::{ReadSoFar, Weights};
use super::{Model, Tokenizer, end_of_text, experts, families};
use crate::error::{Doing, Error, Result};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tch::{Device, Kind};

/// Bytes of a JSON file of a checkpoint, at most.
pub(super) const LARGEST: u64 = 256 << 20;

/// A checkpoint whose configuration, tokenizer and headers fit each other. None of its weights is read yet.
#[derive(Debug)]
pub struct Checkpoint {
    pub folder: PathBuf,
    architecture: Architecture,
    tokenizer: Tokenizer,
    /// The tensors that are stored.
    stores: Stores,
    /// Names of those that the decoder reads, as they are stored.
    read: BTreeSet<String>,
    /// An unembedding that serves where it differs from the token embedding.
    compare: Option<String>,
    /// What is to be told.
    notes: Vec<String>,
}

impl Model {
    /// Reads a Hugging Face folder: `config.json`, `tokenizer.json`, and the weights that `model.safetensors.index.json`
    /// names, or else those in `model.safetensors`, or else those in PyTorch's `pytorch_model.bin`, likewise.
    ///
    /// # Errors
    /// A missing or damaged file, an unknown architecture, a field that cannot be honored, a tensor that is missing, of
    /// another shape or not finite.
    pub fn load(folder: &Path, device: Device, kind: Kind) -> Result<Self> {
        Checkpoint::look(folder)?.load(device, kind, &mut |_| Ok(()))
    }
}

impl Checkpoint {
    /// Looks at a folder: everything that can be wrong with it but the numbers of its weights.
    ///
    /// # Errors
    /// Those of [`Model::load`].
    pub fn look(folder: &Path) -> Result<Self> {
        if let Some(refusal) = refusal(folder) {
            return Err(refusal);
        }
        let path = folder.join("config.json");
        let config = json(&path)?;
        let bad = |message: String| Error::Config { path: path.clone(), message };
        let (architecture, mut notes) = families::describe(&config).map_err(bad)?;
        let files = Files::find(folder)?;
        let (mut stores, told) = files.stores()?;
        let weights_error = |message: String| Error::Weights { path: folder.to_owned(), message };
        if are_packed(&config) {
            let count = unpacked(&mut stores).map_err(weights_error)?;
            notes.extend((count > 0).then(|| {
                format!(
                    "{count} tensors of experts are stored in MXFP4, four bits a number: they are unpacked as they are read, \
                     and kept and written in the number format of the run"
                )
            }));
        }
        let architecture = families::placed(architecture, |name| stores.contains_key(name));
        let mut architecture = experts::as_stored(architecture, |name| stores.contains_key(name));
        notes.extend(files.notes.iter().cloned().chain(told));
        let resolved = resolve(&mut architecture, &stores).map_err(weights_error)?;
        let (read, told) = check(&architecture, &stores, folder)?;
        notes.extend(resolved.notes.into_iter().chain(told));
        let mut tokenizer = Tokenizer::read(folder)?;
        notes.extend(tokenizer.notes().iter().cloned());
        let (ends, told) = end_of_text::read(folder, &config, &tokenizer)?;
        notes.extend(told);
        notes.extend(tokenizer.suit(architecture.vocabulary, ends));
        let (folder, compare) = (folder.to_owned(), resolved.compare);
        Ok(Self { folder, architecture, tokenizer, stores, read, compare, notes })
    }

    /// Bytes that its weights take in memory in a number format, with what reading them piece by piece takes besides.
    #[must_use]
    pub fn bytes(&self, kind: Kind) -> u64 {
        let kept = self.stores.values().map(|stored| stored.bytes_in(kind));
        // the bytes of a piece, the tensor that is made of them, and what it is converted to
        kept.fold(3 * PIECE as u64, u64::saturating_add)
    }

    /// Lays the layers over some devices by how much is free on each, in bytes; the first holds everything else as well.
    /// Where that is known of none of them, or they are one memory, as many layers go on each.
    #[must_use]
    pub fn lay(&self, devices: &[(Device, Option<u64>)], kind: Kind) -> Places {
        if let [(device, _)] = devices {
            return Places::one(*device, kind);
        }
        let is_known = devices.iter().all(|(device, free)| device.is_cuda() && free.is_some());
        let outside = self.stores.iter().filter(|(name, _)| layer_of(&self.architecture, name).is_none());
        let mut outside = Some(outside.map(|(_, stored)| stored.bytes_in(kind)).fold(0, u64::saturating_add));
        let room = |&(device, free): &(Device, Option<u64>)| match (is_known, free) {
            (true, Some(free)) => (device, free.saturating_sub(outside.take().unwrap_or(0))),
            _ => (device, 0),
        };
        Places::over(&devices.iter().map(room).collect::<Vec<_>>(), self.architecture.layers, kind)
    }

    /// Reads the weights; `listen` hears of every piece of a tensor and can stop the reading by an error.
    ///
    /// # Errors
    /// A tensor that cannot be read or is not finite, and what `listen` returns.
    pub fn load(self, device: Device, kind: Kind, listen: &mut dyn FnMut(ReadSoFar) -> Result<()>) -> Result<Model> {
        self.load_at(Places::one(device, kind), listen)
    }

    /// The same, with each layer at its place.
    ///
    /// # Errors
    /// Those of [`Self::load`].
    pub fn load_at(self, places: Places, listen: &mut dyn FnMut(ReadSoFar) -> Result<()>) -> Result<Model> {
        let Self { folder, mut architecture, tokenizer, stores, read, compare, mut notes } = self;
        let to = |name: &str| layer_of(&architecture, name).map_or(places.home, |layer| places.of(layer));
        let mut weights = Weights::read(&folder, architecture.prefix(), &stores, read, &to, listen)?;
        if let Some(name) = compare {
            let (embedding, head) = (format!("{}.weight", architecture.token_embedding), format!("{name}.weight"));
            if weights.equal(&embedding, &head)? {
                weights = weights.tied(&embedding, &head)?;
                architecture.head.stored = None;
            } else {
                notes.push(format!(
                    "config.json says that the unembedding is tied to the token embedding, and another `{head}` is stored: \
                     the stored one serves, as in transformers"
                ));
            }
        }
        let rotaries = Rotaries::new(&architecture, places.home.device);
        let rotaries = rotaries.doing(|| "computing the rotary frequencies".to_owned())?;
        let mut model = Model::assemble(Arc::new(architecture), Arc::new(tokenizer), weights, rotaries, places)?;
        model.notes = notes;
        Ok(model)
    }
}

impl Model {
    /// Whether `parameter` is the token embedding and serves as unembedding as well, so that a change of it changes both.
    #[must_use]
    pub fn is_tied(&self, parameter: &str) -> bool {
        let architecture = &self.architecture;
        let embedding = format!("{}.weight", architecture.token_embedding);
        let named = |name: &&str| parameter.strip_suffix(".weight") == Some(*name);
        architecture.head.stored.is_none()
            && (parameter == embedding
                || embedding.strip_prefix(architecture.prefix()) == Some(parameter)
                || architecture.head.names.iter().any(named))
    }
}

/// The layer that a parameter of the checkpoint is of, whichever of its names it is given; `None` for one outside of the
/// layers.
fn layer_of(architecture: &Architecture, parameter: &str) -> Option<usize> {
    let whole = architecture.blocks_begin_with();
    let short = whole.strip_prefix(architecture.prefix()).unwrap_or(whole);
    let rest = [whole, short].into_iter().find_map(|begin| parameter.strip_prefix(begin))?;
    rest.split('.').next()?.parse().ok().filter(|layer| *layer < architecture.layers)
}

/// A JSON file of the folder.
pub(super) fn json(path: &Path) -> Result<Value> {
    let text = locus_files::text(path, LARGEST).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    parsed(path, &text)
}

/// A JSON file that a folder may lack; only one that is not there counts as lacking.
///
/// # Errors
/// It is there and cannot be read, or its contents are invalid.
pub(super) fn json_if_there<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    match locus_files::text(path, LARGEST) {
        Ok(text) => {
            // a list would be taken for the fields of a structure in their order
            let object: Map<String, Value> = parsed(path, &text)?;
            serde_json::from_value(Value::Object(object)).map(Some).map_err(|error| unreadable(path, &error))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => {
            Err(Error::Config { path: path.to_owned(), message: format!("cannot be read ({error}); fix or remove it") })
        }
    }
}

fn parsed<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &serde_json::Error) -> Error {
    let what = if error.is_data() { "its contents are invalid" } else { "not valid JSON" };
    Error::Config { path: path.to_owned(), message: format!("{what}: {error}; copy it from the checkpoint again") }
}
