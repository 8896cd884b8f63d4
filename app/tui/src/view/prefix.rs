//! What can follow a key that begins a sequence, in a box above the foot.

use crate::actions;
use crate::looks::{Paper, fit, width};
use crate::state::{Arrangement, State};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Widget};

/// Cells between two columns.
const GAP: usize = 2;
/// Cells that a column has at least.
const NARROWEST: usize = 24;

/// Draws the box where a sequence has begun and there is room.
pub fn draw(state: &State, arrangement: &Arrangement, buffer: &mut Buffer) {
    if state.keyboard.pending.is_empty() {
        return;
    }
    let next = state.keymap().continuations(state.pane(), &state.keyboard.pending);
    let (columns, rows) = state.screen.size;
    let foot = [arrangement.activity, arrangement.status, arrangement.hints];
    let foot = u16::try_from(foot.iter().flatten().count()).unwrap_or(0);
    let room = usize::from(columns.saturating_sub(2));
    let keys = next.iter().map(|(key, _)| width(key)).max().unwrap_or(0);
    let text = |name: &str| actions::find(name).map_or_else(|| name.to_owned(), |action| action.help().to_owned());
    let widest = next.iter().map(|(_, name)| width(&text(name))).max().unwrap_or(0) + keys + 1;
    // as few columns as there are rows for, each as wide as what is in it where that fits
    let most_rows = usize::from(rows.saturating_sub(foot + 2)).saturating_sub(1).max(1);
    let fitting = ((room + GAP) / (widest.max(NARROWEST) + GAP)).max(1);
    let narrow = ((room + GAP) / (NARROWEST + GAP)).max(1);
    // half of the screen is enough, so that what is under it can be seen
    let enough = most_rows.min(usize::from(rows) / 2);
    let count = (fitting..=narrow).find(|count| next.len().div_ceil(*count) <= enough).unwrap_or(narrow);
    let lines = next.len().div_ceil(count);
    let height = u16::try_from(lines + 2).unwrap_or(u16::MAX);
    if next.is_empty() || lines > most_rows || height + foot > rows || room < NARROWEST {
        return;
    }
    let area = Rect::new(0, rows - foot - height, columns, height).intersection(buffer.area);
    Clear.render(area, buffer);
    let pressed = state.keyboard.pending.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let block = Block::bordered()
        .border_set(state.glyphs().border(true))
        .border_style(state.theme().focus())
        .title(Span::styled(format!(" {pressed} … "), state.theme().selected()));
    let inside = block.inner(area);
    block.render(area, buffer);
    let mut paper = Paper::new(inside, buffer);
    let cell = (room + GAP) / count - GAP;
    for line in 0..lines {
        let mut spans = Vec::new();
        for (key, name) in next.iter().skip(line).step_by(lines) {
            let name = text(name);
            spans.push(Span::styled(fit(key, keys, state.glyphs()), state.theme().accent()));
            spans.push(Span::raw(format!(" {}", fit(&name, cell.saturating_sub(keys + 1), state.glyphs()))));
            spans.push(Span::raw(" ".repeat(GAP)));
        }
        spans.pop();
        paper.line(Line::from(spans));
    }
}
