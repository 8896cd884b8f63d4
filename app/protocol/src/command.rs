//! What the engine can be told.

use crate::event::JobId;
use crate::{Fact, SecondMomentsTask};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::path::PathBuf;

/// An order to the engine. Cancelling is not one: it is a flag that the engine looks at in every step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case")]
pub enum Command {
    /// Loads a model with its facts.
    Load {
        /// Number of the job.
        job: JobId,
        /// Where it is.
        source: ModelSource,
    },
    /// Asks for the most probable next tokens of a prompt, and where its subject lies. A newer request
    /// replaces an older one that waits.
    Predict {
        /// The fact whose prompt is asked.
        fact: Fact,
    },
    /// Traces a fact.
    Trace {
        /// Number of the job.
        job: JobId,
        /// What and how.
        order: TraceOrder,
    },
    /// Edits a fact.
    Edit {
        /// Number of the job.
        job: JobId,
        /// What and how.
        order: EditOrder,
    },
    /// Takes the last edit back.
    Undo,
    /// Takes one edit back, whatever came after it.
    UndoOne {
        /// Its number, see [`crate::EditInPlace`].
        edit: u64,
    },
    /// Puts the edit that was taken back last on again.
    Redo,
    /// Writes what the edits in place make.
    Save {
        /// Number of the job.
        job: JobId,
        /// What, and where.
        target: SaveTarget,
    },
    /// Collects, checks, imports or exports second moments of the unedited model.
    SecondMoments {
        /// Number of the job.
        job: JobId,
        /// What to do.
        task: SecondMomentsTask,
    },
    /// Ends the engine.
    Quit,
}

/// What is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SaveTarget {
    /// The changes of all edits in place, as one safetensors file.
    Deltas(PathBuf),
    /// The edited model as a folder in the layout of Hugging Face.
    Model(PathBuf),
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

/// Which activation is restored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TraceKind {
    /// The residual stream after one block.
    #[default]
    Hidden,
    /// The MLP's output in a window of layers.
    Mlp,
    /// Attention's output in a window of layers.
    Attention,
}

/// What to trace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TraceOrder {
    /// The fact; its true target's probability is traced.
    pub fact: Fact,
    /// What is restored.
    pub kind: TraceKind,
    /// Layers of a window, for MLP and attention.
    pub window: usize,
    /// Noised copies.
    pub samples: usize,
    /// Standard deviations of the subjects' embeddings that the noise has.
    pub noise_deviations: f64,
    /// A constant noise level, instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise_level: Option<f64>,
    /// A safetensors file whose tensor `noise` `[samples, subject tokens, hidden]` is the noise, unscaled, instead of drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise_file: Option<PathBuf>,
    /// Seed of the noise.
    pub seed: u32,
}

impl TraceOrder {
    /// The published settings for a fact: hidden states, ten samples, three standard deviations, seed 1.
    #[must_use]
    pub fn new(fact: Fact, kind: TraceKind) -> Self {
        let window = if kind == TraceKind::Hidden { 1 } else { 3 };
        Self { fact, kind, window, samples: 10, noise_deviations: 3.0, noise_level: None, noise_file: None, seed: 1 }
    }
}

/// What to edit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EditOrder {
    /// The fact.
    pub fact: Fact,
    /// Id of the method's plugin.
    pub method: String,
    /// Id of the objective's plugin.
    pub objective: String,
    /// Layers to edit; empty leaves it to the method.
    #[serde(default)]
    pub layers: Vec<usize>,
    /// The method's hyperparameters that differ from their defaults.
    #[serde(default)]
    pub method_settings: Map<String, Value>,
    /// The objective's hyperparameters that differ from their defaults.
    #[serde(default)]
    pub objective_settings: Map<String, Value>,
    /// Seed of everything random.
    #[serde(default)]
    pub seed: u64,
    /// Further facts that are edited together with the first, by a method that takes many.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more: Vec<Fact>,
}

impl EditOrder {
    /// All facts, the first first.
    pub fn facts(&self) -> impl Iterator<Item = &Fact> {
        std::iter::once(&self.fact).chain(&self.more)
    }
}
