//! What should be known of facts before their numbers are believed, counted by kind.

use crate::error::Stopped;
use crate::pace::RunningJob;
use locus_engine::evaluate::remarks;
use locus_protocol::{Event, Phase, Screen, Screened};
use std::collections::{BTreeMap, BTreeSet};

/// Facts between two looks at whether the user wants to stop.
const STEP: usize = 64;

/// Looks through facts and tells how many there is something to be known of. What is wrong with one that cannot be read is told
/// where it is measured.
pub fn run(job: RunningJob<'_>, screen: &Screen) -> Result<(), Stopped> {
    let tokenizer = &job.loaded.stack.model().tokenizer;
    let mut remarked: BTreeMap<String, usize> = BTreeMap::new();
    for (index, fact) in screen.facts.iter().enumerate() {
        if index % STEP == 0 {
            job.check_cancel()?;
            job.progress(Phase::Facts, index as u64, screen.facts.len() as u64);
        }
        let remarks = remarks(tokenizer, fact).unwrap_or_default();
        let kinds: BTreeSet<&str> = remarks.iter().map(|remark| remark.kind.words()).collect();
        for kind in kinds {
            *remarked.entry(kind.to_owned()).or_default() += 1;
        }
    }
    job.tell(Event::Screened(Screened { job: job.number, facts: screen.facts.len(), remarked }));
    Ok(())
}
