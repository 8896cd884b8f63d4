//! What the engine is told and what it tells: commands in, events out.
//!
//! The workbench folds [`Event`]s into its state, `--json` prints them, the journal stores them and tests
//! replay them: nothing is shown that was not recorded. Nothing here knows of tensors or of terminals.

mod aim;
mod average;
mod command;
mod command_line;
mod conformance;
mod event;
mod fact;
mod flags;
mod memory;
mod messages;
mod model;
mod operation;
mod plugin_kind;
mod rescored;
mod rows;
mod second_moments;
mod shell;
pub mod shown;
mod standing;
mod trace;
mod verdict;

pub use aim::Aim;
pub use average::{AverageEffects, AverageOrder, Correctness, RoleEffects, TokenRole};
pub use command::{Command, EditOrder, EvaluateOrder, Measures, ModelSource, SaveTarget, ShortOrder, TriedOn};
pub use command_line::Surroundings;
pub use conformance::{PluginChecked, PluginReloaded, Verdict};
pub use event::{
    Applied, Average, BeforeAfter, Blame, EditInPlace, EditStarted, Evaluated, Event, JobId, JobKind, Outcome, Phase,
    PluginReady, PluginRefused, PromptScore, Said, Scores, Step, Summary, TokenText, TopToken, Tried,
};
pub use fact::{Fact, FactError, Locality};
pub use flags::Flags;
pub(crate) use locus_plugin_data::number;
pub use locus_plugin_data::number::map as numbers;
pub use locus_plugin_data::{Hyperparameter, HyperparameterKind, fill};
pub use memory::{GpuMemory, Memory};
pub use model::{Device, ModelReady, Probe};
pub use operation::{
    DEEDS, Deed, DeltaMark, EditDeed, FactsMark, ModelMark, OPERATION_SCHEMA, Operation, Origin, PluginMark,
};
pub use plugin_kind::PluginKind;
pub use rescored::{EditRescored, Rescored};
pub use rows::{LayerRow, WeightChange};
pub use second_moments::{
    SecondMomentsCheck, SecondMomentsLayer, SecondMomentsReport, SecondMomentsTarget, SecondMomentsTask,
};
pub use shell::quote as shell_quote;
pub use standing::{counted, model_with, with_edits};
pub use trace::{Intervention, NoiseDraws, TraceKind, TraceOrder, TraceStarted};
pub use verdict::{AimVerdict, Likeliness};

/// Version of the records; it rises when a field changes its meaning or goes away, not when one is added.
pub const SCHEMA: u32 = 1;
