//! The table of layers, the heart: what tracing says about each layer beside what editing does to it.

mod deep;
mod difference;
mod head;
mod order;

use super::{About, Models, Motion, Pane, Table, action};
use crate::looks::{Paper, fit, fit_left, probability, ratio, shorten, signed, width};
use crate::state::{EditView, Of, Prediction, Seen, Stage, TraceView, Wish};
use head::{draw_head, draw_invitation, draw_missing};
use locus_protocol::{Intervention, LayerRow, TraceKind};
use order::RowOrder;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::Span;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub const ABOUT: About = About {
    name: "layers",
    title: "Layers",
    about: "One row per layer. Effect at subject and last: the probability that restoring the hidden state at the last \
            token of the subject and of the prompt recovers. ed: * edited, ~ being edited. p(new), p(true): logit-lens \
            probabilities of both targets after that layer, as natural logarithms where most are below 1e-9; rank: \
            their rank among all tokens. Before any edit they are those of the model as it is; changes are relative to \
            the model before the edit. The weight change is the Frobenius norm of the change relative to that of the unedited \
            down-projection.",
    go: go_to!("layers", "Layers"),
    actions: || action::table(order::ACTIONS),
    models: Models::Compared,
};

/// What it has of its own; the layer under the cursor is the same in all panes.
#[derive(Clone, Debug, Default)]
pub struct LayersPane {
    order: RowOrder,
}

impl LayersPane {
    /// The layers in the order in which they show; a difference shows them in their own.
    fn rows(&self, state: &Seen<'_>) -> Vec<usize> {
        match state.view().against {
            Some(_) => (0..state.layers()).collect(),
            None => self.order.rows(&columns(state, relevant(state)), state.layers()),
        }
    }
}

impl Pane for LayersPane {
    fn draw(&self, state: &Seen<'_>, area: Rect, buffer: &mut Buffer) -> Option<Position> {
        draw(&self.order, state, area, buffer);
        None
    }

    fn motion(&mut self, state: &Seen<'_>, motion: Motion, page: usize) -> Vec<Wish> {
        match motion {
            Motion::Left | Motion::Right => Vec::new(),
            vertical => {
                let rows = self.rows(state);
                let place = rows.iter().position(|layer| *layer == state.layer()).unwrap_or(0);
                let Some(&layer) = rows.get(vertical.in_list(place, rows.len(), page)) else { return Vec::new() };
                vec![state.choose_layer(layer).into()]
            }
        }
    }

    fn has_table(&self, state: &Seen<'_>) -> bool {
        state.layers() > 0
    }

    fn row(&self, state: &Seen<'_>) -> Option<usize> {
        self.rows(state).iter().position(|layer| *layer == state.layer())
    }

    fn cell(&self, state: &Seen<'_>) -> Option<(String, Value)> {
        let columns = columns(state, relevant(state));
        let column = columns.iter().find(|column| self.order.is_chosen(column))?;
        let layer = state.layer();
        match state.view().against.filter(|_| column.name != "layer") {
            Some(against) => {
                let number = difference::number(state, against, &column.name, layer)?;
                Some((format!("difference of {} of layer {layer}", column.name), json!(number)))
            }
            None => {
                let number = column.numbers.get(layer).copied().flatten();
                Some((format!("{} of layer {layer}", column.name), json!(number)))
            }
        }
    }

    fn table(&self, state: &Seen<'_>) -> Option<Table> {
        table(state, &self.rows(state))
    }

    fn remember(&self) -> Option<Value> {
        serde_json::to_value(&self.order).ok()
    }

    fn recall(&mut self, remembered: &Value) -> serde_json::Result<()> {
        self.order = RowOrder::deserialize(remembered)?;
        Ok(())
    }
}

/// One column: its header, how important it is (0 is most), what it means, and a cell and a number per layer.
struct Column {
    /// What it is called whatever its unit; it is sorted and hidden by this.
    name: String,
    header: String,
    rank: usize,
    width: usize,
    meaning: String,
    cells: Vec<(String, Style)>,
    numbers: Vec<Option<f64>>,
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
        Of::Unedited | Of::Without(_) => of_model(&state.edits_of(state.view().of)?),
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
    /// Number of edits in place that the rows were measured with.
    edits: usize,
}

/// The model as it is for the fact, as long as no edit of the fact has rows; or the unedited one.
fn unedited<'a>(state: &Seen<'a>, view: Option<&EditView>) -> Option<Standing<'a>> {
    match state.view().of {
        Of::Variant(_) => None,
        Of::Unedited => state.unedited_rows().map(|rows| Standing { rows, edits: 0 }),
        of @ Of::Without(_) => {
            let seen = state.left_out(of).filter(|seen| !seen.rows.is_empty())?;
            Some(Standing { rows: &seen.rows, edits: seen.with.len() })
        }
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

fn draw(order: &RowOrder, state: &Seen<'_>, area: Rect, buffer: &mut Buffer) {
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
        let key = state.keymap().first_key(ABOUT.name, "trace");
        let text = format!(" the effects are of a trace of {model}; {key} traces the model as it is");
        paper.line(Span::styled(shorten(&text, paper.width(), state.glyphs()), state.theme().warn()));
    }
    draw_table(order, state, view, &mut paper);
}

fn draw_table(order: &RowOrder, state: &Seen<'_>, view: Option<&EditView>, paper: &mut Paper<'_>) {
    let layers = state.layers();
    if layers == 0 {
        return;
    }
    let all = columns(state, view);
    let sorted = order.rows(&all, layers);
    let foot = order.foot(state, &all);
    let foot_rows = usize::from(foot.is_some() && paper.left() > 4);
    let has_groups = paper.left() > layers + 1 + foot_rows;
    let rows = paper.left().saturating_sub(1 + usize::from(has_groups) + foot_rows);
    let hidden = rows < layers;
    let rows = rows.saturating_sub(usize::from(hidden)).min(layers);
    let changes: Vec<Option<f64>> = sorted.iter().map(|layer| change(view, *layer)).collect();
    let place = sorted.iter().position(|layer| *layer == state.layer()).unwrap_or(0);
    let first = deep::window(place, rows, &changes);
    let shown = &sorted[first..first + rows];
    let all = order.shown(all);
    let total = all.len();
    let mut kept = fitting(all, paper.width());
    let missing = total - kept.len();
    add_bar(state, view, &mut kept, paper.width());
    if has_groups {
        paper.line(Span::styled(group_line(state, &kept, missing), state.theme().muted()));
    }
    let header = kept.iter().map(|column| {
        let text = fit_left(&order.header(column, state.glyphs()), column.width, state.glyphs());
        let style = if order.is_chosen(column) { state.theme().selected() } else { state.theme().heading() };
        Span::styled(text, style)
    });
    paper.line(header.collect::<Vec<_>>());
    for &layer in shown {
        let row = sorted.iter().position(|known| *known == layer).unwrap_or(0);
        let under_cursor = layer == state.layer() || state.is_selected(row, place);
        let spans = kept.iter().map(|column| {
            let (text, style) = column.cells.get(layer).cloned().unwrap_or_default();
            let style = if under_cursor { state.theme().selected() } else { style };
            Span::styled(fit_left(&text, column.width, state.glyphs()), style)
        });
        paper.line(spans.collect::<Vec<_>>());
    }
    if hidden {
        let last = (first + rows).saturating_sub(1);
        let what = if order.is_by_layer() { "layers" } else { "rows" };
        let text = format!(" {what} {first} to {last} of {layers}; up and down show the others");
        paper.line(Span::styled(text, state.theme().warn()));
    }
    if let Some(foot) = foot.filter(|_| foot_rows > 0) {
        paper.line(Span::styled(shorten(&foot, paper.width(), state.glyphs()), state.theme().muted()));
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
    let zoom = state.keymap().first_key(ABOUT.name, "zoom");
    match missing {
        0 => effects,
        1 => format!("{effects}1 column has no room ({zoom} zooms)"),
        missing => format!("{effects}{missing} columns have no room ({zoom} zooms)"),
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

/// All columns, with a cell for every layer.
fn columns(state: &Seen<'_>, view: Option<&EditView>) -> Vec<Column> {
    let glyphs = state.glyphs();
    let theme = state.theme();
    let trace = hidden_trace(state, view);
    let missing = || (glyphs.missing().to_owned(), theme.muted());
    let layers = 0..state.layers();
    let effect = |token: Option<usize>, layer: usize| trace.and_then(|trace| trace.effect(token?, layer));
    // a column of numbers, as `text` writes them
    let column = |(name, meaning): (&str, &str),
                  header: &str,
                  (rank, width): (usize, usize),
                  number: &dyn Fn(usize) -> Option<f64>,
                  text: fn(f64) -> String| {
        let numbers: Vec<Option<f64>> = layers.clone().map(number).collect();
        let cell = |value: &Option<f64>| value.map_or_else(missing, |value| (text(value), theme.text()));
        Column {
            name: name.to_owned(),
            header: header.to_owned(),
            rank,
            width,
            meaning: meaning.to_owned(),
            cells: numbers.iter().map(cell).collect(),
            numbers,
        }
    };
    let now = |layer: usize| row_now(state, view, layer);
    let (new, new_text) = unit(state, view, "p(new)", |row| row.probability_new);
    let (truth, truth_text) = unit(state, view, "p(true)", |row| row.probability_true);
    let subject = trace.and_then(TraceView::last_subject_token);
    let last = trace.and_then(TraceView::last_token);
    let weight = "Frobenius norm of the change of the down-projection, relative to the unedited weights";
    let mut columns = vec![
        column(("layer", "number of the layer, from 0"), "layer", (0, 6), &|_| None, |_| String::new()),
        column(
            (
                "subject",
                "indirect effect of the hidden state at the subject's last token: probability that it restores",
            ),
            "subject",
            (5, 8),
            &|layer| effect(subject, layer),
            signed,
        ),
        column(
            ("last", "indirect effect of the hidden state at the prompt's last token: probability that it restores"),
            "last",
            (7, 8),
            &|layer| effect(last, layer),
            signed,
        ),
        column(("ed", "* edited, ~ being edited"), "ed", (4, 3), &|_| None, |_| String::new()),
        column(("weight change", weight), glyphs.weight_change(), (6, 10), &|layer| now(layer)?.weight_change, ratio),
        column(
            ("p(new)", "logit-lens probability of the new target after the layer"),
            &new,
            (1, width(&new) + 1),
            &|layer| Some(now(layer)?.probability_new),
            new_text,
        ),
        column(
            ("p(true)", "logit-lens probability of the true target after the layer"),
            &truth,
            (2, width(&truth) + 1),
            &|layer| Some(now(layer)?.probability_true),
            truth_text,
        ),
        column(
            ("change of p(new)", "by how much the edit raised the new target's probability after the layer"),
            &format!("{}p(new)", glyphs.delta()),
            (3, 8),
            &|layer| change(view, layer),
            signed,
        ),
        column(
            ("rank(new)", "rank of the new target's first token among all tokens after the layer, 1 the most probable"),
            "rank(new)",
            (8, 10),
            &|layer| now(layer)?.rank_new.map(rank),
            rank_text,
        ),
        column(
            (
                "rank(true)",
                "rank of the true target's first token among all tokens after the layer, 1 the most probable",
            ),
            "rank(true)",
            (9, 11),
            &|layer| now(layer)?.rank_true.map(rank),
            rank_text,
        ),
        column(
            ("ln p(new)", "natural logarithm of p(new), for probabilities too small to compare"),
            "ln p(new)",
            (100, 10),
            &|layer| Some(now(layer)?.probability_new.ln()),
            deep::written,
        ),
        column(
            ("ln p(true)", "natural logarithm of p(true), for probabilities too small to compare"),
            "ln p(true)",
            (101, 11),
            &|layer| Some(now(layer)?.probability_true.ln()),
            deep::written,
        ),
    ];
    let numbers = state.layers();
    for layer in 0..numbers {
        let mark = if layer == state.layer() { ">" } else { " " };
        columns[0].cells[layer] = (format!("{mark}{layer:>4} "), theme.text());
        columns[0].numbers[layer] = f64::from(u32::try_from(layer).unwrap_or(u32::MAX)).into();
        let edited = edited_mark(state, view, layer);
        columns[3].cells[layer] = (edited.to_owned(), theme.warn());
        columns[3].numbers[layer] = Some(f64::from(u8::from(!edited.is_empty())));
        if columns[7].numbers[layer].is_some_and(|change| change.abs() >= 0.01) {
            columns[7].cells[layer].1 = theme.heading();
        }
    }
    let names: BTreeSet<&String> = view.iter().flat_map(|view| &view.rows).flat_map(|row| row.metrics.keys()).collect();
    for (index, name) in names.into_iter().enumerate() {
        let (wide, meaning) = ((width(name) + 1).max(8), format!("{name}, as the method reports it"));
        let of = |layer: usize| now(layer)?.metrics.get(name).copied();
        columns.push(column((name, &meaning), name, (10 + index, wide), &of, ratio));
    }
    // records of before ranks were told have none, and no number stands in two columns
    let is_told = |column: &Column| !column.name.starts_with("rank") || column.numbers.iter().any(Option::is_some);
    let is_twice = |column: &Column| column.name.starts_with("ln ") && [&new, &truth].contains(&&column.header);
    columns.retain(|column| is_told(column) && !is_twice(column));
    columns
}

#[expect(clippy::cast_precision_loss, reason = "a place among the tokens of a vocabulary")]
fn rank(rank: u64) -> f64 {
    rank as f64
}

fn rank_text(rank: f64) -> String {
    format!("{rank:.0}")
}

/// Whether a layer is edited, or is about to be.
fn edited_mark(state: &Seen<'_>, view: Option<&EditView>, layer: usize) -> &'static str {
    let moved = |row: Option<&LayerRow>| row.and_then(|row| row.weight_change).is_some_and(|change| change > 0.0);
    match view {
        Some(view) if view.stage == Stage::Running => ["", "~"][usize::from(view.layers.contains(&layer))],
        Some(view) if moved(view.row(layer)) => "*",
        None if moved(row_now(state, None, layer)) => "*",
        _ => "",
    }
}

/// A bar of the new target's probability, where there is room left; of the true one's before any edit.
fn add_bar(state: &Seen<'_>, view: Option<&EditView>, kept: &mut Vec<Column>, room: usize) {
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
        name: String::new(),
        meaning: String::new(),
        numbers: Vec::new(),
        header: fit(if before_any_edit { "  p(true)" } else { "  p(new)" }, cells + 2, state.glyphs()),
        rank: usize::MAX,
        width: cells + 2,
        cells: (0..state.layers()).map(cell).collect(),
    });
}

/// The table with its rows in this order.
fn table(state: &Seen<'_>, order: &[usize]) -> Option<Table> {
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
        "rank_new",
        "rank_true",
        "log_probability_new",
        "log_probability_true",
    ]
    .map(str::to_owned)
    .to_vec();
    columns.extend(names.iter().cloned());
    let difference = state.view().against.map(|against| difference::table(state, against));
    columns.extend(difference.iter().flat_map(|(columns, _)| columns.clone()));
    let rows = order.iter().map(|&layer| {
        let now = row_now(state, view, layer);
        let before = view.and_then(|view| view.row_before(layer));
        let effect = |token: Option<usize>| trace.and_then(|trace| trace.effect(token?, layer));
        let mut row: Vec<Value> = vec![
            json!(layer),
            json!(effect(trace.and_then(TraceView::last_subject_token))),
            json!(effect(trace.and_then(TraceView::last_token))),
            json!(edited_mark(state, view, layer) == "*"),
            json!(now.and_then(|row| row.weight_change)),
            json!(now.map(|row| row.probability_new)),
            json!(now.map(|row| row.probability_true)),
            json!(before.map(|row| row.probability_new)),
            json!(before.map(|row| row.probability_true)),
            json!(trace.map(|trace| trace.started.model())),
            json!(now.and_then(|row| row.rank_new)),
            json!(now.and_then(|row| row.rank_true)),
            // what has no logarithm is null
            json!(now.map(|row| row.probability_new.ln())),
            json!(now.map(|row| row.probability_true.ln())),
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
        cursor: order.iter().position(|layer| *layer == state.layer()).unwrap_or(0),
    })
}
