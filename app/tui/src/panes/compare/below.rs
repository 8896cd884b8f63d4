//! What stands below the layers: prompts, scores, weights, costs, next tokens and texts of each variant.

use super::grid::Grid;
use crate::looks::{bytes, printable, probability, ratio, seconds, shorten, signed, token_text};
use crate::state::{Attempt, State, Variant};
use locus_protocol::{PromptScore, Scores, Tried};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// A number of a variant.
pub(super) struct Measure {
    /// The section it belongs to.
    pub section: &'static str,
    pub name: &'static str,
    pub of: fn(&Attempt) -> Option<f64>,
    /// Its value without the variant.
    pub before: fn(&Attempt) -> Option<f64>,
    /// How it is written.
    pub text: fn(f64) -> String,
    /// How a difference is written.
    pub signed: fn(f64) -> String,
}

/// What a variant cost.
const COSTS: &str = "costs";
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
    Measure { section: COSTS, name: "weights", of: largest_change, before: NONE, text: ratio, signed: signed_ratio },
    Measure { section: COSTS, name: "time", of: |a| a.seconds, before: NONE, text: seconds, signed: signed_ratio },
    Measure { section: COSTS, name: "memory", of: memory, before: NONE, text: bytes_text, signed: signed_bytes },
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

/// All lines for a room: the verdict on each variant, numbers, texts, and what it cost, which the head says as well.
pub(super) fn lines(state: &State, grid: &Grid<'_>, room: usize) -> Vec<Line<'static>> {
    let mut lines = verdicts(state, grid, room);
    numbers(state, grid, |measure| measure.section != COSTS, &mut lines);
    texts(state, grid, room, &mut lines);
    numbers(state, grid, |measure| measure.section == COSTS, &mut lines);
    lines
}

/// The variants that were measured.
fn measured<'a>(state: &'a State, grid: &Grid<'a>) -> Vec<(&'a Variant, &'a Attempt, &'a Tried)> {
    let pairs = state.compare.variants.list.iter().zip(&grid.attempts);
    pairs.filter_map(|(variant, attempt)| Some((variant, (*attempt)?, attempt.as_ref()?.tried.as_ref()?))).collect()
}

/// A variant's letter at the beginning of a line.
fn letter(state: &State, variant: &Variant) -> Span<'static> {
    Span::styled(format!(" {} ", variant.letter), state.theme().variant(variant.letter))
}

/// The verdict on each variant.
fn verdicts(state: &State, grid: &Grid<'_>, room: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for (variant, _, tried) in measured(state, grid) {
        if let Some(verdict) = &tried.would.verdict {
            let style = state.theme().verdict(verdict);
            let text = shorten(&printable(&verdict.words()), room.saturating_sub(3), state.glyphs());
            lines.push(Line::from(vec![letter(state, variant), Span::styled(text, style)]));
        }
    }
    lines
}

/// The numbers that are wanted, by section, with those of the model before and how the variants differ.
fn numbers(state: &State, grid: &Grid<'_>, is_wanted: fn(&Measure) -> bool, lines: &mut Vec<Line<'static>>) {
    let mut section = "";
    for measure in MEASURES.iter().filter(|measure| is_wanted(measure)) {
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
}

/// Next tokens, what the model says, and what the methods want said; and why shares of what it says are missing.
fn texts(state: &State, grid: &Grid<'_>, room: usize, lines: &mut Vec<Line<'static>>) {
    let measured = measured(state, grid);
    if let Some((_, _, tried)) = measured.first() {
        let text = tried.would.said.first().map(|said| format!(" before says: {}", printable(&said.before)));
        let text = text.map(|text| shorten(&text, room, state.glyphs()));
        lines.extend(text.map(|text| Line::styled(text, state.theme().muted())));
    }
    for (variant, attempt, tried) in measured {
        let mut line = |text: &str, style: Style| {
            let text = shorten(text, room.saturating_sub(3), state.glyphs());
            lines.push(Line::from(vec![letter(state, variant), Span::styled(text, style)]));
        };
        if let Some(why) = state.says_nothing(&attempt.view.order, &tried.would) {
            line(&why, state.theme().muted());
        }
        let tokens = tried.would.scores.after.top.iter().take(4);
        let tokens =
            tokens.map(|top| format!("{} {}", token_text(&top.text, state.glyphs()), probability(top.probability)));
        let dot = format!(" {} ", state.glyphs().dot());
        line(&format!("next: {}", tokens.collect::<Vec<_>>().join(&dot)), Style::new());
        for said in &tried.would.said {
            line(&format!("says: {}", printable(said.after.as_deref().unwrap_or_default())), Style::new());
        }
        for note in &tried.would.notes {
            line(&format!("note: {}", printable(note)), state.theme().warn());
        }
    }
}

fn section_title(state: &State, section: &'static str) -> String {
    match section {
        COSTS => format!("costs: largest {}, time, memory", state.glyphs().weight_change()),
        "scores" => "normalized scores".to_owned(),
        section => section.to_owned(),
    }
}
