//! Counts remarks that put the numbers of facts in doubt, by kind.

use super::{Job, JobId, JobKind};
use crate::Fact;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Facts to screen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Screen {
    pub facts: Vec<Fact>,
}

impl Job for Screen {
    fn kind(&self) -> JobKind {
        JobKind::Evaluate
    }

    fn title(&self) -> String {
        format!("screening {}", crate::counted(self.facts.len(), "fact"))
    }
}

/// How many facts have remarks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Screened {
    pub job: JobId,
    /// Number of screened facts.
    pub facts: usize,
    /// Number of facts by kind of remark.
    pub remarked: BTreeMap<String, usize>,
}
