//! How much a plugin may ask for and say in one call: looked at before anything is allocated. docs/plugins.md lists them.

use locus_plugin::{Cells, Edited, Error, Goal, NoisedSubject, Plan, Result, SampleRequest, StepReport, SuffixRequest};
use std::cell::Cell;

/// Rows of one run.
pub const ROWS: usize = 1 << 17;
/// Tokens of all rows of one run, and of one text that is decoded.
pub const TOKENS: usize = 1 << 23;
/// Cells that are read, added to or captured in one run.
pub const CELLS: usize = 1 << 20;
/// Whole distributions of one run.
pub const DISTRIBUTIONS: usize = 1 << 13;
/// Parameters that are named at once.
pub const PARAMETERS: usize = 1 << 12;
/// Prepared runs at a time.
pub const SUFFIXES: usize = 1 << 10;
/// Texts of one request for samples.
pub const SAMPLES: usize = 1 << 12;
/// Tokens of all texts of one request for samples.
pub const SAMPLED_TOKENS: usize = 1 << 20;
/// Noised copies of a prompt.
pub const COPIES: usize = 1 << 12;
/// Bytes of a text that is tokenized.
pub const TEXT: usize = 1 << 20;
/// Lines of the log in one call.
pub const LINES: usize = 10_000;
/// Bytes of a line of the log, a note, or the name of a phase.
pub const LINE: usize = 1 << 14;
/// Terms of the loss in one report.
pub const TERMS: usize = 64;
/// Numbers of one report or of an edit.
pub const METRICS: usize = 1 << 12;
/// Bytes of the name of a term, a number or an artifact.
pub const NAME: usize = 256;
/// Notes of an edit or of a plan.
pub const NOTES: usize = 1_000;
/// Changes, and artifacts, of an edit.
pub const CHANGES: usize = 1 << 14;
/// Steps that a plan may announce.
pub const STEPS: u64 = 1 << 40;

fn within(count: usize, most: usize, what: &str) -> Result<()> {
    if count <= most {
        return Ok(());
    }
    Err(Error::Request(format!("{count} {what} are too many: at most {most} are allowed")))
}

fn text(text: &str, most: usize, what: &str) -> Result<()> {
    if text.len() <= most {
        return Ok(());
    }
    Err(Error::Request(format!("{what} has {} bytes: at most {most} are allowed", text.len())))
}

/// A number that is told or kept is one that float32 holds.
fn number(value: f64, what: impl FnOnce() -> String) -> Result<()> {
    if (value as f32).is_finite() {
        return Ok(());
    }
    Err(Error::Request(format!("{} is {value}, not a finite number of float32", what())))
}

/// Rows of token ids.
pub(super) fn rows(rows: &[Vec<i64>], facts: &[usize]) -> Result<()> {
    within(rows.len(), ROWS, "rows in one run")?;
    within(facts.len(), ROWS, "facts of rows in one run")?;
    within(rows.iter().map(Vec::len).sum(), TOKENS, "tokens in one run")
}

/// Cells at some sites.
pub(super) fn cells(cells: &[Cells]) -> Result<()> {
    within(cells.len(), CELLS, "sites in one run")?;
    within(cells.iter().map(|cells| cells.cells.len()).sum(), CELLS, "cells in one run")
}

/// A run that will be repeated, where `prepared` others are.
pub(super) fn suffix(request: &SuffixRequest, prepared: usize) -> Result<()> {
    if prepared >= SUFFIXES {
        return Err(Error::Request(format!(
            "no more than {prepared} runs can be prepared at a time; release those that are done (dropping a PreparedSuffix does)"
        )));
    }
    rows(&request.rows, &request.facts)?;
    cells(&request.add)?;
    cells(&request.capture)?;
    within(request.parameters.len(), PARAMETERS, "parameters in one run")?;
    within(request.read.len(), CELLS, "reads in one run")?;
    within(request.distributions.len(), DISTRIBUTIONS, "whole distributions in one run")
}

/// Parameters that are replaced.
pub(super) fn parameters(count: usize) -> Result<()> {
    within(count, PARAMETERS, "parameters at once")
}

/// Checks the number and length of samples.
pub(super) fn sample(request: &SampleRequest) -> Result<()> {
    text(&request.prompt, TEXT, "the prompt of its samples")?;
    within(request.count, SAMPLES, "samples at once")?;
    within(request.count.saturating_mul(request.tokens), SAMPLED_TOKENS, "sampled tokens at once")?;
    request.noised.as_ref().map_or(Ok(()), noised)
}

/// Checks the copies and the level of a noised subject.
pub(super) fn noised(subject: &NoisedSubject) -> Result<()> {
    within(subject.noise.copies, COPIES, "noised copies of a prompt")?;
    number(subject.noise.level, || "the level of its noise".to_owned())
}

/// A text that is tokenized.
pub(super) fn tokenized(given: &str) -> Result<()> {
    text(given, TEXT, "the text to tokenize")
}

/// Ids that are decoded.
pub(super) fn ids(count: usize) -> Result<()> {
    within(count, TOKENS, "tokens in one text")
}

/// A row of the live table.
pub(super) fn report(report: &StepReport) -> Result<()> {
    within(report.losses.len(), TERMS, "terms of the loss in one report")?;
    within(report.metrics.iter().map(|layer| layer.values.len()).sum(), METRICS, "numbers in one report")?;
    within(report.metrics.len(), METRICS, "layers in one report")?;
    if !report.losses.contains_key("loss") {
        return Err(Error::Request(format!(
            "the report of step {} has no loss; add one with .loss(\"loss\", value)",
            report.step
        )));
    }
    let metrics = report.metrics.iter().flat_map(|layer| &layer.values);
    for (name, &value) in report.losses.iter().chain(metrics) {
        text(name, NAME, "the name of a number in its report")?;
        number(value, || format!("`{name}` in the report of step {}", report.step))?;
    }
    Ok(())
}

/// The name of a phase.
pub(super) fn phase(name: &str) -> Result<()> {
    text(name, LINE, "the name of a phase")
}

/// A line of the log, of which `before` have been written.
pub(super) fn line(line: &str, before: &Cell<usize>) -> Result<()> {
    before.set(before.get().saturating_add(1));
    if before.get() > LINES {
        return Err(Error::Request(format!("it wrote more than {LINES} lines into the log")));
    }
    text(line, LINE, "a line for the log")
}

fn notes(notes: &[String]) -> Result<()> {
    within(notes.len(), NOTES, "notes")?;
    notes.iter().try_for_each(|note| text(note, LINE, "a note"))
}

/// What an objective aims at.
///
/// # Errors
/// [`Error::Failed`] with what is too much of it, or missing, or no finite number.
pub fn goal(goal: &Goal) -> Result<()> {
    let checked = || {
        if goal.target.trim().is_empty() {
            let message = "it aims at an empty text; return Error::Request for a fact that lacks what it needs";
            return Err(Error::Failed(message.to_owned()));
        }
        text(&goal.target, LINE, "the target that it aims at")?;
        text(goal.baseline.as_deref().unwrap_or_default(), LINE, "what it compares the target with")?;
        let Some(noise) = &goal.noise else { return Ok(()) };
        noised(&NoisedSubject { subject: String::new(), noise: noise.clone() })
    };
    as_fault(checked())
}

/// What a method is going to do.
///
/// # Errors
/// [`Error::Failed`] with what is too much of it.
pub fn plan(plan: &Plan) -> Result<()> {
    let checked = || {
        within(plan.layers.len(), PARAMETERS, "planned layers")?;
        within(plan.second_moments.len(), PARAMETERS, "planned second moments")?;
        within(plan.parameters.len(), PARAMETERS, "planned parameters")?;
        plan.parameters.iter().try_for_each(|name| text(name, NAME, "the name of a planned parameter"))?;
        notes(&plan.notes)?;
        if plan.steps > STEPS {
            return Err(Error::Request(format!(
                "{} planned steps are too many: at most {STEPS} are allowed",
                plan.steps
            )));
        }
        Ok(())
    };
    as_fault(checked())
}

/// What a method gives back, but for the numbers in its changes.
///
/// # Errors
/// [`Error::Failed`] with what is too much of it, or no finite number.
pub fn edited(edited: &Edited) -> Result<()> {
    let checked = || {
        within(edited.deltas.len(), CHANGES, "changes in one edit")?;
        within(edited.artifacts.len(), CHANGES, "artifacts in one edit")?;
        within(edited.metrics.len(), METRICS, "numbers of one edit")?;
        notes(&edited.notes)?;
        notes(&edited.limits)?;
        for (name, &value) in &edited.metrics {
            text(name, NAME, "the name of a number of its edit")?;
            number(value, || format!("`{name}` of its edit"))?;
        }
        edited.artifacts.iter().try_for_each(|(name, _)| text(name, NAME, "the name of an artifact"))
    };
    as_fault(checked())
}

/// What a plugin answers too much of is its own fault, not the user's.
fn as_fault(checked: Result<()>) -> Result<()> {
    checked.map_err(|error| Error::Failed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::{CELLS, LINES, ROWS, SAMPLES, SUFFIXES, TOKENS};
    use locus_plugin::{Cell, Cells, Edited, NoisedSubject, Plan, SampleRequest, Site, StepReport, SuffixRequest};

    #[test]
    fn what_is_asked_for_is_bounded() {
        let sample = |count, tokens| super::sample(&SampleRequest { count, tokens, ..Default::default() });
        assert!(sample(SAMPLES, 10).is_ok() && sample(SAMPLES + 1, 1).is_err() && sample(2, usize::MAX).is_err());
        assert!(super::rows(&vec![vec![]; ROWS], &[]).is_ok());
        assert!(super::rows(&vec![vec![]; ROWS + 1], &[]).is_err());
        assert!(super::rows(&[vec![0; TOKENS + 1]], &[]).is_err());
        let many = vec![Cell { row: 0, position: 0 }; CELLS + 1];
        assert!(super::cells(&[Cells { site: Site::Embedding, cells: many }]).is_err());
        assert!(super::suffix(&SuffixRequest::default(), SUFFIXES - 1).is_ok());
        let full = super::suffix(&SuffixRequest::default(), SUFFIXES).expect_err("full").to_string();
        assert!(full.contains("release those that are done"), "{full}");
        let mut noised = NoisedSubject::default();
        assert!(super::noised(&noised).is_ok());
        noised.noise.copies = usize::MAX;
        assert!(super::noised(&noised).is_err());
        assert!(super::plan(&Plan { steps: u64::MAX, ..Plan::default() }).is_err());
    }

    #[test]
    fn what_is_said_is_bounded_and_finite() {
        let report = || StepReport::new(3, 9, 0).loss("loss", 1.0);
        assert!(super::report(&report()).is_ok());
        for value in [f64::NAN, f64::INFINITY, 1e39] {
            let said = super::report(&report().metric(0, "norm", value)).expect_err("not finite").to_string();
            assert!(said.starts_with("`norm` in the report of step 3 is "), "{said}");
            assert!(super::edited(&Edited::new().metric("p", value)).is_err());
        }
        let said = super::report(&StepReport::new(3, 9, 0).loss("residual", 1.0)).expect_err("no loss").to_string();
        assert_eq!(said, "the report of step 3 has no loss; add one with .loss(\"loss\", value)");
        let lines = std::cell::Cell::new(0);
        assert!((0..LINES).all(|_| super::line("well", &lines).is_ok()));
        assert!(super::line("once more", &lines).is_err());
        assert!(super::line(&"x".repeat(1 << 15), &std::cell::Cell::new(0)).is_err());
    }
}
