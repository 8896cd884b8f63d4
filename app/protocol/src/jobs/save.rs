//! Writing the edits in place, or the model that they make.

use super::{Job, JobKind};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What to write: deltas, an edited model, or an adapter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SaveTarget {
    /// The changes of all edits in place, as one safetensors file.
    Deltas(PathBuf),
    /// The same as a new file of this name, or of a similar one if it exists.
    NewDeltas(PathBuf),
    /// The edited model as a folder in the layout of Hugging Face.
    Model(PathBuf),
    /// The changes of all edits in place as a folder with a low-rank adapter for the peft library.
    Adapter(PathBuf),
}

impl Job for SaveTarget {
    fn kind(&self) -> JobKind {
        JobKind::Save
    }

    fn title(&self) -> String {
        "writing".to_owned()
    }
}
