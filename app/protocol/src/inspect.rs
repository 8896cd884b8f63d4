//! Inspections of files and of the machine that need the engine's libraries but no model.

use crate::{Machine, PluginReady};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::PathBuf;

/// What to inspect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Inspect {
    /// The machine that the engine runs on.
    Machine,
    /// A file of edits, by its path.
    Deltas(PathBuf),
    /// A plugin's file, with the checks of loading.
    Plugin(PathBuf),
    /// The cached second moments.
    SecondMoments,
}

/// Answer to a [`crate::Command::Inspect`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Inspected {
    /// See [`Inspect::Machine`].
    Machine(Box<Machine>),
    /// See [`Inspect::Deltas`].
    Deltas {
        /// Metadata of the file.
        header: Value,
        /// For each edit, a line per change.
        changes: Vec<Vec<String>>,
    },
    /// See [`Inspect::Plugin`].
    Plugin(Vec<PluginReady>),
    /// See [`Inspect::SecondMoments`].
    SecondMoments(Vec<KeptMoments>),
}

/// A cached file of second moments.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct KeptMoments {
    pub file: PathBuf,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// Display name of the corpus.
    pub corpus_name: String,
    /// Dtype in which they were summed.
    pub precision: String,
    pub layers: Vec<KeptLayer>,
    /// Tokens so far of a pass that is not finished.
    pub unfinished: Option<u64>,
    /// Why it cannot be used; empty if it can.
    pub trouble: String,
}

/// Where the second moment of one layer comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptLayer {
    pub layer: usize,
    /// Number of keys in the mean.
    pub tokens: u64,
    /// Number of documents with these keys; 0 if unknown.
    pub documents: u64,
    /// The file it was imported from; empty if it was collected here.
    pub source: String,
}
