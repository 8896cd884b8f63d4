//! Effect against score at one layer, a point for each fact.

use super::AnalysisPane;
use super::choice::{Chosen, spoken};
use super::words::{facts, fixed, p};
use crate::looks::{Paper, draw_points, printable, shorten};
use crate::state::State;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

pub fn draw(pane: &AnalysisPane, chosen: Chosen<'_>, state: &State, area: Rect, buffer: &mut Buffer) {
    let Some((number, own)) = chosen.localizer else { return };
    let Some(points) = pane.analyzed.as_ref().and_then(|analyzed| analyzed.points.get(chosen.place)) else { return };
    let mut paper = Paper::new(area, buffer);
    let Some((place, layer)) = pane.layer_of(&points.layers, state) else { return };
    let (there, missing) = points.at(number, place);
    let correlation = own.correlations.iter().find(|at| at.layer == layer);
    let correlation = correlation.map_or_else(String::new, |at| match &at.correlation {
        Ok(own) => format!(", r {} (p {})", fixed(own.r, 3), p(own.p)),
        Err(reason) => format!(", no r: {reason}"),
    });
    let missing = if missing > 0 { format!(", {} without one of both", facts(missing)) } else { String::new() };
    let key = state.keymap().first_key("analysis", "down");
    let back = state.keymap().first_key("analysis", "up");
    let head = format!(
        " layer {layer}, {} of {}: {}{missing}{correlation}",
        place + 1,
        points.layers.len(),
        facts(there.len())
    );
    paper.line(Span::styled(shorten(&printable(&head), paper.width(), state.glyphs()), state.theme().heading()));
    paper.line(Span::styled(format!(" {key}, {back}: another layer"), state.theme().muted()));
    if there.is_empty() {
        let text = format!(" no fact has both numbers at layer {layer}; {key} and {back} go to another");
        paper.line(Span::styled(text, state.theme().warn()));
        return;
    }
    let reasons: Vec<String> = own.counts.missing.iter().map(|(reason, count)| format!("{count} ({reason})")).collect();
    if !reasons.is_empty() {
        let text = printable(&format!(" cells left out at all layers: {}", reasons.join(", ")));
        paper.line(Span::styled(shorten(&text, paper.width(), state.glyphs()), state.theme().muted()));
    }
    let names = (printable(&format!("effect: {}", own.name)), printable(&spoken(&chosen.panel.score)));
    let rest = paper.rest();
    draw_points(&there, (&names.0, &names.1), (state.theme(), state.glyphs()), rest, buffer);
}
