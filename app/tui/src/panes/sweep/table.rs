//! The table of layers and scores, on the screen and for files.

use super::SweepPane;
use super::gathered::{Edit, SCORES};
use crate::looks::{Paper, fit_left, shorten, window_start};
use crate::panes::Table;
use crate::state::State;
use locus_protocol::counted;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use serde_json::{Value, json};

/// Cells of a number with its interval, and a blank before it.
const SCORE: usize = 13;
/// Cells of the first column.
const LAYER: usize = 6;
/// Cells of the number of facts.
const COUNT: usize = 5;
/// Cells of the number of failures.
const FAILED: usize = 7;

/// A column of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    /// By its place in `SCORES`.
    Score(usize),
    /// By its place among the localizers.
    Localizer(usize),
}

/// Draws the table as far as there is room.
pub fn draw(pane: &SweepPane, state: &State, paper: &mut Paper<'_>) {
    let none = Edit::default();
    let edit = pane.edit().unwrap_or(&none);
    let gathered = &pane.gathered;
    let (layers, cursor) = (gathered.layers(), pane.cursor(state));
    let has_failures = (0..layers).any(|layer| gathered.failed_at(edit, layer) > 0);
    let fixed = LAYER + COUNT + if has_failures { FAILED } else { 0 };
    let (columns, hidden) = columns(pane, paper.width().saturating_sub(fixed));
    let localizers = gathered.localizers();
    let effects: Vec<Vec<f64>> = localizers.iter().map(|name| gathered.effects(name).0).collect();
    let mut head = vec![Span::styled(fit_left("layer", LAYER, state.glyphs()), state.theme().heading())];
    for column in &columns {
        let (name, style) = match column {
            Column::Score(score) if pane.score() == Some(*score) => (SCORES[*score].1, state.theme().selected()),
            Column::Score(score) => (SCORES[*score].1, state.theme().heading()),
            Column::Localizer(place) => (localizers[*place], state.theme().muted()),
        };
        let name = shorten(name, SCORE - 1, state.glyphs());
        head.push(Span::raw(" ".repeat(SCORE.saturating_sub(crate::looks::width(&name)))));
        head.push(Span::styled(name, style));
    }
    head.push(Span::styled(fit_left("n", COUNT, state.glyphs()), state.theme().heading()));
    if has_failures {
        head.push(Span::styled(fit_left("failed", FAILED, state.glyphs()), state.theme().heading()));
    }
    paper.line(Line::from(head));
    let is_cut = paper.left() < layers;
    let rows = paper.left().saturating_sub(usize::from(is_cut || !hidden.is_empty())).min(layers);
    let first = window_start(cursor, rows, layers);
    for layer in first..first + rows {
        let style = if layer == cursor { state.theme().selected() } else { Style::new() };
        let mut text = fit_left(&layer.to_string(), LAYER, state.glyphs());
        for column in &columns {
            let cell = match column {
                Column::Score(score) => match gathered.score(edit, layer, *score) {
                    // one fact has no interval
                    Some(mean) if mean.count < 2 => format!("{:.3} {:6}", mean.mean, ""),
                    Some(mean) => format!("{:.3} {}{:.3}", mean.mean, state.glyphs().plus_minus(), mean.half_width),
                    None => state.glyphs().missing().to_owned(),
                },
                Column::Localizer(place) => match effects[*place].get(layer) {
                    Some(effect) => format!("{effect:.3}"),
                    None => state.glyphs().missing().to_owned(),
                },
            };
            text.push_str(&fit_left(&cell, SCORE, state.glyphs()));
        }
        let count = pane.score().and_then(|score| gathered.score(edit, layer, score)).map_or(0, |mean| mean.count);
        text.push_str(&fit_left(&count.to_string(), COUNT, state.glyphs()));
        let mut spans = vec![Span::styled(text, style)];
        if has_failures {
            let failed = gathered.failed_at(edit, layer);
            let style = if failed > 0 && layer != cursor { state.theme().warn() } else { style };
            let failed = if failed > 0 { failed.to_string() } else { String::new() };
            spans.push(Span::styled(fit_left(&failed, FAILED, state.glyphs()), style));
        }
        paper.line(Line::from(spans));
    }
    if let Some(text) = hidden_text(state, if is_cut { layers - rows } else { 0 }, &hidden) {
        paper.line(Span::styled(text, state.theme().warn()));
    }
}

/// What has no room, and the key that shows it.
fn hidden_text(state: &State, layers: usize, hidden: &[Column]) -> Option<String> {
    let key = |action| state.keymap().first_key("sweep", action);
    let scores = hidden.iter().filter(|column| matches!(column, Column::Score(_))).count();
    let effects = hidden.len() - scores;
    let mut parts = Vec::new();
    if layers > 0 {
        parts.push(format!("{} (down)", counted(layers, "layer")));
    }
    if scores > 0 {
        parts.push(format!("{} ({})", counted(scores, "score"), key("sweep-score")));
    }
    if effects > 0 {
        parts.push(format!("effects of {} ({})", counted(effects, "localizer"), key("sweep-curves")));
    }
    (!parts.is_empty()).then(|| format!(" no room: {}", parts.join(", ")))
}

/// The columns that have room, the chosen score among them, and those that have none.
fn columns(pane: &SweepPane, room: usize) -> (Vec<Column>, Vec<Column>) {
    let scores = pane.gathered.scores().into_iter().map(Column::Score);
    let all: Vec<Column> = scores.chain((0..pane.gathered.localizers().len()).map(Column::Localizer)).collect();
    let fits = (room / SCORE).max(1);
    let mut shown: Vec<Column> = all.iter().copied().take(fits).collect();
    let chosen = pane.score().map(Column::Score);
    if let (Some(chosen), Some(last)) = (chosen.filter(|chosen| !shown.contains(chosen)), shown.last_mut()) {
        *last = chosen;
    }
    let hidden = all.into_iter().filter(|column| !shown.contains(column)).collect();
    (shown, hidden)
}

/// All scores of all edits by layer, and the effects of the localizers.
pub fn table(pane: &SweepPane, state: &State) -> Option<Table> {
    let gathered = &pane.gathered;
    let columns =
        ["edit", "objective", "layer", "score", "mean", "half_width", "n", "failed"].map(str::to_owned).to_vec();
    let (mut rows, mut cursor): (Vec<Vec<Value>>, usize) = (Vec::new(), 0);
    for edit in gathered.edits() {
        for layer in 0..gathered.layers() {
            for score in gathered.scores() {
                let failed = gathered.failed_at(edit, layer);
                let mean = gathered.score(edit, layer, score);
                if mean.is_none() && failed == 0 {
                    continue;
                }
                if pane.edit() == Some(edit) && layer == pane.cursor(state) && pane.score() == Some(score) {
                    cursor = rows.len();
                }
                let number = |value: Option<f64>| value.map_or(Value::Null, |value| json!(value));
                rows.push(vec![
                    json!(edit.name),
                    json!(edit.objective),
                    json!(layer),
                    json!(SCORES[score].0),
                    number(mean.map(|mean| mean.mean)),
                    // one fact has no interval
                    number(mean.filter(|mean| mean.count > 1).map(|mean| mean.half_width)),
                    json!(mean.map_or(0, |mean| mean.count)),
                    json!(failed),
                ]);
            }
        }
    }
    for name in gathered.localizers() {
        let (effects, count) = gathered.effects(name);
        for (layer, effect) in effects.iter().enumerate() {
            let row = [json!(name), json!(""), json!(layer), json!("effect"), json!(effect), Value::Null, json!(count)];
            rows.push(row.into_iter().chain([Value::Null]).collect());
        }
    }
    let title = gathered.started.as_ref().map_or_else(String::new, |(_, started)| started.title.clone());
    (!rows.is_empty()).then(|| Table { name: "sweep".to_owned(), title, columns, rows, cursor })
}
