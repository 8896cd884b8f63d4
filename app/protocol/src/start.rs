//! Options with which an engine starts: those of a command's flags, independent of the machine they were typed on.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// Options with which an engine starts. Relative paths start at the engine's working directory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Start {
    /// Which device to use.
    pub device: DeviceRequest,
    /// Number format of weights and activations.
    pub number_format: NumberFormat,
    /// Number of CPU threads; `None` chooses it by the model's size.
    pub threads: Option<i32>,
    /// Whether to compute the same bits on every x86-64 processor, on one thread.
    pub reproducible: bool,
    /// Facts to use instead of those that belong to the model.
    pub facts: Option<PathBuf>,
    /// How the file of facts is read.
    pub reading: Reading,
    /// Text for second moments instead of the built-in one: one document per line, JSON Lines or Parquet.
    pub corpus: Option<PathBuf>,
    /// Number of corpus tokens to use; `None` chooses it by the model's width.
    pub corpus_tokens: Option<usize>,
    /// Further options of second moments.
    pub moments: MomentsOptions,
    /// Requested plugins: no job starts without them.
    pub plugins: Vec<PathBuf>,
    /// When the other plugins are loaded.
    pub open_plugins: OpenPlugins,
    /// File to which every event is written.
    pub journal: JournalChoice,
    /// Files of edits to apply to every loaded model, in order.
    pub apply: Vec<PathBuf>,
    /// How the journal of operations is used.
    pub role: Role,
    /// Which steps of an edit are reported with the rows of all layers.
    pub step_rows: StepRows,
}

/// The device that the user requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceRequest {
    /// CUDA if there is a GPU, otherwise the CPU.
    #[default]
    Automatic,
    Cpu,
    /// One GPU, by its index from 0.
    Cuda(usize),
    /// Several, over which the layers are distributed in this order; the first has everything else. A device named
    /// twice counts as two.
    Several(Vec<OneDevice>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OneDevice {
    Cpu,
    /// A GPU, by its index from 0.
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
    /// float64, as a reference for other formats.
    Float64,
}

/// How a file of facts is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// Skips bad records instead of refusing the file.
    pub skip_bad: bool,
    /// How zsRE records are read.
    pub zsre: ZsreReading,
    /// Seed of the targets that [`ZsreReading::Statement`] draws.
    pub seed: u32,
}

/// How a zsRE record is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ZsreReading {
    /// As Hase et al. (2023) read it: “Question: … Answer:”, the answer is true, and another record's answer is the new
    /// target, drawn for each record separately.
    #[default]
    Statement,
    /// As ROME and MEMIT read it: the bare question, the answer is the new target, and the end-of-text token stands for
    /// the true one.
    Question,
}

/// How second moments are collected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MomentsOptions {
    /// Column or field of the corpus with the text; `text` by default.
    pub column: Option<String>,
    /// Number of documents to use, chosen as the published code does; `None` for all.
    pub sample: Option<usize>,
    /// Sums in float64 instead of float32.
    pub float64_sums: bool,
    /// How often the state of a pass is saved; about every thirty seconds by default.
    pub keep_every: Option<Duration>,
    /// How cached ones are used.
    #[serde(default)]
    pub reuse: Reuse,
    /// Whether an edit that would have to collect them for long asks first, see
    /// [`SecondMomentsNeeded`](crate::SecondMomentsNeeded): somebody is there to answer.
    #[serde(default)]
    pub ask: bool,
}

/// How cached second moments of earlier runs are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reuse {
    /// They are used, and an interrupted pass is resumed.
    #[default]
    Taken,
    /// A pass starts over, and its result replaces them.
    Replaced,
    /// A pass starts over for this session only: the cache is neither read nor written.
    LeftAlone,
}

/// When plugins are loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OpenPlugins {
    /// Before anything else, so that all of them are reported.
    #[default]
    AtStart,
    /// When a command first needs one; those requested by name are still loaded at the start.
    WhenNeeded,
}

/// File to which every event is written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JournalChoice {
    /// Events are not written to a file.
    #[default]
    None,
    File(PathBuf),
    /// The workbench's first file in the user's state folder that no other workbench is writing.
    Workbench,
}

/// Which steps of an edit are reported with the rows of all layers: reading the logit lens takes time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepRows {
    /// As many as a screen can show, and the last.
    #[default]
    AsShown,
    /// Every step of the method.
    All,
    /// No step, because nobody looks at them.
    None,
}

/// How a session uses the journal of operations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Like the workbench: writes, and restores the edits that were last in place if `takes_over`.
    Workbench {
        /// Whether a model is loaded with the edits of earlier sessions.
        takes_over: bool,
    },
    /// Like a command with its own model: only writes.
    #[default]
    Command,
    /// Only looks up edits, and writes nothing.
    Reader,
}

/// The machine that an engine runs on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Path of the libtorch that is loaded.
    pub libtorch: String,
    /// The device that would be chosen, and why; or why there is none.
    pub device: String,
    /// The GPU driver and its version; empty if there is none.
    #[serde(default)]
    pub driver: String,
    /// GPUs by their names, each with its memory.
    #[serde(default)]
    pub cards: Vec<String>,
    /// Processor, cores, and memory for display.
    #[serde(default)]
    pub processor: String,
    /// Number of threads that libtorch uses by default.
    pub threads: i32,
    /// How they wait for one another.
    #[serde(default)]
    pub waiting: String,
    /// The libtorch that the engine was built with, for plugins that are built for it.
    pub built_with: String,
    /// The cargo build folder of the engine, for plugins that are built for it.
    pub built_in: String,
}
