//! What an engine starts from: what the flags of a command say, and nothing of the machine that they were typed on.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// What an engine starts from. Paths that are not absolute begin where the engine was started.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Start {
    /// Which device to use.
    pub device: DeviceRequest,
    /// Number format of weights and activations.
    pub number_format: NumberFormat,
    /// CPU threads; `None` leaves it to the model's size.
    pub threads: Option<i32>,
    /// Whether to compute the same bits on every x86-64 processor, on one thread.
    pub reproducible: bool,
    /// Facts to use instead of those that belong to the model.
    pub facts: Option<PathBuf>,
    /// How they are read.
    pub reading: Reading,
    /// Text for second moments instead of the built-in one: one document a line, JSON Lines or Parquet.
    pub corpus: Option<PathBuf>,
    /// Tokens of the corpus to use; `None` leaves it to the model's width.
    pub corpus_tokens: Option<usize>,
    /// What else can be said of second moments.
    pub moments: MomentsOptions,
    /// Plugins that were asked for: without them no job is begun.
    pub plugins: Vec<PathBuf>,
    /// When the other plugins are opened.
    pub open_plugins: OpenPlugins,
    /// Where every event is written to.
    pub journal: JournalChoice,
    /// Files of edits that are put in place with every model that is loaded, in their order.
    pub apply: Vec<PathBuf>,
    /// How the journal of operations is used.
    pub role: Role,
    /// Which steps of an edit are told with what all layers say.
    pub step_rows: StepRows,
}

/// Which device the user asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceRequest {
    /// CUDA where there is a GPU, the CPU where there is none.
    #[default]
    Automatic,
    Cpu,
    /// One GPU.
    Cuda(usize),
    /// Several, over which the layers are laid in this order; the first holds everything else. One that is named twice counts
    /// as two.
    Several(Vec<OneDevice>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OneDevice {
    Cpu,
    /// A GPU.
    Cuda(usize),
}

/// Number format of weights and activations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NumberFormat {
    /// float32, which is what every published number was computed in.
    #[default]
    Float32,
    /// bfloat16, on a GPU.
    BFloat16,
    /// float16, on a GPU.
    Float16,
    /// float64, for numbers to compare with.
    Float64,
}

/// How a file of facts is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// Leaves bad records out instead of refusing the file.
    pub skip_bad: bool,
    /// What becomes of zsRE records.
    pub zsre: ZsreReading,
    /// Seed of the targets that [`ZsreReading::Statement`] draws.
    pub seed: u32,
}

/// What becomes of a zsRE record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ZsreReading {
    /// As Hase et al. (2023) read it: “Question: … Answer:”, the answer is true, and another record's answer is the new
    /// target, drawn for each record by itself.
    #[default]
    Statement,
    /// As ROME and MEMIT read it: the bare question, the answer is the new target, and the end-of-text token stands for
    /// the true one.
    Question,
}

/// How second moments are collected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MomentsOptions {
    /// Column or field of the corpus that holds the text; `text` without it.
    pub column: Option<String>,
    /// Number of documents to take, chosen as the published code does; all without it.
    pub sample: Option<usize>,
    /// Sums in float64 instead of float32.
    pub float64_sums: bool,
    /// How often the state of a pass is kept; about every thirty seconds without it.
    pub keep_every: Option<Duration>,
    /// What becomes of those that are kept.
    #[serde(default)]
    pub reuse: Reuse,
    /// Whether an edit that would have to collect them for long asks first, see
    /// [`SecondMomentsNeeded`](crate::SecondMomentsNeeded): somebody is there to answer.
    #[serde(default)]
    pub ask: bool,
}

/// What becomes of second moments that are kept of earlier runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reuse {
    /// They are taken, and a pass that was stopped goes on.
    #[default]
    Taken,
    /// A pass begins anew, and what it collects takes their place.
    Replaced,
    /// A pass begins anew for this session alone: kept ones are neither read nor written.
    LeftAlone,
}

/// When plugins are opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OpenPlugins {
    /// Before anything else, so that all of them are told.
    #[default]
    AtStart,
    /// Not before a command comes that needs one; those that were asked for by name at the start all the same.
    WhenNeeded,
}

/// Where every event is written to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JournalChoice {
    /// Nowhere.
    #[default]
    None,
    File(PathBuf),
    /// The first file of the workbench, in the folder of the user's state, that no other workbench writes.
    Workbench,
}

/// Which steps of an edit are told with the rows of all layers: what the logit lens says of them takes time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepRows {
    /// As many as a screen can show, and the last.
    #[default]
    AsShown,
    /// All of them.
    All,
    /// None: nobody looks.
    None,
}

/// How a session uses the journal of operations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// As the workbench: writes, and puts what was in place at the end in place again where `takes_over`.
    Workbench {
        /// Whether a model is loaded with the edits of earlier sessions.
        takes_over: bool,
    },
    /// As a command with a model of its own: writes.
    #[default]
    Command,
    /// Looks up edits only.
    Reader,
}

/// The machine that an engine runs on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The file of the libtorch that runs.
    pub libtorch: String,
    /// The device that would be taken, and why; or why there is none.
    pub device: String,
    /// The GPU driver and its version; empty where there is none.
    #[serde(default)]
    pub driver: String,
    /// GPUs by their names, each with its memory.
    #[serde(default)]
    pub cards: Vec<String>,
    /// Processor, cores, and memory for display.
    #[serde(default)]
    pub processor: String,
    /// Threads that libtorch takes by itself.
    pub threads: i32,
    /// How they wait for one another.
    #[serde(default)]
    pub waiting: String,
    /// The libtorch and the folder of cargo that the engine was built with, for plugins that are built for it.
    pub built_with: String,
    /// See [`Self::built_with`].
    pub built_in: String,
}
