//! Commands to the engine.

use crate::{Fact, Inspect, JobId, Task};
use serde::{Deserialize, Serialize};

/// A command to the engine. Canceling is not one: the engine checks in every step whether its job should stop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case")]
#[expect(clippy::large_enum_variant, reason = "an order is made once and handed on; a box would be in every pattern")]
pub enum Command {
    /// Starts a job, or queues it after the running one.
    Do {
        job: JobId,
        /// The job's task and its arguments.
        task: Task,
    },
    /// Asks for the most probable next tokens of a prompt, and which of its tokens are the subject. A newer request
    /// replaces an older one that waits.
    Predict {
        /// The fact whose prompt is queried.
        fact: Fact,
    },
    /// Discards a variant and its changes.
    Drop {
        /// The job that tried the variant.
        tried: JobId,
    },
    /// Asks for an [`Event::Answered`](crate::Event::Answered) once all plugins have been reported.
    Plugins,
    /// Inspects a file or the machine, without a model.
    Inspect { what: Inspect },
    /// Ends the engine's process.
    Quit,
}

impl Command {
    pub fn start(job: JobId, task: impl Into<Task>) -> Self {
        Self::Do { job, task: task.into() }
    }

    /// The job that the command starts; `None` for a short query.
    #[must_use]
    pub fn job(&self) -> Option<JobId> {
        if let Self::Do { job, .. } = self { Some(*job) } else { None }
    }

    /// Whether the command only reads the model as it is, see [`crate::Job::is_look`].
    #[must_use]
    pub fn is_look(&self) -> bool {
        match self {
            Self::Do { task, .. } => task.is_look(),
            Self::Predict { .. } => true,
            Self::Drop { .. } | Self::Plugins | Self::Inspect { .. } | Self::Quit => false,
        }
    }
}
