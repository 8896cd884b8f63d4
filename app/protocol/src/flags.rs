//! What is said to a job while it runs.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Flags that the engine looks at in every step. It takes one back when the job that it is meant for has ended.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// Set to stop the running job; not a trace that is done between two of its steps.
    pub cancel: Arc<AtomicBool>,
    /// Set to stop the trace that runs, or that was ordered and runs next; not the job that stands by for it.
    pub cancel_look: Arc<AtomicBool>,
    /// Set to have the running job wait where it is, and taken back to have it go on.
    pub pause: Arc<AtomicBool>,
}
