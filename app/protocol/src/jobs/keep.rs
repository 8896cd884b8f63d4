//! Putting in place what was tried.

use super::{Job, JobId, JobKind};
use serde::{Deserialize, Serialize};

/// Which edit to put in place of those that were tried. What was tried on the unedited model may go on top of edits in
/// place, and is measured anew with them; else the edits in place must be those that it was tried on top of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keep {
    /// The job that tried it.
    pub tried: JobId,
}

impl Job for Keep {
    fn kind(&self) -> JobKind {
        JobKind::Edit
    }

    fn title(&self) -> String {
        "putting a variant in place".to_owned()
    }
}
