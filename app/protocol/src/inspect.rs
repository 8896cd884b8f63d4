//! Looks at files and at the machine that need the engine's libraries but no model.

use crate::{Machine, PluginReady};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::PathBuf;

/// What is looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Inspect {
    /// The machine that the engine runs on.
    Machine,
    /// A file of edits.
    Deltas(PathBuf),
    /// A plugin's file, as loading looks at it.
    Plugin(PathBuf),
    /// The second moments that are kept.
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
        /// What the file says of itself.
        header: Value,
        /// For each of its edits a line for each change.
        changes: Vec<Vec<String>>,
    },
    /// See [`Inspect::Plugin`].
    Plugin(Vec<PluginReady>),
    /// See [`Inspect::SecondMoments`].
    SecondMoments(Vec<KeptMoments>),
}

/// A file of second moments that is kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct KeptMoments {
    pub file: PathBuf,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// What the corpus is called.
    pub corpus_name: String,
    /// In which format they were summed up.
    pub precision: String,
    pub layers: Vec<KeptLayer>,
    /// Tokens of a pass that is not done.
    pub unfinished: Option<u64>,
    /// Why it cannot be used; empty where it can.
    pub trouble: String,
}

/// Where the second moment of one layer comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptLayer {
    pub layer: usize,
    /// Keys it is the mean over.
    pub tokens: u64,
    /// Documents that had them; 0 where nobody knows.
    pub documents: u64,
    /// The file it was imported from; empty where it was collected here.
    pub source: String,
}
