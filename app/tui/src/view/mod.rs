//! Draws the state. Nothing here changes it.

mod chrome;
mod prefix;

use crate::looks::{Paper, plain, printable};
use crate::overlays;
use crate::panes::{PANES, Pane};
use crate::state::{Of, State, arrange, kind_of};
use crate::workbench::Workbench;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::Span;
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
    for (view, area) in &arrangement.panes {
        let Some(pane) = panes.get(kind_of(view)) else { continue };
        let mut inside = *area;
        if arrangement.has_borders {
            let block = border(state, pane, view);
            inside = block.inner(*area);
            block.render(*area, buffer);
        }
        let stands = pane.draw(&state.seen_by(view), inside, buffer);
        if *view == state.screen.view {
            cursor = stands;
        }
    }
    for (view, area) in &arrangement.titles {
        let Some(pane) = panes.get(kind_of(view)) else { continue };
        let line = ratatui::text::Line::from(pane_title(state, pane, view));
        Paper::new(*area, buffer).line(line);
    }
    chrome::foot(workbench, &arrangement, buffer);
    prefix::draw(state, &arrangement, buffer);
    if let Some(overlay) = overlay {
        cursor = overlays::draw(state, panes, overlay, buffer);
    }
    if state.glyphs().is_ascii() {
        keep_to_ascii(buffer);
    }
    cursor
}

/// The title of the terminal's window: the model, and what runs, in steps of a tenth so that it changes seldom.
#[must_use]
pub fn title(workbench: &Workbench) -> String {
    let state = &workbench.state;
    let mut parts = vec!["locus".to_owned()];
    parts.extend(state.engine.model.as_ref().map(|model| model.name.clone()));
    parts.extend(state.job().map(|job| match job.share() {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share from 0 to 1 in tenths")]
        Some(share) => format!("{} {} %", job.title, (share * 10.0) as u32 * 10),
        None => job.title.clone(),
    }));
    let text = printable(&parts.join(" - "));
    text.chars()
        .map(
            |letter| {
                if letter.is_ascii() { letter.to_string() } else { plain(letter.encode_utf8(&mut [0; 4])).to_owned() }
            },
        )
        .collect()
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
fn border(state: &State, pane: &dyn Pane, view: &str) -> Block<'static> {
    let focused = *view == state.screen.view;
    let style = if focused { state.theme().focus() } else { state.theme().muted() };
    Block::bordered()
        .border_set(state.glyphs().border(focused))
        .border_style(style)
        .title(ratatui::text::Line::from(pane_title(state, pane, view)))
}

/// Number and name of a pane, what this view of it shows, and of which model its numbers are.
fn pane_title(state: &State, pane: &dyn Pane, view: &str) -> Vec<Span<'static>> {
    let focused = *view == state.screen.view;
    let seen = state.seen_by(view);
    let index = state.screen.place(view).unwrap_or(0);
    let name = PANES.get(index).map_or("", |pane| pane.title);
    let style = if focused { state.theme().selected() } else { state.theme().heading() };
    let mut spans = vec![Span::styled(format!(" {} {name} ", index + 1), style)];
    let of_model = pane.of_model(&seen).filter(|_| seen.view().against.is_none());
    if let Some(what) = seen.title(of_model.is_some()) {
        let of = match seen.view().of {
            Of::Variant(letter) => state.theme().variant(letter),
            _ => state.theme().accent(),
        };
        spans.push(Span::styled(format!("{} {} ", state.glyphs().dot(), printable(&what)), of));
    }
    if let Some(model) = of_model {
        spans.push(Span::styled(format!("{} {model} ", state.glyphs().dot()), style));
    }
    if state.screen.zoomed {
        spans.push(Span::styled("[zoom] ", style));
    }
    spans
}
