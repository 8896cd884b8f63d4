//! What a job is doing, in words.

use super::Job;
use crate::looks::{bytes, count};
use locus_protocol::Phase;

/// What a job is doing and how far that is, once it has said so.
#[must_use]
pub fn phase_text(job: &Job) -> Option<String> {
    let phase = job.phase.as_ref()?;
    Some(format!("{}{}", phase_name(phase), progress_text(phase, job)))
}

/// What a phase is called.
fn phase_name(phase: &Phase) -> &str {
    match phase {
        Phase::Weights => "reading weights",
        Phase::Probe => "comparing tapped and untapped logits",
        Phase::Runs => "clean and corrupted runs",
        Phase::Cells => "restoring cells",
        Phase::Facts => "looking at facts",
        Phase::SweepCells => "sweeping cells",
        Phase::SecondMoments => "second moments",
        Phase::Evaluation => "evaluating the record",
        Phase::Texts => "writing texts",
        Phase::Writing => "writing",
        Phase::Method(name) => name,
    }
}

/// How far a phase is, in its unit.
fn progress_text(phase: &Phase, job: &Job) -> String {
    let unit = |number: u64| match phase {
        Phase::Weights | Phase::Writing => bytes(number),
        Phase::SecondMoments => count(number),
        _ => number.to_string(),
    };
    match (job.total, job.done) {
        (0 | 1, _) if !matches!(phase, Phase::Weights) => String::new(),
        (0, 0) => String::new(),
        (0, done) => format!(" {}", unit(done)),
        (total, done) => {
            let share = job.share().unwrap_or(0.0) * 100.0;
            if *phase == Phase::Evaluation {
                // its parts are of unlike size, and of no use to know
                return format!(" ({share:.0} %)");
            }
            let of_what = if *phase == Phase::SecondMoments { " tokens" } else { "" };
            format!(" {} of {}{of_what} ({share:.0} %)", unit(done), unit(total))
        }
    }
}
