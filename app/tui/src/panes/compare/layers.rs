//! One row per layer: the trace's effect, and a number of each variant.

use super::grid::{Grid, LABEL};
use super::layer_number::LayerNumber;
use crate::looks::{Paper, probability, ratio, shorten, signed, window_start};
use crate::state::{Seen, State, TraceView};
use locus_protocol::{LayerRow, TraceKind};
use ratatui::text::Span;

/// What stands above the layers.
pub(super) fn title(number: LayerNumber, state: &State) -> String {
    match number {
        LayerNumber::New => "p(new)".to_owned(),
        LayerNumber::True => "p(true)".to_owned(),
        LayerNumber::Change => format!("{}p(new)", state.glyphs().delta()),
        LayerNumber::WeightChange => state.glyphs().weight_change().to_owned(),
    }
}

/// The effect of the hidden state at the subject's last token, where the selected fact was traced on the model that
/// variants are measured on.
pub(super) fn effect(state: &State, layer: usize) -> Option<f64> {
    let trace: &TraceView = state.traces.of(state.fact()?, TraceKind::Hidden)?;
    if !trace.started.is_of(&state.measured_on()) {
        return None;
    }
    trace.effect(trace.last_subject_token()?, layer)
}

/// A layer's row before any variant.
pub(super) fn row_before<'a>(grid: &Grid<'a>, layer: usize) -> Option<&'a LayerRow> {
    grid.attempts.iter().flatten().find_map(|attempt| attempt.view.row_before(layer))
}

/// Draws the header and as many layers as there is room for, around the cursor.
pub(super) fn draw(number: LayerNumber, state: &Seen<'_>, grid: &Grid<'_>, paper: &mut Paper<'_>, rows: usize) {
    if rows < 2 {
        return;
    }
    let label = shorten(&format!(" {}", title(number, state)), LABEL, state.glyphs());
    paper.line(grid.header(&label));
    let layers = state.layers();
    let rows = (rows - 1).min(layers);
    let hides = rows < layers;
    let rows = if hides { rows.saturating_sub(1) } else { rows };
    let first = window_start(state.layer(), rows, layers);
    let text = if number == LayerNumber::WeightChange { ratio } else { probability };
    let text = if number == LayerNumber::Change { signed } else { text };
    for layer in first..first + rows {
        let selected = layer == state.layer();
        let mark = if selected { ">" } else { " " };
        let effect = effect(state, layer).map_or_else(String::new, signed);
        let values: Vec<_> =
            grid.attempts.iter().map(|attempt| attempt.and_then(|attempt| number.of(&attempt.view, layer))).collect();
        let before = row_before(grid, layer).and_then(|row| number.before(row));
        let label = (format!("{mark}{layer:>4} {effect:>7}"), state.theme().text());
        let selected = selected || state.is_selected(layer, state.all().layer());
        paper.line(grid.row(label, before, &values, text, signed, selected));
    }
    if hides {
        let last = (first + rows).saturating_sub(1);
        let text = format!(" layers {first} to {last} of {layers}; up and down show the others");
        paper.line(Span::styled(text, state.theme().warn()));
    }
}
