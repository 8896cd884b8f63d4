//! The table of layers, the heart: what tracing says about each layer beside what editing does to it.

mod deep;
mod difference;
mod head;

use super::{About, Models, Motion, Pane, Table};
use crate::looks::{Paper, fit, fit_left, probability, ratio, shorten, signed, width};
use crate::state::{EditView, Of, Prediction, Seen, Stage, TraceView, Wish};
use head::{draw_head, draw_invitation, draw_missing};
use locus_protocol::{Intervention, LayerRow, TraceKind};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::Span;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The pane.
pub const ABOUT: About = About {
    name: "layers",
    title: "Layers",
    about: "One row per layer. Effect at subject and last: what restoring the hidden state at the last token of the \
            subject and of the prompt brings back. ed: * edited, ~ being edited. p(new), p(true): probabilities of both \
            targets read off after that layer, their natural logarithms where most are below 1e-9, before any edit those of the model as it is; their change is against the model before the edit. The weight change is \
            relative to the unedited down-projection, both as Frobenius norms.",
    go: go_to!("layers", "Layers"),
    actions: Vec::new,
    models: Models::Compared,
};

/// It has nothing of its own: the layer under the cursor is the same in all panes.
#[derive(Clone, Copy, Debug, Default)]
pub struct LayersPane;

impl Pane for LayersPane {
    fn draw(&self, state: &Seen<'_>, area: Rect, buffer: &mut Buffer) -> Option<Position> {
        draw(state, area, buffer);
        None
    }

    fn motion(&mut self, state: &Seen<'_>, motion: Motion, page: usize) -> Vec<Wish> {
        match motion {
            Motion::Left | Motion::Right => Vec::new(),
            vertical => {
                let layer = vertical.in_list(state.layer(), state.layers(), page);
                vec![state.choose_layer(layer).into()]
            }
        }
    }

    fn has_table(&self, state: &Seen<'_>) -> bool {
        state.layers() > 0
    }

    fn table(&self, state: &Seen<'_>) -> Option<Table> {
        table(state)
    }
}

/// One column: its header, how important it is (0 is most), and a cell per layer.
struct Column {
    header: String,
    rank: usize,
    width: usize,
    cells: Vec<(String, Style)>,
}

/// The edit that the model which is shown is due to.
fn relevant<'a>(state: &Seen<'a>) -> Option<&'a EditView> {
    state.edit(state.view().of)
}

/// The trace of hidden states that belongs to the same fact, best one of the model that is shown.
fn hidden_trace<'a>(state: &Seen<'a>, view: Option<&EditView>) -> Option<&'a TraceView> {
    let fact = view.map(|view| &view.order.fact).or_else(|| state.fact())?;
    let of_model =
        |in_place: &[u64]| state.all().traces.of_model(fact, TraceKind::Hidden, Intervention::Restore, in_place);
    match state.view().of {
        Of::AsItIs => of_model(&state.edits.numbers()).or_else(|| state.all().traces.of(fact, TraceKind::Hidden)),
        Of::Unedited => of_model(&[]),
        // what a variant does is measured against the trace of the model that it was tried on
        Of::Variant(_) => of_model(&view?.on_top_of),
    }
}

/// Which model the effects are of, where that is not the one that the other columns start from or are of.
fn effects_of(state: &Seen<'_>, view: Option<&EditView>) -> Option<String> {
    let started = &hidden_trace(state, view)?.started;
    let now = state.edits.numbers();
    let before = view.map_or(&now[..], |view| &view.on_top_of[..]);
    let of = state.view().of;
    (of == Of::AsItIs && !started.is_of(before) && !started.is_of(&now)).then(|| started.model())
}

/// Rows that are not due to an edit of the fact.
#[derive(Clone, Copy)]
struct Standing<'a> {
    rows: &'a [LayerRow],
    /// Edits in place.
    edits: usize,
}

/// The model as it is for the fact, as long as no edit of the fact has rows; or the unedited one.
fn unedited<'a>(state: &Seen<'a>, view: Option<&EditView>) -> Option<Standing<'a>> {
    match state.view().of {
        Of::Variant(_) => None,
        Of::Unedited => state.unedited_rows().map(|rows| Standing { rows, edits: 0 }),
        Of::AsItIs => {
            let of_the_fact = view.is_none_or(|view| view.rows.is_empty() && state.fact() == Some(&view.order.fact));
            let is_selected = state.view().fact.as_deref().is_none_or(|fact| state.all().fact() == Some(fact));
            let prediction = state.all().prediction().filter(|_| of_the_fact && is_selected)?;
            let Prediction { rows, edits, .. } = prediction;
            (!rows.is_empty()).then_some(Standing { rows, edits: *edits })
        }
    }
}

/// A layer's row now: of the edit, or of the model as it is.
fn row_now<'a>(state: &Seen<'a>, view: Option<&'a EditView>, layer: usize) -> Option<&'a LayerRow> {
    match unedited(state, view) {
        Some(standing) => standing.rows.iter().find(|row| row.layer == layer),
        None => view?.row(layer),
    }
}

fn draw(state: &Seen<'_>, area: Rect, buffer: &mut Buffer) {
    let mut paper = Paper::new(area, buffer);
    if let Some(against) = state.view().against {
        difference::draw(state, against, &mut paper);
        return;
    }
    let view = relevant(state);
    match (view, state.view().of) {
        (Some(view), _) => draw_head(state, view, &mut paper),
        (None, Of::AsItIs) => draw_invitation(state, &mut paper),
        (None, of) => draw_missing(state, of, &mut paper),
    }
    if let Some(model) = effects_of(state, view) {
        let text = format!(" the effects are of a trace of {model}; t traces the model as it is");
        paper.line(Span::styled(shorten(&text, paper.width(), state.glyphs()), state.theme().warn()));
    }
    draw_table(state, view, &mut paper);
}

fn draw_table(state: &Seen<'_>, view: Option<&EditView>, paper: &mut Paper<'_>) {
    let layers = state.layers();
    if layers == 0 {
        return;
    }
    let has_groups = paper.left() > layers + 1;
    let rows = paper.left().saturating_sub(1 + usize::from(has_groups));
    let hidden = rows < layers;
    let rows = rows.saturating_sub(usize::from(hidden)).min(layers);
    let changes: Vec<Option<f64>> = (0..layers).map(|layer| change(view, layer)).collect();
    let first = deep::window(state.layer(), rows, &changes);
    let shown = first..first + rows;
    let all = columns(state, view, shown.clone());
    let total = all.len();
    let mut kept = fitting(all, paper.width());
    let missing = total - kept.len();
    add_bar(state, view, &mut kept, shown.clone(), paper.width());
    if has_groups {
        paper.line(Span::styled(group_line(state, &kept, missing), state.theme().muted()));
    }
    let header: String = kept.iter().map(|column| fit_left(&column.header, column.width, state.glyphs())).collect();
    paper.line(Span::styled(header, state.theme().heading()));
    for (index, layer) in shown.enumerate() {
        let under_cursor = layer == state.layer();
        let spans = kept.iter().map(|column| {
            let (text, style) = column.cells.get(index).cloned().unwrap_or_default();
            let style = if under_cursor { state.theme().selected() } else { style };
            Span::styled(fit_left(&text, column.width, state.glyphs()), style)
        });
        paper.line(spans.collect::<Vec<_>>());
    }
    if hidden {
        let last = (first + rows).saturating_sub(1);
        let text = format!(" layers {first} to {last} of {layers}; up and down show the others");
        paper.line(Span::styled(text, state.theme().warn()));
    }
}

/// How far an edit has moved the new target's probability after a layer.
fn change(view: Option<&EditView>, layer: usize) -> Option<f64> {
    let view = view?;
    Some(view.row(layer)?.probability_new - view.row_before(layer)?.probability_new)
}

/// The header of a column of probabilities, and how its numbers are written: as logarithms where most look alike.
fn unit(
    state: &Seen<'_>,
    view: Option<&EditView>,
    name: &str,
    of: fn(&LayerRow) -> f64,
) -> (String, fn(f64) -> String) {
    let values: Vec<f64> = (0..state.layers()).filter_map(|layer| row_now(state, view, layer)).map(of).collect();
    match deep::needs_logarithms(&values) {
        true => (format!("ln {name}"), deep::logarithm),
        false => (name.to_owned(), probability),
    }
}

/// What stands above the headers: what two columns have in common, and what there was no room for.
fn group_line(state: &Seen<'_>, kept: &[Column], missing: usize) -> String {
    let rule = state.glyphs().rule();
    let has_effects = ["subject", "last"].iter().all(|name| kept.iter().any(|column| column.header == *name));
    let effects = if has_effects { format!("       {rule} effect at {rule}  ") } else { " ".to_owned() };
    match missing {
        0 => effects,
        1 => format!("{effects}1 column has no room (z zooms)"),
        missing => format!("{effects}{missing} columns have no room (z zooms)"),
    }
}

/// The columns that fit: the less important ones go first, the order stays.
fn fitting(mut columns: Vec<Column>, room: usize) -> Vec<Column> {
    while columns.iter().map(|column| column.width).sum::<usize>() > room && columns.len() > 1 {
        let least = columns.iter().enumerate().max_by_key(|(_, column)| column.rank).map(|(index, _)| index);
        columns.remove(least.unwrap_or(0));
    }
    columns
}

fn columns(state: &Seen<'_>, view: Option<&EditView>, layers: std::ops::Range<usize>) -> Vec<Column> {
    let glyphs = state.glyphs();
    let theme = state.theme();
    let trace = hidden_trace(state, view);
    let missing = || (glyphs.missing().to_owned(), theme.muted());
    let effect = |token: Option<usize>, layer: usize| {
        let value = trace.and_then(|trace| trace.effect(token?, layer));
        value.map_or_else(missing, |effect| (signed(effect), theme.text()))
    };
    let number =
        |value: Option<f64>, text: fn(f64) -> String| value.map_or_else(missing, |value| (text(value), theme.text()));
    let column = |header: &str, rank: usize, width: usize, cell: &dyn Fn(usize) -> (String, Style)| Column {
        header: header.to_owned(),
        rank,
        width,
        cells: layers.clone().map(cell).collect(),
    };
    let now = |layer: usize| row_now(state, view, layer);
    let (new, new_text) = unit(state, view, "p(new)", |row| row.probability_new);
    let (truth, truth_text) = unit(state, view, "p(true)", |row| row.probability_true);
    let mut columns = vec![
        column("layer", 0, 6, &|layer| {
            let mark = if layer == state.layer() { ">" } else { " " };
            (format!("{mark}{layer:>4} "), theme.text())
        }),
        column("subject", 5, 8, &|layer| effect(trace.and_then(TraceView::last_subject_token), layer)),
        column("last", 7, 8, &|layer| effect(trace.and_then(TraceView::last_token), layer)),
        column("ed", 4, 3, &|layer| (edited_mark(view, layer).to_owned(), theme.warn())),
        column(glyphs.weight_change(), 6, 10, &|layer| number(now(layer).and_then(|row| row.weight_change), ratio)),
        column(&new, 1, width(&new) + 1, &|layer| number(now(layer).map(|row| row.probability_new), new_text)),
        column(&truth, 2, width(&truth) + 1, &|layer| number(now(layer).map(|row| row.probability_true), truth_text)),
        column(&format!("{}p(new)", glyphs.delta()), 3, 8, &|layer| match change(view, layer) {
            Some(change) => (signed(change), if change.abs() >= 0.01 { theme.heading() } else { theme.text() }),
            None => missing(),
        }),
    ];
    let names: BTreeSet<&String> = view.iter().flat_map(|view| &view.rows).flat_map(|row| row.metrics.keys()).collect();
    for (index, name) in names.into_iter().enumerate() {
        let wide = (width(name) + 1).max(8);
        columns.push(column(name, 8 + index, wide, &|layer| {
            number(now(layer).and_then(|row| row.metrics.get(name).copied()), ratio)
        }));
    }
    columns
}

/// Whether a layer is edited, or is about to be.
fn edited_mark(view: Option<&EditView>, layer: usize) -> &'static str {
    let Some(view) = view else { return "" };
    let moved = view.row(layer).and_then(|row| row.weight_change).is_some_and(|change| change > 0.0);
    match view.stage {
        Stage::Running if view.layers.contains(&layer) => "~",
        Stage::Running => "",
        _ if moved => "*",
        _ => "",
    }
}

/// A bar of the new target's probability, where there is room left; of the true one's before any edit.
fn add_bar(
    state: &Seen<'_>,
    view: Option<&EditView>,
    kept: &mut Vec<Column>,
    layers: std::ops::Range<usize>,
    room: usize,
) {
    let taken: usize = kept.iter().map(|column| column.width).sum();
    let cells = room.saturating_sub(taken + 3).min(30);
    let before_any_edit = unedited(state, view).is_some();
    if cells < 10 || (view.is_none() && !before_any_edit) {
        return;
    }
    let cell = |layer: usize| {
        let value = row_now(state, view, layer)
            .map_or(0.0, |row| if before_any_edit { row.probability_true } else { row.probability_new });
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "cells of a bar"
        )]
        let filled = (value.clamp(0.0, 1.0) * cells as f64).round() as usize;
        (
            format!("  {}{}", state.glyphs().bar().repeat(filled), " ".repeat(cells - filled.min(cells))),
            state.theme().accent(),
        )
    };
    kept.push(Column {
        header: fit(if before_any_edit { "  p(true)" } else { "  p(new)" }, cells + 2, state.glyphs()),
        rank: usize::MAX,
        width: cells + 2,
        cells: layers.map(cell).collect(),
    });
}

fn table(state: &Seen<'_>) -> Option<Table> {
    let layers = state.layers();
    let view = relevant(state);
    let trace = hidden_trace(state, view);
    let names: Vec<String> = {
        let names: BTreeSet<&String> =
            view.iter().flat_map(|view| &view.rows).flat_map(|row| row.metrics.keys()).collect();
        names.into_iter().cloned().collect()
    };
    let mut columns: Vec<String> = [
        "layer",
        "effect_last_subject_token",
        "effect_last_token",
        "edited",
        "relative_weight_change",
        "probability_new",
        "probability_true",
        "probability_new_before",
        "probability_true_before",
        "effects_of",
    ]
    .map(str::to_owned)
    .to_vec();
    columns.extend(names.iter().cloned());
    let difference = state.view().against.map(|against| difference::table(state, against));
    columns.extend(difference.iter().flat_map(|(columns, _)| columns.clone()));
    let rows = (0..layers).map(|layer| {
        let now = row_now(state, view, layer);
        let before = view.and_then(|view| view.row_before(layer));
        let effect = |token: Option<usize>| trace.and_then(|trace| trace.effect(token?, layer));
        let mut row: Vec<Value> = vec![
            json!(layer),
            json!(effect(trace.and_then(TraceView::last_subject_token))),
            json!(effect(trace.and_then(TraceView::last_token))),
            json!(edited_mark(view, layer) == "*"),
            json!(now.and_then(|row| row.weight_change)),
            json!(now.map(|row| row.probability_new)),
            json!(now.map(|row| row.probability_true)),
            json!(before.map(|row| row.probability_new)),
            json!(before.map(|row| row.probability_true)),
            json!(trace.map(|trace| trace.started.model())),
        ];
        row.extend(names.iter().map(|name| json!(now.and_then(|row| row.metrics.get(name).copied()))));
        row.extend(difference.iter().flat_map(|(_, row)| row(layer)));
        row
    });
    Some(Table {
        name: "layers".to_owned(),
        title: state.title(false).unwrap_or_default(),
        columns,
        rows: rows.collect(),
        cursor: state.layer(),
    })
}
