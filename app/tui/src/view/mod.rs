//! Draws the state. Nothing here changes it.

mod chrome;

use crate::looks::plain;
use crate::overlays;
use crate::panes::{PANES, Pane};
use crate::state::{State, arrange};
use crate::workbench::Workbench;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::widgets::{Block, Widget};

/// Draws the whole screen; returns where the cursor stands, where there is one.
pub fn draw(workbench: &Workbench, buffer: &mut Buffer) -> Option<Position> {
    let Workbench { state, panes, overlay } = workbench;
    let arrangement = arrange(state);
    let mut cursor = None;
    if let Some(area) = arrangement.tabs {
        chrome::tabs(state, area, buffer);
    }
    if let Some(area) = arrangement.context {
        chrome::context(state, panes, area, buffer);
    }
    for &(index, area) in &arrangement.panes {
        let Some(pane) = PANES.get(index).and_then(|about| panes.get(about.name)) else { continue };
        let mut inside = area;
        if arrangement.has_borders {
            let block = border(state, pane, index);
            inside = block.inner(area);
            block.render(area, buffer);
        }
        let stands = pane.draw(state, inside, buffer);
        if index == state.screen.focus {
            cursor = stands;
        }
    }
    chrome::foot(workbench, &arrangement, buffer);
    if let Some(overlay) = overlay {
        cursor = overlays::draw(state, panes, overlay, buffer);
    }
    if state.glyphs().is_ascii() {
        keep_to_ascii(buffer);
    }
    cursor
}

/// The whole screen in a buffer of its own.
#[must_use]
pub fn screen(workbench: &Workbench) -> Buffer {
    let (columns, rows) = workbench.size();
    let mut buffer = Buffer::empty(Rect::new(0, 0, columns, rows));
    draw(workbench, &mut buffer);
    buffer
}

/// Texts of the engine and of facts may hold anything; a terminal without Unicode would show rubbish.
fn keep_to_ascii(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        if !cell.symbol().is_ascii() {
            let stand_in = plain(cell.symbol());
            cell.set_symbol(stand_in);
        }
    }
}

/// Frame and title of a pane.
fn border(state: &State, pane: &dyn Pane, index: usize) -> Block<'static> {
    let focused = index == state.screen.focus;
    let title = PANES.get(index).map_or("", |pane| pane.title);
    let of_model = pane.of_model(state);
    let of_model = of_model.map_or_else(String::new, |model| format!(" {} {model}", state.glyphs().dot()));
    let zoomed = if state.screen.zoomed { " [zoom]" } else { "" };
    let style = if focused { state.theme().focus() } else { state.theme().muted() };
    let title_style = if focused { state.theme().selected() } else { state.theme().heading() };
    Block::bordered()
        .border_set(state.glyphs().border(focused))
        .border_style(style)
        .title(ratatui::text::Span::styled(format!(" {} {title}{of_model}{zoomed} ", index + 1), title_style))
}
