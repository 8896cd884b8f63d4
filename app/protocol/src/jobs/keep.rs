//! Applying an edit that was tried.

use super::{Job, JobId, JobKind};
use serde::{Deserialize, Serialize};

/// Which variant to apply. One that was tried on the unedited model may be applied on top of the edits in place, and is
/// measured again with them; otherwise the edits in place must be those that it was tried on top of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keep {
    /// The job that tried the variant.
    pub tried: JobId,
}

impl Job for Keep {
    fn kind(&self) -> JobKind {
        JobKind::Edit
    }

    fn title(&self) -> String {
        "applying a variant".to_owned()
    }
}
