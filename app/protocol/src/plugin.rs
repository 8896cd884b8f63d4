//! Plugins that were loaded or refused.

use crate::{Hyperparameter, PluginKind};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A loaded plugin: one method or one objective.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PluginReady {
    pub kind: PluginKind,
    pub id: String,
    /// Its name for display.
    pub title: String,
    pub version: String,
    /// The paper that it implements; empty for none.
    pub cite: String,
    pub file: PathBuf,
    /// Version of the plugin interface it was made for, `major.minor`.
    pub interface: String,
    pub compiler: String,
    /// The folder that it was built from, if the file says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<PathBuf>,
    pub hyperparameters: Vec<Hyperparameter>,
    /// For a method: layers that suit the model; empty leaves them to the method.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<usize>,
    /// For a method: hyperparameters that suit the model with an objective, by the objective's id. They override the
    /// defaults.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub with_objective: BTreeMap<String, Map<String, Value>>,
}

/// A file that cannot be used as a plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginRefused {
    pub file: PathBuf,
    /// Why the file was rejected, in one sentence.
    pub reason: String,
}
