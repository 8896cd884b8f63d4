//! What the engine can be told.

use crate::{Fact, Inspect, JobId, Task};
use serde::{Deserialize, Serialize};

/// An order to the engine. Cancelling is not one: the engine looks in every step whether its job is to stop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case")]
#[expect(clippy::large_enum_variant, reason = "an order is made once and handed on; a box would be in every pattern")]
pub enum Command {
    /// Starts a job, or queues it behind the running one.
    Do {
        job: JobId,
        /// What it is to do.
        task: Task,
    },
    /// Asks for the most probable next tokens of a prompt, and where its subject lies. A newer request
    /// replaces an older one that waits.
    Predict {
        /// The fact whose prompt is asked.
        fact: Fact,
    },
    /// Forgets an edit that was tried.
    Drop {
        /// The job that tried it.
        tried: JobId,
    },
    /// Asks to be told when all plugins that there are have been told.
    Plugins,
    /// Looks at a file or at the machine, without a model.
    Inspect { what: Inspect },
    /// Ends the process of the engine.
    Quit,
}

impl Command {
    pub fn start(job: JobId, task: impl Into<Task>) -> Self {
        Self::Do { job, task: task.into() }
    }

    /// The job that the order starts; none where it is something short.
    #[must_use]
    pub fn job(&self) -> Option<JobId> {
        if let Self::Do { job, .. } = self { Some(*job) } else { None }
    }

    /// Whether the order only looks at the model as it is, see [`crate::Job::is_look`].
    #[must_use]
    pub fn is_look(&self) -> bool {
        match self {
            Self::Do { task, .. } => task.is_look(),
            Self::Predict { .. } => true,
            Self::Drop { .. } | Self::Plugins | Self::Inspect { .. } | Self::Quit => false,
        }
    }
}
