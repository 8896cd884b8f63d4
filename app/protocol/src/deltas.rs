//! What a file of edits says of itself, in its metadata.

use crate::{EditOrder, ModelMark, PluginMark};
use serde::{Deserialize, Serialize};

/// What a file of edits says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
// a flipped bit in the name of the checksum does not make a file without one
#[serde(deny_unknown_fields)]
pub struct DeltaHeader {
    /// What such a file says that it is: `locus-edits`.
    pub format: String,
    /// Version of the format; it rises when an old reader would misread the file.
    pub version: u32,
    /// SHA-256 of the file with noughts in this place; nothing where an older program wrote it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub checksum: String,
    /// The unedited model that the changes belong to.
    pub model: ModelMark,
    /// The edits, the oldest first.
    pub edits: Vec<EditHeader>,
}

/// What a file says of one of its edits.
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

/// What a file says of one change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeHeader {
    pub parameter: String,
    /// What the names of its tensors begin with.
    pub tensors: String,
    /// SHA-256 of the whole float32 difference, where the file was written.
    pub difference: String,
}
