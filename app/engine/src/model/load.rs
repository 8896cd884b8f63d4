//! Loads a model: configuration, files, names, shapes and number formats are checked against each other before anything
//! large is read, and everything before anything is run.

use super::checkpoint::{Files, check, resolve};
use super::rotary::RotaryTable;
use super::weights::{Reading, Weights};
use super::{Model, Tokenizer, end_of_text, families};
use crate::error::{Doing, Error, Result};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use tch::{Device, Kind};

/// Bytes of a JSON file of a checkpoint, at most.
pub(super) const LARGEST: u64 = 256 << 20;

impl Model {
    /// Reads a Hugging Face folder: `config.json`, `tokenizer.json`, and the weights that `model.safetensors.index.json`
    /// names or else `model.safetensors`.
    ///
    /// # Errors
    /// A missing or damaged file, an unknown architecture, a field that cannot be honored, a tensor that is missing, of
    /// another shape or not finite.
    pub fn load(folder: &Path, device: Device, kind: Kind) -> Result<Self> {
        Self::load_listening(folder, device, kind, &mut |_| Ok(()))
    }

    /// Like [`Self::load`]; `listen` hears of every file of weights and can stop the reading by an error.
    ///
    /// # Errors
    /// Those of [`Self::load`], and what `listen` returns.
    pub fn load_listening(
        folder: &Path,
        device: Device,
        kind: Kind,
        listen: &mut dyn FnMut(Reading) -> Result<()>,
    ) -> Result<Self> {
        let path = folder.join("config.json");
        let config = json(&path)?;
        let bad = |message: String| Error::Config { path: path.clone(), message };
        let (mut architecture, mut notes) = families::describe(&config).map_err(bad)?;
        let files = Files::find(folder)?;
        let (stores, told) = files.stores()?;
        notes.extend(files.notes.iter().cloned().chain(told));
        let weights_error = |message: String| Error::Weights { path: folder.to_owned(), message };
        let resolved = resolve(&mut architecture, &stores).map_err(weights_error)?;
        let (read, told) = check(&architecture, &stores, folder)?;
        notes.extend(resolved.notes.into_iter().chain(told));
        let mut tokenizer = Tokenizer::read(folder)?;
        let (ends, told) = end_of_text::read(folder, &config, &tokenizer)?;
        notes.extend(told);
        notes.extend(tokenizer.suit(architecture.vocabulary, ends));
        let mut weights = Weights::read(folder, architecture.prefix(), &stores, read, (kind, device), listen)?;
        if let Some(name) = resolved.compare {
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
        let table = |rotary| RotaryTable::new(rotary, device);
        let rotary = architecture.rotary.as_ref().map(table).transpose();
        let rotary = rotary.doing(|| "making the rotary frequencies".to_owned())?;
        let mut model =
            Self::assemble(Arc::new(architecture), Arc::new(tokenizer), weights, rotary.map(Arc::new), device, kind)?;
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

/// A JSON file of the folder.
fn json(path: &Path) -> Result<Value> {
    let text = locus_files::text(path, LARGEST).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    serde_json::from_str(&text).map_err(|error| Error::Config {
        path: path.to_owned(),
        message: format!("not valid JSON: {error}; copy it from the checkpoint again"),
    })
}
