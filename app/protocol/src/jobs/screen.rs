//! What should be known of many facts before their numbers are believed, counted by kind.

use super::{Job, JobId, JobKind};
use crate::Fact;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Facts that are to be looked through.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Screen {
    pub facts: Vec<Fact>,
}

impl Job for Screen {
    fn kind(&self) -> JobKind {
        JobKind::Evaluate
    }

    fn title(&self) -> String {
        format!("looking through {}", crate::counted(self.facts.len(), "fact"))
    }
}

/// How many facts there is something to be known of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Screened {
    pub job: JobId,
    /// Facts that were looked through.
    pub facts: usize,
    /// By what is to be known: how many of them it is true of.
    pub remarked: BTreeMap<String, usize>,
}
