//! What an author of an editing method or an objective for Locus imports.
//!
//! An author writes `impl EditMethod for X` or `impl Objective for X` in safe Rust with `tch` tensors, declares
//! hyperparameters with [`parameters!`] and exports with [`export_plugin!`]. See `docs/plugins.md`.

mod author;
pub mod call;
mod course;
pub mod error;
pub mod glue;
pub mod host;
pub mod object;
mod parameters;
pub mod request;
pub mod services;
pub mod suffix;
mod targets;
mod template;

pub use author::{EditMethod, Objective, Parameters};
pub use course::Course;
pub use error::{Error, Result};
pub use host::{
    Cell, Cells, DownProjection, LayerMetrics, Level, ModelInfo, NoisedSubject, PromptTokens, Read, SampleRequest,
    Site, StepReport, Suffix, SuffixOutput, SuffixRequest,
};
pub use locus_plugin_data::{Hyperparameter, HyperparameterKind, fill};
pub use request::{
    Delta, Edit, EditRequest, Edited, FactToEdit, Form, Goal, Info, MetricInfo, Plan, Reduction, SubjectNoise,
};
pub use services::Host;
pub use suffix::PreparedSuffix;
pub use targets::TargetReads;
pub use tch;
pub use template::{FactToken, lookup, tokenize_fact};

/// What the expansion of [`parameters!`] calls.
pub mod schema {
    pub use crate::parameters::{complete, field, float, integer, json, read};
    pub use serde_json::{Map, Value};
}
