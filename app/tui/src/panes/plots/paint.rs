//! Draws the chosen plot.

use super::PlotsPane;
use crate::looks::{Curve, Window, draw_curves};
use crate::state::State;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Draws the curves with their axes.
pub fn paint(plots: PlotsPane, state: &State, curves: &[Curve], area: Rect, buffer: &mut Buffer) {
    let Some(window) = Window::around(curves, plots.logarithmic) else {
        let key = state.keymap().first_key("plots", "plot-scale");
        let text = format!(" no value is greater than 0; {key} switches to the linear scale");
        buffer.set_stringn(area.x, area.y, text, usize::from(area.width), state.theme().warn());
        return;
    };
    let by = if plots.kind.is_by_step() { "step" } else { "layer" };
    let here = plots.place(state, curves);
    draw_curves(curves, &window, (by, Some(here)), (state.theme(), state.glyphs()), area, buffer);
}
