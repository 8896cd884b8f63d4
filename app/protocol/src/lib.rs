//! The protocol of the engine: commands in, events out.
//!
//! The workbench folds [`Event`]s into its state, `--json` prints them, the journal stores them and tests
//! replay them: nothing is shown that was not recorded. Nothing here knows tensors or terminals.

mod aim;
mod command;
mod command_line;
mod control;
mod deltas;
mod event;
mod fact;
mod families;
mod folder_name;
mod in_place;
mod inspect;
mod jobs;
mod layers;
mod log_level;
mod memory;
mod messages;
mod nearest;
mod operation;
mod plugin;
mod plugin_kind;
mod rows;
mod scores;
mod shell;
pub mod shown;
mod standing;
mod start;
mod trace_answer;
mod verdict;

pub use aim::Aim;
pub use command::Command;
pub use command_line::Surroundings;
pub use control::Control;
pub use deltas::{ChangeHeader, DeltaHeader, EditHeader};
pub use event::{Asked, Event};
pub use fact::{Fact, FactError, Locality};
pub use families::{FAMILIES, WITH_TEXT_PART, runs};
pub use folder_name::folder_name;
pub use in_place::EditInPlace;
pub use inspect::{Inspect, Inspected, KeptLayer, KeptMoments};
pub use jobs::*;
pub use layers::{LayersError, read_layers, read_ranges};
pub(crate) use locus_plugin_data::number;
pub use locus_plugin_data::number::map as numbers;
pub use locus_plugin_data::{Hyperparameter, HyperparameterKind, fill};
pub use log_level::LogLevel;
pub use memory::{GpuMemory, Memory};
pub use nearest::{did_you_mean, nearest};
pub use operation::{
    DEEDS, Deed, DeltaMark, EditDeed, FactsMark, ModelMark, OPERATION_SCHEMA, Operation, Origin, PluginMark,
};
pub use plugin::{PluginReady, PluginRefused};
pub use plugin_kind::PluginKind;
pub use rows::{LayerRow, WeightChange};
pub use scores::{BeforeAfter, PromptScore, Scores, TokenText, TopToken};
pub use shell::quote as shell_quote;
pub use standing::{counted, model_with, with_edits};
pub use start::{
    DeviceRequest, JournalChoice, Machine, MomentsOptions, NumberFormat, OneDevice, OpenPlugins, Reading, Reuse, Role,
    Start, StepRows, ZsreReading,
};
pub use trace_answer::TraceAnswer;
pub use verdict::{AimVerdict, Grade, Held, Likeliness, is_lowered};

/// Version of the records; it increases when a field changes its meaning or is removed, not when one is added.
pub const SCHEMA: u32 = 1;
