//! What the engine thread owns.

use crate::SessionOptions;
use crate::error::Error;
use crate::measures::tried::TriedEdit;
use crate::model::loaded::Loaded;
use crate::pace::{Pace, RunningJob};
use crate::record::recording::{Done, Ends, Recorder, commit};
use locus_engine::edit::Arrangement;
use locus_plugin_host::Registry;
use locus_protocol::{Event, JobId};
use std::collections::BTreeMap;

/// What the thread owns.
pub struct Worker<'a> {
    /// What the session started from.
    pub options: SessionOptions,
    pub registry: Registry,
    /// Where jobs tell what happens, and whether they are to go on.
    pub pace: Pace<'a>,
    /// Threads that libtorch takes by itself.
    pub all_threads: i32,
    /// The model, once there is one.
    pub loaded: Option<Loaded>,
    /// Edits of that model that were tried and are not in place, by the jobs that tried them.
    pub variants: BTreeMap<JobId, TriedEdit>,
    /// The journal of operations, where the session uses it.
    pub operations: Option<Recorder>,
    /// Whether the plugins have been opened.
    pub plugins_are_open: bool,
}

/// Threads that libtorch may take by itself: what it takes of its own, but no more than a container or a scheduler lets
/// this process have, unless the user has said how many.
pub fn all_threads() -> i32 {
    let of_its_own = tch::get_num_threads();
    if ["OMP_NUM_THREADS", "MKL_NUM_THREADS"].iter().any(|name| std::env::var_os(name).is_some()) {
        return of_its_own;
    }
    let allowed = std::thread::available_parallelism().map_or(i32::MAX, |count| count.get() as i32);
    of_its_own.min(allowed)
}

impl<'a> Worker<'a> {
    /// Without plugins and model yet.
    pub fn new(options: SessionOptions, pace: Pace<'a>) -> Self {
        let all_threads = all_threads();
        // before libtorch starts threads for the first time: where they do not fit, it ends the program
        tch::set_num_threads(options.start.threads.unwrap_or(all_threads));
        let registry = Registry::new(options.search.clone());
        let (role, reproducible) = (options.start.role, options.start.reproducible);
        let operations = options.operations.as_ref().map(|folder| Recorder::new(folder, role, reproducible));
        Self {
            options,
            registry,
            pace,
            all_threads,
            loaded: None,
            variants: BTreeMap::new(),
            operations,
            plugins_are_open: false,
        }
    }
}

impl Worker<'_> {
    /// The model, or what to do to have one.
    pub fn loaded(&mut self) -> Result<&mut Loaded, Error> {
        self.loaded.as_mut().ok_or_else(no_model)
    }

    /// The model to look at, or what to do to have one.
    pub fn ready(&self) -> Result<&Loaded, Error> {
        self.loaded.as_ref().ok_or_else(no_model)
    }

    /// The running job as far as it only reads, or what to do to have a model.
    pub fn job(&self, number: JobId) -> Result<RunningJob<'_>, Error> {
        Ok(RunningJob { number, loaded: self.ready()?, pace: &self.pace })
    }

    /// Records a step, puts `after` in place and tells it, see [`commit`].
    ///
    /// # Errors
    /// It cannot be recorded or told; everything is as it was.
    pub fn commit(
        &mut self,
        step: &Done,
        after: Arrangement,
        event: impl FnOnce(&Arrangement, &BTreeMap<u64, u64>) -> Event,
    ) -> Result<(), Error> {
        let loaded = self.loaded.as_mut().ok_or_else(no_model)?;
        commit(
            &mut Ends { loaded, recorder: self.operations.as_mut(), emitter: &self.pace.emitter },
            step,
            after,
            event,
        )
    }
}

fn no_model() -> Error {
    Error::Request("no model is loaded; load one first".to_owned())
}
