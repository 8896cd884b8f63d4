//! What became of submitted elements, by `squeue` alone: many clusters keep no accounts, so that `sacct` is not asked. The
//! ledger says what is done; this only says whether somebody is going to do the rest.

use crate::error::{Error, Result};
use crate::slurm::squeue;
use crate::submission::Submission;
use std::collections::{BTreeMap, BTreeSet};

/// Elements that Slurm still knows of. It forgets those that have ended after a few minutes (MinJobAge).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InQueue {
    /// How many are in each state: PENDING, RUNNING, …
    pub states: BTreeMap<String, usize>,
    /// Why those wait that do.
    pub waiting: BTreeMap<String, usize>,
}

impl InQueue {
    /// How many wait or run.
    #[must_use]
    pub fn left(&self) -> usize {
        let is_left = |state: &str| !ENDED.contains(&state);
        self.states.iter().filter(|(state, _)| is_left(state)).map(|(_, count)| count).sum()
    }

    /// How many have ended otherwise than they should.
    #[must_use]
    pub fn failed(&self) -> usize {
        let failed = |state: &str| ENDED.contains(&state) && !["COMPLETED", "CANCELLED"].contains(&state);
        self.states.iter().filter(|(state, _)| failed(state)).map(|(_, count)| count).sum()
    }
}

/// States of elements that have ended (manual page of squeue).
const ENDED: [&str; 11] = [
    "BOOT_FAIL",
    "CANCELLED",
    "COMPLETED",
    "DEADLINE",
    "FAILED",
    "NODE_FAIL",
    "OUT_OF_MEMORY",
    "PREEMPTED",
    "REVOKED",
    "SPECIAL_EXIT",
    "TIMEOUT",
];

/// Asks squeue for the elements of some submissions.
///
/// # Errors
/// There is no squeue, it does not answer, or it refuses.
pub fn queue(submissions: &[Submission]) -> Result<InQueue> {
    let mut clusters: BTreeMap<Option<&str>, BTreeSet<&str>> = BTreeMap::new();
    for array in submissions.iter().flat_map(|submission| &submission.arrays) {
        clusters.entry(array.cluster.as_deref()).or_default().insert(&array.job);
    }
    let mut found = InQueue::default();
    for (cluster, jobs) in clusters {
        let jobs = jobs.into_iter().collect::<Vec<_>>().join(",");
        let jobs = format!("--jobs={jobs}");
        let said = squeue(cluster, &["--noheader", "--array", "--states=all", "--format=%T|%r", &jobs])?;
        // a single job that has been forgotten is refused, of several those are told that are known
        if !said.well && !said.err.contains("Invalid job id") {
            let words = said.words().replace("squeue: error: ", "");
            return Err(Error::Refused { program: "squeue".to_owned(), words });
        }
        found.read(&said.out);
    }
    Ok(found)
}

impl InQueue {
    fn read(&mut self, text: &str) {
        for (state, reason) in text.lines().filter_map(|line| line.trim().split_once('|')) {
            *self.states.entry(state.to_owned()).or_default() += 1;
            if state == "PENDING" {
                *self.waiting.entry(reason.to_owned()).or_default() += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::InQueue;

    #[test]
    fn elements_are_counted_by_state() {
        let mut queue = InQueue::default();
        queue.read(
            "CLUSTER: alpha\nRUNNING|None\nPENDING|Resources\nPENDING|Resources\nFAILED|OutOfMemory\nCOMPLETING|None\n",
        );
        assert_eq!((queue.left(), queue.failed()), (4, 1));
        assert_eq!(queue.waiting, [("Resources".to_owned(), 2)].into());
    }
}
