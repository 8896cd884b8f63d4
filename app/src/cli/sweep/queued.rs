//! What Slurm has of a sweep, for `locus sweep status`. The ledger alone says what is done.

use crate::cli::output;
use locus_cluster::{InQueue, Submission, queue, submissions};
use locus_protocol::counted;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// What was submitted of a sweep, and what Slurm says of it.
pub struct Queued {
    submissions: Vec<Submission>,
    queue: Result<InQueue, String>,
    logs: PathBuf,
}

impl Queued {
    /// Looks; `None` where nothing was submitted. A squeue that is not there or does not answer is told as such.
    pub fn of(folder: &Path) -> Option<Self> {
        let submissions = match submissions(folder) {
            Ok(submissions) => submissions,
            Err(error) => {
                output::complain(&error.to_string());
                return None;
            }
        };
        if submissions.iter().all(|submission| submission.arrays.is_empty()) {
            return None;
        }
        let queue = queue(&submissions).map_err(|error| error.to_string());
        Some(Self { submissions, queue, logs: folder.join("cluster/logs") })
    }

    /// Elements that wait or run; `None` where that is not known.
    pub fn left(&self) -> Option<usize> {
        self.queue.as_ref().ok().map(InQueue::left)
    }

    /// Numbers of the jobs.
    fn jobs(&self) -> Vec<&str> {
        self.submissions.iter().flat_map(|it| &it.arrays).map(|array| array.job.as_str()).collect()
    }

    /// As lines of a table.
    pub fn rows(&self, is_complete: bool) -> Vec<(&'static str, String)> {
        let submitted: usize = self.submissions.iter().map(Submission::submitted).sum();
        let jobs = self.jobs();
        let noun = if jobs.len() == 1 { "job" } else { "jobs" };
        let mut rows = vec![("submitted", format!("{} as {noun} {}", counted(submitted, "element"), shortened(&jobs)))];
        match &self.queue {
            Err(why) => rows.push(("in the queue", format!("unknown: {why}"))),
            Ok(queue) if queue.states.is_empty() => rows.push(("in the queue", "none of them".to_owned())),
            Ok(queue) => {
                let state = |(state, count): (&String, &usize)| {
                    let why: Vec<&str> = queue.waiting.keys().map(String::as_str).collect();
                    let why = if state == "PENDING" { format!(" ({})", why.join(", ")) } else { String::new() };
                    format!("{count} {}{why}", state.to_lowercase().replace('_', " "))
                };
                let states: Vec<String> = queue.states.iter().map(state).collect();
                rows.push(("in the queue", states.join(", ")));
                if queue.failed() > 0 {
                    rows.push(("", format!("some failed, see {}", self.logs.display())));
                }
                if is_complete && queue.left() > 0 {
                    rows.push(("", format!("no cells are left for them: scancel {}", jobs.join(" "))));
                }
            }
        }
        rows
    }

    /// The same as a record for `--json`.
    pub fn json(&self) -> Value {
        json!({
            "jobs": self.jobs(),
            "elements": self.submissions.iter().map(Submission::submitted).sum::<usize>(),
            "states": self.queue.as_ref().ok().map(|queue| &queue.states),
            "waiting": self.queue.as_ref().ok().map(|queue| &queue.waiting),
            "unknown": self.queue.as_ref().err(),
        })
    }
}

/// A list that fits on a line.
fn shortened(jobs: &[&str]) -> String {
    match jobs {
        [first, .., last] if jobs.len() > 6 => format!("{first} … {last}"),
        _ => jobs.join(", "),
    }
}
