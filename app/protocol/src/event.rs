//! What the engine tells.

use crate::{
    Aim, AimVerdict, AverageEffects, EditOrder, Fact, Hyperparameter, Inspected, LayerRow, Memory, ModelReady,
    PluginChecked, PluginKind, PluginReloaded, Rescored, SecondMomentsReport, ShortOrder, TraceStarted, WeightChange,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Number of a job; whoever orders it chooses.
pub type JobId = u64;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The first record of every stream.
    Hello {
        /// Version of the records.
        schema: u32,
        /// Version of the program.
        version: String,
        /// Whether all is computed in the reproducible mode: the same bits on every x86-64 processor.
        #[serde(default)]
        reproducible: bool,
    },
    /// A plugin was loaded.
    Plugin(PluginReady),
    /// A file in a plugin folder was refused.
    PluginRefused(PluginRefused),
    /// A plugin was checked for one thing.
    PluginChecked(PluginChecked),
    /// A new build of a plugin's file was loaded.
    PluginReloaded(PluginReloaded),
    /// A job began.
    Started {
        /// Its number.
        job: JobId,
        /// What it does.
        kind: JobKind,
        /// A few words for the status line.
        title: String,
    },
    /// How far a job is.
    Progress {
        /// The job.
        job: JobId,
        /// What it does now.
        phase: Phase,
        /// How much of it is done.
        done: u64,
        /// How much there is; 0 when nobody knows.
        total: u64,
    },
    /// A job ended.
    Finished {
        /// The job.
        job: JobId,
        /// How.
        outcome: Outcome,
        /// How long it took.
        seconds: f64,
    },
    /// The model is ready.
    Model(ModelReady),
    /// The facts that belong to the model.
    Facts {
        /// Where they come from.
        source: String,
        /// The facts.
        facts: Vec<Fact>,
    },
    /// The most probable next tokens of a prompt.
    Prediction {
        /// The prompt.
        prompt: String,
        /// Its tokens.
        tokens: Vec<TokenText>,
        /// The most probable first.
        top: Vec<TopToken>,
        /// Number of edits in place.
        edits: usize,
        /// Their numbers, the oldest first.
        #[serde(default)]
        in_place: Vec<u64>,
        /// Rows of the model as it is for this fact; none where a target is empty.
        #[serde(default)]
        rows: Vec<LayerRow>,
    },
    /// A trace's clean and corrupted runs are done.
    Trace(TraceStarted),
    /// One row of a trace's heat map is done.
    TraceRow {
        /// The job.
        job: JobId,
        /// Position in the prompt.
        token: usize,
        /// Restored probability by layer.
        scores: Vec<f64>,
    },
    /// First-order estimate of a whole heat map; exact rows follow and take its place.
    TracePreview {
        /// The job.
        job: JobId,
        /// Estimated probability by token of the prompt and layer.
        scores: Vec<Vec<f64>>,
    },
    /// Effects of many facts, put together by token role: one record for each kind.
    AverageEffects(AverageEffects),
    /// A method begins: the unedited model's rows.
    Edit(EditStarted),
    /// A method made a step.
    Step(Step),
    /// An edit is in place.
    Applied(Applied),
    /// An edit was tried; nothing is in place.
    Tried(Tried),
    /// What an edit does to one of its facts, or how the model as it is fares on one.
    Evaluated(Evaluated),
    /// Averages over many facts.
    Summary(Summary),
    /// What is in place after an undo or redo.
    Edits {
        /// The edits in place, the oldest first.
        applied: Vec<EditInPlace>,
        /// The edits that can be put on again, the next one last.
        undone: Vec<EditInPlace>,
        /// Rows of the model as it is now for the last edit's fact.
        rows: Vec<LayerRow>,
        /// Whether all weights are bit by bit those of the checkpoint; checked, not assumed.
        unedited: bool,
        /// SHA-256 of every parameter that an edit has touched, as it is now.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        weights: BTreeMap<String, String>,
    },
    /// A short order was carried out, or not. What is in place after an undo or redo is told before.
    Answered {
        /// Which.
        #[serde(flatten)]
        to: ShortOrder,
        /// How it ended; a failure changed nothing.
        outcome: Outcome,
    },
    /// What was looked at without a model.
    Inspected(Inspected),
    /// What a job was to write has its name.
    Saved {
        /// The job.
        job: JobId,
        /// The file or folder.
        path: PathBuf,
    },
    /// All edits in place were scored anew.
    Rescored(Rescored),
    /// Second moments were collected, checked, imported or exported.
    SecondMoments(SecondMomentsReport),
    /// Memory in use.
    Memory(Memory),
    /// A line for the log.
    Log {
        /// Where it comes from: `engine`, a plugin's id, `stderr`.
        source: String,
        /// `info`, `warning` or `error`.
        level: String,
        /// The line.
        text: String,
    },
}

impl Event {
    /// Whether the event belongs into a record: not what only moves a gauge, and not the facts, which lie in a file.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        !matches!(self, Self::Memory(_) | Self::Progress { .. } | Self::Facts { .. } | Self::Inspected(_))
    }
}

/// Kinds of job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobKind {
    /// Loading a model.
    Load,
    /// A causal trace.
    Trace,
    /// An edit.
    Edit,
    /// An edit that is tried and not put in place.
    Try,
    /// Putting edits in place that were made before.
    Place,
    /// Scoring the edits in place anew.
    Rescore,
    /// Measuring.
    Evaluate,
    /// Writing edits or the edited model.
    Save,
    /// Work on second moments that belongs to no edit.
    SecondMoments,
    /// Checking a plugin.
    Check,
    /// Loading a new build of a plugin.
    Reload,
}

/// What a job is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Reading weights; counted in bytes.
    Weights,
    /// Comparing tapped and untapped logits.
    Probe,
    /// Clean and corrupted runs of a trace.
    Runs,
    /// Cells of a heat map; counted in cells.
    Cells,
    /// Second moments over a corpus; counted in tokens.
    SecondMoments,
    /// Scores of the record's prompts.
    Evaluation,
    /// Texts that the model writes.
    Texts,
    /// Writing files.
    Writing,
    /// A phase of the method, in its words; counted in steps.
    Method(String),
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "kebab-case")]
pub enum Outcome {
    /// It did what it was to do.
    Done,
    /// The user stopped it.
    Cancelled {
        /// What is there nevertheless.
        kept: String,
    },
    /// It failed.
    Failed {
        /// One sentence: what, and what to do about it.
        error: String,
        /// Whether a plugin, a device or the request is to blame.
        blame: Blame,
    },
}

/// What a failure comes from; the exit code follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Blame {
    /// A file, a prompt, a value.
    Request,
    /// A plugin.
    Plugin,
    /// A device.
    Device,
}

/// A loaded plugin: one method or one objective.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PluginReady {
    /// Method or objective.
    pub kind: PluginKind,
    /// Its id.
    pub id: String,
    /// Its name in words.
    pub title: String,
    /// Its version.
    pub version: String,
    /// The paper it follows.
    pub cite: String,
    /// The file.
    pub file: PathBuf,
    /// Version of the plugin interface it was made for, `major.minor`.
    pub interface: String,
    /// What compiled it.
    pub compiler: String,
    /// The folder that it was built from, where the file says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<PathBuf>,
    /// Its hyperparameters.
    pub hyperparameters: Vec<Hyperparameter>,
    /// For a method: layers that suit the model; empty leaves them to the method.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<usize>,
    /// For a method: hyperparameters that suit the model with an objective, by the objective's id. They go before the
    /// defaults.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub with_objective: BTreeMap<String, Map<String, Value>>,
}

/// A file that is no plugin we can use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginRefused {
    /// The file.
    pub file: PathBuf,
    /// One sentence.
    pub reason: String,
}

/// One token of a prompt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenText {
    /// Its text, leading space included.
    pub text: String,
    /// Whether it belongs to the subject.
    pub subject: bool,
}

/// A candidate for the next token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TopToken {
    /// Its text, leading space included.
    pub text: String,
    /// Its probability.
    #[serde(with = "crate::number::single")]
    pub probability: f64,
}

/// What an edit starts from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EditStarted {
    /// The job.
    pub job: JobId,
    /// What was asked, with all settings filled in.
    pub order: EditOrder,
    /// Layers that the method is going to edit.
    pub layers: Vec<usize>,
    /// Steps it may take.
    pub steps: u64,
    /// Rows of the model before.
    pub rows: Vec<LayerRow>,
    /// Numbers of the edits that the model has on which the edit is found, the oldest first; none for the unedited model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_top_of: Vec<u64>,
}

/// One step of a method.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The job.
    pub job: JobId,
    /// The step, from 0.
    pub step: u64,
    /// Steps the method may take.
    pub steps: u64,
    /// The layer it works on.
    pub layer: usize,
    /// Terms of the loss by name, `loss` the total.
    #[serde(with = "crate::number::map")]
    pub losses: BTreeMap<String, f64>,
    /// Rows of the model as the step sees it.
    pub rows: Vec<LayerRow>,
}

/// An edit that is in place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Applied {
    /// The job.
    pub job: JobId,
    /// A few words: method, layer, fact.
    pub title: String,
    /// Its number, see [`EditInPlace`].
    #[serde(default)]
    pub number: u64,
    /// Its operation in the journal, where it was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<u64>,
    /// Facts that it edits.
    #[serde(default)]
    pub facts: usize,
    /// Whether it reached what its objective aims at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<AimVerdict>,
    /// Whether it was found on the unedited model and put in place on top of other edits; all else is told of the model
    /// with those in place.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub found_on_unedited: bool,
    /// What the objective aimed at, for the first fact.
    #[serde(default)]
    pub aim: Aim,
    /// What moved.
    pub changes: Vec<WeightChange>,
    /// Rows of the edited model.
    pub rows: Vec<LayerRow>,
    /// The record's prompts before and after.
    pub scores: BeforeAfter,
    /// Numbers of the method's own.
    #[serde(default, with = "crate::number::map")]
    pub metrics: BTreeMap<String, f64>,
    /// What the method wants said.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Measures of the edit by name, see docs/metrics.md.
    #[serde(default, with = "crate::number::map")]
    pub numbers: BTreeMap<String, f64>,
    /// What the model says after the prompt.
    #[serde(default)]
    pub said: Vec<Said>,
    /// SHA-256 of every parameter that an edit has touched, as it is now.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub weights: BTreeMap<String, String>,
}

/// An edit that was tried, and can be put in place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tried {
    /// What it would do. Its number is 0, since it is not in place.
    pub would: Applied,
    /// Bytes that its changes take while they are kept.
    pub bytes: u64,
    /// Numbers of the edits in place that it was tried on top of; none where it was tried on the unedited model.
    #[serde(default)]
    pub on_top_of: Vec<u64>,
}

/// What an edit does to a fact, in numbers and texts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evaluated {
    /// The job.
    pub job: JobId,
    /// The fact.
    pub fact: Fact,
    /// What the objective aimed at; without an edit the new target against the true one.
    pub aim: Aim,
    /// What should be known of the fact before its numbers are believed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
    /// Why the fact was left out, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
    /// Measures by name, see docs/metrics.md.
    #[serde(default, with = "crate::number::map")]
    pub numbers: BTreeMap<String, f64>,
    /// What the model says.
    #[serde(default)]
    pub said: Vec<Said>,
}

/// Averages over the facts of an evaluation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Facts that were measured.
    pub facts: usize,
    /// Facts that were left out.
    pub left_out: usize,
    /// Averages by the measures' names.
    pub means: BTreeMap<String, Average>,
}

/// An average with its 95 % confidence interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Average {
    /// The mean.
    pub mean: f64,
    /// 1.96 standard errors.
    pub half_width: f64,
    /// For a rate or share: Wilson's interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wilson: Option<[f64; 2]>,
    /// Facts that have the measure.
    pub count: usize,
}

/// What the model says after a prompt, by its most probable tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// The prompt.
    pub prompt: String,
    /// What it says before the edit.
    pub before: String,
    /// What it says after the edit; nothing where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

impl Applied {
    /// What a list of the edits in place says of it.
    #[must_use]
    pub fn in_place(&self) -> EditInPlace {
        let verdict = self.verdict.as_ref().map(|verdict| verdict.success);
        let edit = EditInPlace::new(self.number, &self.title, &self.changes, self.facts);
        EditInPlace { operation: self.operation, success: verdict, ..edit }
    }
}

impl EditInPlace {
    /// An edit by what it moved.
    #[must_use]
    pub fn new(number: u64, title: &str, changes: &[WeightChange], facts: usize) -> Self {
        let norm = changes.iter().map(|change| change.norm * change.norm).sum::<f64>().sqrt();
        let relative = changes.iter().map(|change| change.relative).fold(0.0, f64::max);
        Self { number, title: title.to_owned(), norm, relative, facts, ..Self::default() }
    }

    /// Whether it is known to have missed its aim.
    #[must_use]
    pub fn missed_its_aim(&self) -> bool {
        self.success == Some(false)
    }
}

/// An edit in place, or one that was taken back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EditInPlace {
    /// Its number: it counts from 1 and is never given twice.
    pub number: u64,
    /// A few words: method, layer, fact.
    pub title: String,
    /// Norm of all its changes together.
    #[serde(default, with = "crate::number::single")]
    pub norm: f64,
    /// The largest `‖ΔW‖ / ‖W‖` of a parameter.
    #[serde(default, with = "crate::number::single")]
    pub relative: f64,
    /// Facts that it edits.
    #[serde(default)]
    pub facts: usize,
    /// Its operation in the journal, where it was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<u64>,
    /// Whether it reached its aim when it was made, where that was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success: Option<bool>,
}

/// Scores before and after an edit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BeforeAfter {
    /// Before.
    pub before: Scores,
    /// After.
    pub after: Scores,
}

/// Probabilities of both targets for the prompts of a record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// The most probable next tokens of the rewrite prompt.
    pub top: Vec<TopToken>,
    /// The prompt that was edited.
    pub rewrite: Vec<PromptScore>,
    /// Other wordings.
    pub paraphrase: Vec<PromptScore>,
    /// Other subjects with the same true answer.
    pub neighborhood: Vec<PromptScore>,
}

/// Probabilities of both targets for one prompt: joint over the target's tokens, not normalised by length.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PromptScore {
    /// The prompt.
    pub prompt: String,
    /// Probability of the new target.
    #[serde(with = "crate::number::single")]
    pub new: f64,
    /// Probability of the true target.
    #[serde(rename = "true", with = "crate::number::single")]
    pub truth: f64,
}
