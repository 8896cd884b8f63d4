//! Putting edits in place that were made before.

use super::{Job, JobKind};
use serde::{Deserialize, Serialize};

/// Which operations of the journal to put in place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Operations whose edits are in place then.
    pub in_place: Vec<u64>,
    /// Operations whose edits can be put in place again then, the next one last.
    pub taken_back: Vec<u64>,
}

impl Job for Place {
    fn kind(&self) -> JobKind {
        JobKind::Place
    }

    fn title(&self) -> String {
        "putting edits in place".to_owned()
    }
}
