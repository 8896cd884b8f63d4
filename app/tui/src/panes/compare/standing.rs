//! How far a variant is with the selected fact, in words.

use crate::looks::{bytes, seconds};
use crate::state::{Attempt, Ground, Stage, State, Variant, phase_text, time_left};
use locus_protocol::{model_with, with_edits};
use ratatui::style::Style;

/// How far a variant is with the selected fact.
pub(super) enum Standing<'a> {
    /// There is no fact, or the settings make no order.
    Wrong(String),
    /// It was not tried with this fact and these settings.
    New,
    /// It is remembered: running, measured, canceled or failed.
    Known(&'a Attempt, Ground),
}

impl Standing<'_> {
    pub(super) fn words(&self, state: &State) -> String {
        let attempt = match self {
            Self::Wrong(why) => return why.clone(),
            Self::New => return "not run yet".to_owned(),
            Self::Known(attempt, Ground::Other) if attempt.view.stage == Stage::Running => {
                return format!("runs on {}", model_with(&attempt.on_top_of));
            }
            Self::Known(attempt, Ground::Other) => {
                return match &attempt.on_top_of[..] {
                    [] => "run on unedited only".to_owned(),
                    edits => format!("run with {} only", with_edits(edits)),
                };
            }
            Self::Known(attempt, Ground::Same | Ground::InPlace) => attempt,
        };
        let missed = if is_missed(attempt) { "did not take, " } else { "" };
        let in_place = |number: &u64| state.edits.applied.iter().any(|edit| edit.number == *number);
        if let Some(number) = attempt.number.filter(in_place) {
            return format!("{missed}in place as edit {number}");
        }
        match &attempt.view.stage {
            Stage::Running => running_words(state, attempt),
            Stage::Cancelled(_) => "canceled".to_owned(),
            Stage::Failed(error) => format!("failed: {error}"),
            Stage::Applied | Stage::Tried | Stage::Undone => match (&attempt.tried, attempt.seconds) {
                (Some(tried), Some(took)) if attempt.kept => {
                    format!("{missed}{}, {}", seconds(took), bytes(tried.bytes))
                }
                (_, Some(took)) => format!("{missed}made as an edit in {}", seconds(took)),
                _ => format!("{missed}measured"),
            },
        }
    }

    pub(super) fn style(&self, state: &State) -> Style {
        match self {
            Self::Wrong(_) => state.theme().bad(),
            Self::New => state.theme().muted(),
            Self::Known(_, Ground::Other) => state.theme().warn(),
            Self::Known(attempt, _) => match attempt.view.stage {
                Stage::Running => state.theme().accent(),
                Stage::Cancelled(_) => state.theme().warn(),
                Stage::Failed(_) => state.theme().bad(),
                Stage::Applied | Stage::Tried | Stage::Undone => match &attempt.view.verdict {
                    Some(verdict) => state.theme().verdict(verdict),
                    None => state.theme().good(),
                },
            },
        }
    }
}

/// Whether an attempt was measured and did not take.
fn is_missed(attempt: &Attempt) -> bool {
    attempt.view.verdict.as_ref().is_some_and(|verdict| !verdict.success)
}

fn running_words(state: &State, attempt: &Attempt) -> String {
    if state.jobs.waits(attempt.view.job) {
        return "waiting".to_owned();
    }
    let Some(job) = state.running(attempt.view.job) else { return "ended".to_owned() };
    let step = attempt.view.step.filter(|step| job.optimizes() && *step < attempt.view.steps);
    let step = step.map(|step| format!("step {} of {}", step + 1, attempt.view.steps));
    let what = step.or_else(|| phase_text(job)).unwrap_or_else(|| "preparing".to_owned());
    // the line at the foot of the screen says where it is unknown
    job.left(state.now).map_or(what.clone(), |left| format!("{what}, {}", time_left(Some(left))))
}

/// How far a variant is with the selected fact on the model that variants are measured on.
pub(super) fn standing<'a>(state: &'a State, variant: &Variant) -> Standing<'a> {
    let Some(fact) = state.fact() else { return Standing::Wrong("no fact is selected".to_owned()) };
    match variant.order(&state.engine, fact) {
        Err(why) => Standing::Wrong(state.words_of(&why)),
        Ok(order) => match state.compare.attempt(&order, &state.measured_on()) {
            Some((attempt, ground)) => Standing::Known(attempt, ground),
            None => Standing::New,
        },
    }
}
