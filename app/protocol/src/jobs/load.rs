//! Loading a model, and the properties of a loaded one.

use super::{Job, JobKind};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// Where the model is.
    pub source: ModelSource,
}

impl Job for Load {
    fn kind(&self) -> JobKind {
        JobKind::Load
    }

    fn title(&self) -> String {
        match &self.source {
            ModelSource::BuiltIn => "loading the built-in model".to_owned(),
            ModelSource::Folder(folder) => format!("loading {}", folder.display()),
        }
    }
}

/// Where a model comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModelSource {
    /// The one that ships with the program.
    BuiltIn,
    /// A folder in the layout of Hugging Face.
    Folder(PathBuf),
}

/// A device, and why it was chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// `cpu`, `cuda:0`, or several separated by commas.
    pub name: String,
    /// Why this device was chosen, in one line.
    pub reason: String,
}

/// Check that capturing activations does not change the model's output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// The prompt that was run with and without taps.
    pub prompt: String,
    /// Largest absolute difference of a logit.
    pub deviation: f64,
    /// The most probable next token.
    pub answer: String,
}

/// Properties of the model that has been loaded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelReady {
    /// Name of the model for display.
    pub name: String,
    /// `model_type` of its configuration.
    pub family: String,
    /// Number of blocks.
    pub layers: usize,
    /// Width of the residual stream.
    pub hidden: i64,
    /// Width of the MLP key.
    pub inner: i64,
    /// Entries of the vocabulary.
    pub vocabulary: i64,
    pub parameters: u64,
    /// Data type of weights and activations, such as `float32`.
    pub number_format: String,
    /// Identifies these weights in this number format.
    #[serde(default)]
    pub fingerprint: String,
    /// Device that the model runs on, and why.
    pub device: Device,
    /// Whether it computes in the reproducible mode.
    #[serde(default)]
    pub reproducible: bool,
    /// Whether traces see the model as it is.
    pub probe: Probe,
    /// The `case_id` of the fact that its settings file selects first; `None` if it names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_fact: Option<u64>,
}
