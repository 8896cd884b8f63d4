//! Checks of all that a plugin's file holds.

use crate::error::{Error, Stopped};
use crate::plugins::conformance;
use crate::worker::Worker;
use locus_protocol::{CheckPlugin, Event, JobId};

/// Checks all that a file holds. What it replaces of the plugins at hand stays usable under another id.
pub fn run(worker: &mut Worker<'_>, job: JobId, check: &CheckPlugin) -> Result<(), Stopped> {
    let loaded = worker.registry.reload(&check.file)?.loaded;
    worker.pace.tell_remarks();
    let mut failed = 0;
    for plugin in loaded {
        worker.pace.tell(Event::Plugin(plugin.clone()));
        failed += conformance::check(worker.job(job)?, &worker.registry, &worker.options, &plugin, check.edits)?;
    }
    match failed {
        0 => Ok(()),
        1 => Err(Error::Unfit("1 check failed".to_owned()).into()),
        many => Err(Error::Unfit(format!("{many} checks failed")).into()),
    }
}
