//! A look at a fact on the model without some of the edits in place.

use crate::error::Stopped;
use crate::model::rows::{mark, rows_of};
use crate::pace::RunningJob;
use locus_engine::evaluate::scores;
use locus_protocol::{BeforeAfter, Event, LeaveOut, LeftOut, Phase, TriedOn};

/// Scores the fact's prompts on the model as it is and without the edits, and tells both with the rows of the latter.
pub fn run(job: RunningJob<'_>, order: LeaveOut) -> Result<(), Stopped> {
    let LeaveOut { fact, edits } = order;
    let loaded = job.loaded;
    let looked = loaded.without(&edits)?;
    let model = looked.model();
    let mut seen = LeftOut {
        job: job.number,
        in_place: loaded.edits_on(TriedOn::AsItIs),
        with: looked.with.clone(),
        ..LeftOut::default()
    };
    // a fact that is only traced may lack a target
    if [&fact.target_new, &fact.target_true].iter().all(|target| !target.trim().is_empty()) {
        job.progress(Phase::Evaluation, 0, 2);
        let before = scores(loaded.stack.model(), &fact)?;
        job.progress(Phase::Evaluation, 1, 2);
        job.check_cancel()?;
        seen.scores = BeforeAfter { before, after: scores(model, &fact)? };
        seen.rows = rows_of(model, &fact)?;
        mark(&mut seen.rows, &loaded.stack.changes_leaving_out(&edits, model)?);
        job.progress(Phase::Evaluation, 2, 2);
    }
    job.tell(Event::LeftOut(LeftOut { fact, ..seen }));
    Ok(())
}
