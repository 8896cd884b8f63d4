//! What stands below the layers: prompts, scores, weights, costs, next tokens and texts of each variant.

use super::grid::Grid;
use crate::looks::{bytes, printable, probability, ratio, seconds, shorten, signed, token_text};
use crate::state::{Attempt, State};
use locus_protocol::{PromptScore, Scores};
use ratatui::text::{Line, Span};

/// A number of a variant.
pub(super) struct Measure {
    /// The section it belongs to.
    pub section: &'static str,
    /// What it is.
    pub name: &'static str,
    /// Its value.
    pub of: fn(&Attempt) -> Option<f64>,
    /// Its value without the variant.
    pub before: fn(&Attempt) -> Option<f64>,
    /// How it is written.
    pub text: fn(f64) -> String,
    /// How a difference is written.
    pub signed: fn(f64) -> String,
}

/// Shares of prompts after which the model says the target of its own accord.
const SAYS: &str = "says target";
/// The same where it says nothing else.
const EXACTLY: &str = "says target exactly";

const NONE: fn(&Attempt) -> Option<f64> = |_| None;

const fn mean(name: &'static str, of: fn(&Attempt) -> Option<f64>, before: fn(&Attempt) -> Option<f64>) -> Measure {
    Measure { section: "mean p(new)", name, of, before, text: probability, signed }
}

const fn score(name: &'static str, of: fn(&Attempt) -> Option<f64>) -> Measure {
    Measure { section: "scores", name, of, before: NONE, text: probability, signed }
}

/// A share of prompts by what the model says after them, by the name of the number.
const fn says(
    section: &'static str,
    name: &'static str,
    of: fn(&Attempt) -> Option<f64>,
    before: fn(&Attempt) -> Option<f64>,
) -> Measure {
    Measure { section, name, of, before, text: probability, signed }
}

/// All numbers, in the order of their sections.
pub(super) const MEASURES: &[Measure] = &[
    mean("rewrite", |a| new(&after(a)?.rewrite), |a| new(&before(a)?.rewrite)),
    mean("paraphrase", |a| new(&after(a)?.paraphrase), |a| new(&before(a)?.paraphrase)),
    mean("neighborhood", |a| new(&after(a)?.neighborhood), |a| new(&before(a)?.neighborhood)),
    Measure {
        section: "mean p(true)",
        ..mean("neighborhood", |a| truth(&after(a)?.neighborhood), |a| truth(&before(a)?.neighborhood))
    },
    says(SAYS, "rewrite", |a| number(a, "after.rewrite_says"), |a| number(a, "before.rewrite_says")),
    says(SAYS, "paraphrase", |a| number(a, "after.paraphrase_says"), |a| number(a, "before.paraphrase_says")),
    says(EXACTLY, "rewrite", |a| number(a, "after.rewrite_says_exactly"), |a| number(a, "before.rewrite_says_exactly")),
    says(
        EXACTLY,
        "paraphrase",
        |a| number(a, "after.paraphrase_says_exactly"),
        |a| number(a, "before.paraphrase_says_exactly"),
    ),
    says("neighborhood kept (says)", "neighborhood", |a| number(a, "neighborhood_kept"), NONE),
    score("rewrite", |a| number(a, "rewrite_score")),
    score("paraphrase", |a| number(a, "paraphrase_score")),
    score("neighborhood", |a| number(a, "neighborhood_score")),
    score("relations", |a| number(a, "relations_score")),
    score("overall", |a| number(a, "overall_score")),
    Measure { section: "costs", name: "weights", of: largest_change, before: NONE, text: ratio, signed: signed_ratio },
    Measure { section: "costs", name: "time", of: |a| a.seconds, before: NONE, text: seconds, signed: signed_ratio },
    Measure { section: "costs", name: "memory", of: memory, before: NONE, text: bytes_text, signed: signed_bytes },
];

fn after(attempt: &Attempt) -> Option<&Scores> {
    attempt.tried.as_ref().map(|tried| &tried.would.scores.after)
}

fn before(attempt: &Attempt) -> Option<&Scores> {
    attempt.tried.as_ref().map(|tried| &tried.would.scores.before)
}

fn number(attempt: &Attempt, name: &str) -> Option<f64> {
    attempt.tried.as_ref()?.would.numbers.get(name).copied()
}

#[expect(clippy::cast_precision_loss, reason = "a handful of prompts")]
fn mean_of(scores: &[PromptScore], of: fn(&PromptScore) -> f64) -> Option<f64> {
    (!scores.is_empty()).then(|| scores.iter().map(of).sum::<f64>() / scores.len() as f64)
}

fn new(scores: &[PromptScore]) -> Option<f64> {
    mean_of(scores, |score| score.new)
}

fn truth(scores: &[PromptScore]) -> Option<f64> {
    mean_of(scores, |score| score.truth)
}

fn largest_change(attempt: &Attempt) -> Option<f64> {
    let changes = attempt.tried.as_ref()?.would.changes.iter();
    changes.map(|change| change.relative).reduce(f64::max)
}

#[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
fn memory(attempt: &Attempt) -> Option<f64> {
    attempt.tried.as_ref().map(|tried| tried.bytes as f64)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bytes that were counted")]
fn bytes_text(value: f64) -> String {
    bytes(value as u64).replace(' ', "")
}

/// A difference in six cells at most.
fn signed_ratio(value: f64) -> String {
    match value.abs() {
        size if size >= 1000.0 => format!("{value:+.0e}"),
        size if size >= 10.0 => format!("{value:+.1}"),
        size if size >= 1.0 => format!("{value:+.2}"),
        _ => crate::looks::signed(value),
    }
}

fn signed_bytes(value: f64) -> String {
    let sign = if value < 0.0 { "-" } else { "+" };
    let size = value.abs();
    match size {
        _ if size < 1024.0 => format!("{sign}{size:.0}B"),
        _ if size < 1024.0 * 1024.0 => format!("{sign}{:.0}K", size / 1024.0),
        _ if size < 1024.0 * 1024.0 * 1024.0 => format!("{sign}{:.0}M", size / 1024.0 / 1024.0),
        _ => format!("{sign}{:.1}G", size / 1024.0 / 1024.0 / 1024.0),
    }
}

/// All lines for a room.
pub(super) fn lines(state: &State, grid: &Grid<'_>, room: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let mut section = "";
    for measure in MEASURES {
        let values: Vec<_> = grid.attempts.iter().map(|attempt| attempt.and_then(measure.of)).collect();
        if values.iter().all(Option::is_none) {
            continue;
        }
        if section != measure.section {
            section = measure.section;
            lines.push(Line::styled(format!(" {}", section_title(state, section)), state.theme().heading()));
        }
        let before = grid.attempts.iter().flatten().find_map(|attempt| (measure.before)(attempt));
        let label = (format!("  {}", measure.name), state.theme().text());
        lines.push(grid.row(label, before, &values, measure.text, measure.signed, false));
    }
    let measured: Vec<_> = state.compare.variants.list.iter().zip(&grid.attempts).collect();
    let measured: Vec<_> = measured
        .into_iter()
        .filter_map(|(variant, attempt)| Some((variant, *attempt, attempt.and_then(|attempt| attempt.tried.as_ref())?)))
        .collect();
    if let Some((_, _, tried)) = measured.first() {
        let text = tried.would.said.first().map(|said| format!(" before says: {}", printable(&said.before)));
        let text = text.map(|text| shorten(&text, room, state.glyphs()));
        lines.extend(text.map(|text| Line::styled(text, state.theme().muted())));
    }
    for (variant, attempt, tried) in measured {
        let letter = Span::styled(format!(" {} ", variant.letter), state.theme().variant(variant.letter));
        if let Some(verdict) = &tried.would.verdict {
            let style = if verdict.success { state.theme().good() } else { state.theme().bad() };
            let text = shorten(&printable(&verdict.words()), room.saturating_sub(3), state.glyphs());
            lines.push(Line::from(vec![letter.clone(), Span::styled(text, style)]));
        }
        if let Some(why) = attempt.and_then(|attempt| state.says_nothing(&attempt.view.order, &tried.would)) {
            let text = shorten(&why, room.saturating_sub(3), state.glyphs());
            lines.push(Line::from(vec![letter.clone(), Span::styled(text, state.theme().muted())]));
        }
        let tokens = tried.would.scores.after.top.iter().take(4);
        let tokens =
            tokens.map(|top| format!("{} {}", token_text(&top.text, state.glyphs()), probability(top.probability)));
        let dot = format!(" {} ", state.glyphs().dot());
        let next = format!("next: {}", tokens.collect::<Vec<_>>().join(&dot));
        lines.push(Line::from(vec![letter.clone(), Span::raw(shorten(&next, room.saturating_sub(3), state.glyphs()))]));
        for said in &tried.would.said {
            let text = format!("says: {}", printable(said.after.as_deref().unwrap_or_default()));
            let text = shorten(&text, room.saturating_sub(3), state.glyphs());
            lines.push(Line::from(vec![letter.clone(), Span::raw(text)]));
        }
        for note in &tried.would.notes {
            let text = shorten(&format!("note: {}", printable(note)), room.saturating_sub(3), state.glyphs());
            lines.push(Line::from(vec![letter.clone(), Span::styled(text, state.theme().warn())]));
        }
    }
    lines
}

fn section_title(state: &State, section: &'static str) -> String {
    match section {
        "costs" => format!("costs: largest {}, time, memory", state.glyphs().weight_change()),
        "scores" => "normalised scores".to_owned(),
        section => section.to_owned(),
    }
}
