//! The metadata of a file of edits.

use crate::{EditOrder, ModelMark, PluginMark};
use serde::{Deserialize, Serialize};

/// Metadata of a file of edits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
// a flipped bit in the name of the checksum does not make a file without one
#[serde(deny_unknown_fields)]
pub struct DeltaHeader {
    /// Always `locus-edits`.
    pub format: String,
    /// Version of the format; it rises when an old reader would misread the file.
    pub version: u32,
    /// SHA-256 of the file with zeros in this place; empty if an older program wrote it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub checksum: String,
    /// The unedited model that the changes belong to.
    pub model: ModelMark,
    /// The edits, the oldest first.
    pub edits: Vec<EditHeader>,
}

/// Metadata of one edit in a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EditHeader {
    /// A few words: method, layers, fact.
    pub title: String,
    /// The method that made it.
    pub method: PluginMark,
    /// The objective that it was made for.
    pub objective: PluginMark,
    /// What was ordered, with all settings filled in.
    pub order: EditOrder,
    /// Its changes, in the order in which they are added up.
    pub changes: Vec<ChangeHeader>,
}

/// Metadata of one change in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeHeader {
    pub parameter: String,
    /// Prefix of the names of its tensors.
    pub tensors: String,
    /// SHA-256 of the whole float32 difference, where the file was written.
    pub difference: String,
}
