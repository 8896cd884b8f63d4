//! Curves of the variants: loss by step, probabilities by layer, the trace's effect beside that of the edit.

mod curves;
mod paint;

use super::{Motion, Pane, Table};
use crate::actions::Action;
use crate::looks::Paper;
use crate::state::{PlotKind, State};
use curves::{Curve, curves};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use serde_json::json;

/// The pane.
pub const PANE: Pane = Pane {
    name: "plots",
    title: "Plots",
    about: "Curves of the variants in Compare, by their letters, or of the last edit where there are none: the loss by \
            step, its terms for the selected variant, p(new) and p(true) by layer, and the effect of the trace (T) beside the change of p(new) that an edit \
            makes at each layer.",
    of_model: |state| (!state.compare.variants.is_empty()).then(|| super::compare::measured_from(state)),
    go: go_to!("plots", "Plots"),
    actions: &[
        Action {
            name: "plot-kind",
            help: "another plot: loss, terms, p(new), p(true), trace",
            hint: Some(|_| "another plot".into()),
            run: |state| {
                state.plots.kind = state.plots.kind.next();
                Vec::new()
            },
            ..Action::PLAIN
        },
        Action {
            name: "plot-scale",
            help: "a logarithmic scale; again: a linear one",
            hint: Some(|state| if state.plots.logarithmic { "linear" } else { "log scale" }.into()),
            run: |state| {
                state.plots.logarithmic = !state.plots.logarithmic;
                Vec::new()
            },
            ..Action::PLAIN
        },
    ],
    motion: |state, motion, page| match motion {
        Motion::Up | Motion::Down => {}
        Motion::Left => state.layer = Motion::Up.in_list(state.layer, state.layers(), page),
        Motion::Right => state.layer = Motion::Down.in_list(state.layer, state.layers(), page),
        other => state.layer = other.in_list(state.layer, state.layers(), page),
    },
    draw,
    has_table: |state| !curves(state).is_empty(),
    table,
};

fn draw(state: &State, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    let curves = curves(state);
    let mut paper = Paper::new(area, buffer);
    let scale = if state.plots.logarithmic { ", log scale" } else { "" };
    let title = format!(" {}{scale}", title(state, state.plots.kind));
    paper.line(Line::from(vec![
        Span::styled(title, state.theme.heading()),
        Span::styled(
            format!("  {}: another plot", state.keymap.first_key(PANE.name, "plot-kind")),
            state.theme.muted(),
        ),
    ]));
    if curves.is_empty() {
        let text = match state.plots.kind {
            PlotKind::Loss | PlotKind::Terms => " a curve appears with the first step of an edit or a variant",
            _ => " curves appear once an edit or a variant of the selected fact has run",
        };
        paper.line(Span::styled(text, state.theme.muted()));
        return None;
    }
    paper.line(legend(state, &curves, paper.width()));
    let rest = paper.rest();
    paint::paint(state, &curves, rest, buffer);
    None
}

/// What a plot shows.
fn title(state: &State, kind: PlotKind) -> String {
    match kind {
        PlotKind::Loss => "loss by step".to_owned(),
        PlotKind::Terms => match curves::of_terms(state) {
            Some((letter, _)) => format!("terms of the loss of {letter} by step"),
            None => "terms of the loss by step".to_owned(),
        },
        PlotKind::New => "p(new) by layer".to_owned(),
        PlotKind::True => "p(true) by layer".to_owned(),
        PlotKind::TraceAndEdit => {
            format!("trace effect (T) and {}p(new) of the edit by layer", state.glyphs.delta())
        }
    }
}

/// The letters, and what they stand for as far as there is room.
fn legend(state: &State, curves: &[Curve], room: usize) -> Line<'static> {
    let share = room.saturating_sub(1) / curves.len().max(1);
    let mut spans = vec![Span::raw(" ")];
    for curve in curves {
        let text = crate::looks::printable(&format!("{} {}", curve.letter, curve.name));
        let text = crate::looks::shorten(&text, share.saturating_sub(2), state.glyphs);
        spans.push(Span::styled(text, curve.style));
        spans.push(Span::raw("  "));
    }
    Line::from(spans)
}

fn table(state: &State) -> Option<Table> {
    let curves = curves(state);
    let by = if state.plots.kind.is_by_step() { "step" } else { "layer" };
    let columns = ["plot", "curve", "name", by, "value"].map(str::to_owned).to_vec();
    let plot = title(state, state.plots.kind);
    let rows = curves.iter().flat_map(|curve| {
        let point = |(place, value): &(f64, f64)| {
            vec![json!(plot), json!(curve.letter.to_string()), json!(curve.name), json!(place), json!(value)]
        };
        curve.points.iter().map(point).collect::<Vec<_>>()
    });
    Some(Table {
        name: "plot".to_owned(),
        title: (PANE.of_model)(state).unwrap_or_default(),
        columns,
        rows: rows.collect(),
        cursor: 0,
    })
}
