//! The two kinds of plugins.

use serde::{Deserialize, Serialize};

/// What a plugin offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PluginKind {
    /// Decides which weights move.
    Method,
    /// Decides what an edit is for: targets, noise and loss.
    Objective,
}
