//! Computes analyses on a thread of its own, that the loop hears from.

use crate::analyzed::analyze;
use crate::input::AnalysisEvent;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// An analysis that is computed; it is stopped when this is dropped.
#[derive(Debug)]
pub struct Analyst {
    stopped: Arc<AtomicBool>,
}

impl Analyst {
    /// Begins; `tell` is called from another thread. `fully` takes as many resamples as `locus analyze`, however long
    /// that takes.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub fn start(folder: PathBuf, fully: bool, tell: impl Fn(AnalysisEvent) + Send + 'static) -> Result<Self, String> {
        let stopped = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stopped);
        let work = move || {
            let mut told = |done, all| {
                let goes_on = !flag.load(Ordering::Relaxed);
                if goes_on {
                    tell(AnalysisEvent::Computed { done, all });
                }
                goes_on
            };
            // one that was stopped has nothing to say
            if let Some(ended) = analyze(&folder, fully, &mut told).transpose() {
                tell(AnalysisEvent::Ended(ended.map(Arc::new)));
            }
        };
        let spawned = thread::Builder::new().name("analysis".to_owned()).spawn(work);
        spawned.map_err(|error| format!("the analysis cannot be started: {error}"))?;
        Ok(Self { stopped })
    }
}

impl Drop for Analyst {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
    }
}
