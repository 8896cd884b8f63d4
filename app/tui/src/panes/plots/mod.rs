//! Curves of the variants: loss by step, probabilities by layer, the trace's effect beside that of the edit.

mod curves;
mod kind;
mod paint;

use super::{About, Action, Models, Motion, Pane, Table, action};
use crate::looks::{Curve, Paper, ratio, width};
use crate::state::{Change, Seen, State, Wish};
use curves::curves;
use kind::PlotKind;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub const ABOUT: About = About {
    name: "plots",
    title: "Plots",
    about: "Curves of the variants in Compare, by their letters, or of the last edit where there are none: the loss by \
            step, its terms for the selected variant, p(new) and p(true) by layer, and the effect of the trace (T) beside the change of p(new) that an edit \
            makes at each layer. The numbers beside the names are those at the cursor.",
    go: go_to!("plots", "Plots"),
    actions: || action::table(ACTIONS),
    models: Models::Same,
};

const ACTIONS: &[Action<PlotsPane>] = &[
    Action {
        name: "plot-kind",
        help: "another plot: loss, terms, p(new), p(true), trace",
        hint: Some(|_, _| "another plot".into()),
        run: |plots, _| {
            plots.kind = plots.kind.next();
            Vec::new()
        },
        ..Action::PLAIN
    },
    Action {
        name: "plot-scale",
        help: "a logarithmic scale; again: a linear one",
        hint: Some(|plots, _| if plots.logarithmic { "linear" } else { "log scale" }.into()),
        run: |plots, _| {
            plots.logarithmic = !plots.logarithmic;
            Vec::new()
        },
        ..Action::PLAIN
    },
];

/// What it has of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlotsPane {
    kind: PlotKind,
    /// Whether heights are logarithms.
    logarithmic: bool,
    /// The step under the cursor of a plot by step; the last one without it. By layer it is the layer of all panes.
    #[serde(skip)]
    step: Option<usize>,
}

impl PlotsPane {
    /// The step or layer under the cursor.
    fn place(self, state: &State, curves: &[Curve]) -> usize {
        let last = last_place(curves);
        if self.kind.is_by_step() { self.step.map_or(last, |step| step.min(last)) } else { state.layer() }
    }
}

/// The last place that a curve has a point at.
fn last_place(curves: &[Curve]) -> usize {
    let last = curves.iter().filter_map(|curve| curve.points.last()).map(|(place, _)| *place).fold(0.0, f64::max);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a step or a layer")]
    let last = last as usize;
    last
}

/// The value of a curve at a place; nothing between its points.
fn value_at(curve: &Curve, place: usize) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "a step or a layer")]
    let place = place as f64;
    curve.points.iter().find(|(known, _)| (known - place).abs() < 1e-9).map(|(_, value)| *value)
}

impl Pane for PlotsPane {
    fn draw(&self, state: &Seen<'_>, area: Rect, buffer: &mut Buffer) -> Option<Position> {
        draw(*self, state, area, buffer);
        None
    }

    fn motion(&mut self, state: &Seen<'_>, motion: Motion, page: usize) -> Vec<Wish> {
        let along = match motion {
            Motion::Up | Motion::Down => return Vec::new(),
            Motion::Left => Motion::Up,
            Motion::Right => Motion::Down,
            other => other,
        };
        if self.kind.is_by_step() {
            let curves = curves(self.kind, state);
            let last = last_place(&curves);
            let step = along.in_list(self.place(state, &curves), last + 1, page);
            // at the end it goes with the steps that come
            self.step = (step < last).then_some(step);
            return Vec::new();
        }
        vec![Change::MoveLayer(along.in_list(state.layer(), state.layers(), page)).into()]
    }

    fn of_model(&self, state: &Seen<'_>) -> Option<String> {
        (!state.compare.variants.list.is_empty()).then(|| state.measured_from())
    }

    fn has_table(&self, state: &Seen<'_>) -> bool {
        !curves(self.kind, state).is_empty()
    }

    fn table(&self, state: &Seen<'_>) -> Option<Table> {
        let curves = curves(self.kind, state);
        let by = if self.kind.is_by_step() { "step" } else { "layer" };
        let columns = ["plot", "curve", "name", by, "value"].map(str::to_owned).to_vec();
        let plot = title(state, self.kind);
        let rows = curves.iter().flat_map(|curve| {
            let point = |(place, value): &(f64, f64)| {
                vec![json!(plot), json!(curve.letter.to_string()), json!(curve.name), json!(place), json!(value)]
            };
            curve.points.iter().map(point).collect::<Vec<_>>()
        });
        let title = self.of_model(state).unwrap_or_default();
        Some(Table { name: "plot".to_owned(), title, columns, rows: rows.collect(), cursor: 0 })
    }

    fn remember(&self) -> Option<Value> {
        serde_json::to_value(self).ok()
    }

    fn recall(&mut self, remembered: &Value) -> serde_json::Result<()> {
        *self = Self::deserialize(remembered)?;
        Ok(())
    }
}

fn draw(plots: PlotsPane, state: &State, area: Rect, buffer: &mut Buffer) {
    let curves = curves(plots.kind, state);
    let mut paper = Paper::new(area, buffer);
    let scale = if plots.logarithmic { ", log scale" } else { "" };
    let place = plots.place(state, &curves);
    let at = match plots.kind.is_by_step() {
        _ if curves.is_empty() => String::new(),
        true => format!(", at step {place}"),
        false => format!(", at layer {place}"),
    };
    let title = format!(" {}{scale}{at}", title(state, plots.kind));
    paper.line(Line::from(vec![
        Span::styled(title, state.theme().heading()),
        Span::styled(
            format!("  {}: another plot", state.keymap().first_key(ABOUT.name, "plot-kind")),
            state.theme().muted(),
        ),
    ]));
    if curves.is_empty() {
        let text = match plots.kind {
            PlotKind::Loss | PlotKind::Terms => " a curve appears with the first step of an edit or a variant",
            _ => " curves appear once an edit or a variant of the selected fact has run",
        };
        paper.line(Span::styled(text, state.theme().muted()));
        return;
    }
    paper.line(legend(state, &curves, place, paper.width()));
    let rest = paper.rest();
    paint::paint(plots, state, &curves, rest, buffer);
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
            format!("trace effect (T) and {}p(new) of the edit by layer", state.glyphs().delta())
        }
    }
}

/// The letters, and what they stand for as far as there is room, each with its value at the cursor.
fn legend(state: &State, curves: &[Curve], place: usize, room: usize) -> Line<'static> {
    let share = room.saturating_sub(1) / curves.len().max(1);
    let mut spans = vec![Span::raw(" ")];
    for curve in curves {
        let text = crate::looks::printable(&format!("{} {}", curve.letter, curve.name));
        let value = value_at(curve, place).map_or_else(|| state.glyphs().missing().to_owned(), ratio);
        let room = share.saturating_sub(3 + width(&value));
        let text = crate::looks::shorten(&text, room, state.glyphs());
        spans.push(Span::styled(text, curve.style));
        spans.push(Span::styled(format!(" {value}"), state.theme().heading()));
        spans.push(Span::raw("  "));
    }
    Line::from(spans)
}
