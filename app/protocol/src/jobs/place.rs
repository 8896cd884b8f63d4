//! Applying edits that were made before.

use super::{Job, JobKind};
use serde::{Deserialize, Serialize};

/// Which operations of the journal to put in place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Operations whose edits will be in place, in order.
    pub in_place: Vec<u64>,
    /// Operations whose edits can then be redone, the next one last.
    pub taken_back: Vec<u64>,
}

impl Job for Place {
    fn kind(&self) -> JobKind {
        JobKind::Place
    }

    fn title(&self) -> String {
        "applying edits".to_owned()
    }
}
