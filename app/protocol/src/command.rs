//! What the engine can be told.

use crate::event::JobId;
use crate::{AverageOrder, Fact, Inspect, SecondMomentsTask, TraceOrder};
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
    /// Traces many facts and puts their effects together by token role.
    AverageTraces {
        /// Number of the job.
        job: JobId,
        /// Which, and how.
        order: Box<AverageOrder>,
    },
    /// Edits a fact.
    Edit {
        /// Number of the job.
        job: JobId,
        /// What and how.
        order: EditOrder,
    },
    /// Tries an edit. Its changes are kept under the job's number, and not put in place.
    Try {
        /// Number of the job.
        job: JobId,
        /// What and how.
        order: Box<EditOrder>,
        /// The model that it is tried on.
        #[serde(default)]
        on: TriedOn,
    },
    /// Puts an edit that was tried in place. What was tried on the unedited model may go on top of edits in place, and
    /// is measured anew with them; else the edits in place must be those that it was tried on top of.
    Keep {
        /// Number of the job.
        job: JobId,
        /// The job that tried it.
        tried: JobId,
    },
    /// Forgets an edit that was tried.
    Drop {
        /// The job that tried it.
        tried: JobId,
    },
    /// Measures what an edit does, or the model as it is. Nothing is left in place.
    Evaluate {
        /// Number of the job.
        job: JobId,
        /// What and how.
        order: EvaluateOrder,
    },
    /// Asks to be told when all plugins that there are have been told.
    Plugins,
    /// Takes the last edit back.
    Undo,
    /// Takes one edit back, whatever came after it.
    UndoOne {
        /// Its number, see [`crate::EditInPlace`].
        edit: u64,
    },
    /// Puts the edit that was taken back last on again.
    Redo,
    /// Puts edits of the journal of operations in place, and nothing else: what else is in place goes.
    Place {
        /// Number of the job.
        job: JobId,
        /// Operations whose edits are in place then.
        in_place: Vec<u64>,
        /// Operations whose edits can be put in place again then, the next one last.
        taken_back: Vec<u64>,
    },
    /// Scores all edits in place anew, on the model that they make together.
    Rescore {
        /// Number of the job.
        job: JobId,
    },
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
    /// Checks a plugin's file on the model: what it says of itself, and what it does.
    CheckPlugin {
        /// Number of the job.
        job: JobId,
        /// The file.
        file: PathBuf,
        /// How many edits are made to see whether memory grows.
        edits: usize,
    },
    /// Loads a new build of a plugin's file. The old one stays usable under another id, the model stays where it is.
    ReloadPlugin {
        /// Number of the job.
        job: JobId,
        /// The file.
        file: PathBuf,
    },
    /// Looks at a file or at the machine, without a model.
    Inspect {
        /// What.
        what: Inspect,
    },
    /// Ends the engine.
    Quit,
}

impl Command {
    /// The job that the order starts; none where it is something short.
    #[must_use]
    pub fn job(&self) -> Option<JobId> {
        match self {
            Self::Load { job, .. }
            | Self::Trace { job, .. }
            | Self::AverageTraces { job, .. }
            | Self::Edit { job, .. }
            | Self::Try { job, .. }
            | Self::Keep { job, .. }
            | Self::Evaluate { job, .. }
            | Self::Place { job, .. }
            | Self::Rescore { job }
            | Self::Save { job, .. }
            | Self::SecondMoments { job, .. }
            | Self::CheckPlugin { job, .. }
            | Self::ReloadPlugin { job, .. } => Some(*job),
            Self::Predict { .. }
            | Self::Inspect { .. }
            | Self::Drop { .. }
            | Self::Plugins
            | Self::Undo
            | Self::UndoOne { .. }
            | Self::Redo
            | Self::Quit => None,
        }
    }

    /// The short order that this is, where it is one that is answered: [`crate::Event::Answered`] says how it ended.
    #[must_use]
    pub fn asks(&self) -> Option<ShortOrder> {
        match self {
            Self::Plugins => Some(ShortOrder::Plugins),
            Self::Undo => Some(ShortOrder::Undo),
            Self::UndoOne { edit } => Some(ShortOrder::UndoOne { edit: *edit }),
            Self::Redo => Some(ShortOrder::Redo),
            Self::Inspect { .. } => Some(ShortOrder::Inspect),
            _ => None,
        }
    }

    /// Whether the order only looks at the model as it is. A look steps in between two steps of a job that
    /// [lets looks in](Self::lets_looks_in), instead of waiting for its end.
    #[must_use]
    pub fn is_look(&self) -> bool {
        matches!(self, Self::Predict { .. } | Self::Trace { .. })
    }

    /// Whether the order takes many steps in which the model stays as it is.
    #[must_use]
    pub fn lets_looks_in(&self) -> bool {
        matches!(
            self,
            Self::AverageTraces { .. }
                | Self::Edit { .. }
                | Self::Try { .. }
                | Self::Evaluate { .. }
                | Self::SecondMoments { .. }
        )
    }

    /// The same order as another job.
    #[must_use]
    pub fn with_job(mut self, number: JobId) -> Self {
        match &mut self {
            Self::Load { job, .. }
            | Self::Trace { job, .. }
            | Self::AverageTraces { job, .. }
            | Self::Edit { job, .. }
            | Self::Try { job, .. }
            | Self::Keep { job, .. }
            | Self::Evaluate { job, .. }
            | Self::Place { job, .. }
            | Self::Rescore { job }
            | Self::Save { job, .. }
            | Self::SecondMoments { job, .. }
            | Self::CheckPlugin { job, .. }
            | Self::ReloadPlugin { job, .. } => *job = number,
            Self::Predict { .. }
            | Self::Inspect { .. }
            | Self::Drop { .. }
            | Self::Plugins
            | Self::Undo
            | Self::UndoOne { .. }
            | Self::Redo
            | Self::Quit => {}
        }
        self
    }
}

/// The model that an edit is tried on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TriedOn {
    /// The unedited model, whatever edits are in place.
    #[default]
    Unedited,
    /// The model as it is, with the edits in place.
    AsItIs,
}

impl TriedOn {
    /// Numbers of the edits that the model has, where these are in place.
    #[must_use]
    pub fn edits(self, in_place: Vec<u64>) -> Vec<u64> {
        match self {
            Self::Unedited => Vec::new(),
            Self::AsItIs => in_place,
        }
    }
}

/// An order that is no job and is answered nevertheless. Answers come in the order in which the orders were given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "kebab-case")]
pub enum ShortOrder {
    /// [`Command::Plugins`].
    Plugins,
    /// [`Command::Undo`].
    Undo,
    /// [`Command::UndoOne`].
    UndoOne {
        /// The edit's number.
        edit: u64,
    },
    /// [`Command::Redo`].
    Redo,
    /// [`Command::Inspect`].
    Inspect,
}

/// What is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SaveTarget {
    /// The changes of all edits in place, as one safetensors file.
    Deltas(PathBuf),
    /// The same as a new file of this name, or one like it where that is there.
    NewDeltas(PathBuf),
    /// The edited model as a folder in the layout of Hugging Face.
    Model(PathBuf),
    /// The changes of all edits in place as a folder with a low-rank adapter, which the library peft loads.
    Adapter(PathBuf),
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

/// What to edit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
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

/// What to measure.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EvaluateOrder {
    /// The edit; without one the model is measured as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edit: Option<EditOrder>,
    /// The facts that are measured without an edit; with one its own are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<Fact>,
    /// Which measures, and how.
    #[serde(default)]
    pub measures: Measures,
}

/// Which measures are taken besides the likelihoods of targets, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Measures {
    /// Success is judged by the geometric mean over a target's tokens, as in ROME and MEMIT, and not by the joint probability,
    /// as in Hase et al. (2023).
    pub per_token: bool,
    /// Normalised scores are taken from the first prompt of each kind, as the code of Hase et al. does, and not from
    /// all of them, as their paper says.
    pub first_prompt: bool,
    /// Leaves out facts that the model does not say.
    pub correct_only: bool,
    /// Leaves out facts whose true answer is not more probable than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub least_probability: Option<f64>,
    /// Leaves out facts whose answer copying gives or whose new answer is the true one, and neighborhood prompts that
    /// mention the subject or are there twice.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub skip_marked: bool,
    /// Perplexity of texts about the subject.
    pub essence: bool,
    /// Entropy of generated texts.
    pub fluency: bool,
    /// Likeness of generated texts to reference texts in this folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consistency: Option<PathBuf>,
    /// Tokens that the model says after the prompt and its other wordings; 0 for none.
    pub said_tokens: usize,
    /// Seed of sampled texts; each fact's own draws follow from it and from the fact.
    pub seed: u64,
}

impl Default for Measures {
    fn default() -> Self {
        Self {
            per_token: false,
            first_prompt: false,
            correct_only: false,
            least_probability: None,
            skip_marked: false,
            essence: false,
            fluency: false,
            consistency: None,
            said_tokens: 20,
            seed: 0,
        }
    }
}
