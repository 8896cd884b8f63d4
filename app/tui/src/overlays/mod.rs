//! What lies over the panes and has the keys as long as it does.

mod build_output;
mod drift;
mod edits;
mod form;
mod jobs;
mod palette;
mod quit;
mod sheets;

pub use edits::{EditList, is_large};
pub use form::Form;
pub use jobs::JobList;
pub use palette::Palette;
pub use sheets::{Sheet, SheetKind};

use crate::input::Effect;
use crate::keys::Key;
use crate::looks::fit;
use crate::state::State;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::Span;
use ratatui::widgets::{Block, Clear, Widget};

/// What lies over the panes.
#[derive(Clone, Debug)]
pub enum Overlay {
    /// A text to read: help, log, model, error.
    Sheet(Sheet),
    /// Actions by name.
    Palette(Palette),
    /// The edit form.
    Form(Form),
    /// The edits in place.
    Edits(EditList),
    /// The jobs.
    Jobs(JobList),
    /// What cargo says of a plugin's crate.
    Build,
    /// Whether to leave.
    Quit,
}

impl Overlay {
    /// The keys.
    #[must_use]
    pub fn help() -> Self {
        Self::Sheet(Sheet::new(SheetKind::Help))
    }

    /// The log, from its end.
    #[must_use]
    pub fn log() -> Self {
        Self::Sheet(Sheet::new(SheetKind::Log))
    }

    /// Model, device, plugins.
    #[must_use]
    pub fn model() -> Self {
        Self::Sheet(Sheet::new(SheetKind::Model))
    }

    /// The last error.
    #[must_use]
    pub fn error() -> Self {
        Self::Sheet(Sheet::new(SheetKind::Error))
    }

    /// The last trace or edit as a command.
    #[must_use]
    pub fn command() -> Self {
        Self::Sheet(Sheet::new(SheetKind::Command))
    }

    /// Actions by name.
    #[must_use]
    pub fn palette() -> Self {
        Self::Palette(Palette::default())
    }

    /// The edit form.
    #[must_use]
    pub fn form() -> Self {
        Self::Form(Form::default())
    }

    /// The edits in place.
    #[must_use]
    pub fn edits(state: &State) -> Self {
        Self::Edits(EditList::new(state))
    }

    /// The jobs.
    #[must_use]
    pub fn jobs() -> Self {
        Self::Jobs(JobList::default())
    }

    /// Whether letters go into a text.
    #[must_use]
    pub fn is_typing(&self) -> bool {
        matches!(self, Self::Palette(_) | Self::Form(_))
    }

    /// Its keys, for the line of hints.
    #[must_use]
    pub fn hints(&self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Sheet(_) => &[("esc", "close"), ("up/down", "scroll"), ("g/G", "begin, end")],
            Self::Palette(_) => &[("enter", "run"), ("up/down", "select"), ("esc", "close")],
            Self::Form(_) => &[
                ("up/down", "field"),
                ("left/right", "choose"),
                ("type", "a value"),
                ("enter", "next, on Run: run"),
                ("esc", "close"),
            ],
            Self::Edits(_) => &[
                ("enter", "take back, put on"),
                ("s", "score all"),
                ("ctrl-r", "put the last on again"),
                ("up/down", "select"),
                ("esc", "close"),
            ],
            Self::Jobs(_) => {
                &[("x", "cancel"), ("p", "pause, go on"), ("r", "run again"), ("up/down", "select"), ("esc", "close")]
            }
            Self::Build => &[
                ("n/p", "next, previous error"),
                ("enter", "open it in $EDITOR"),
                ("B", "build again"),
                ("up/down", "scroll"),
                ("esc", "close"),
            ],
            Self::Quit => &[("y", "leave"), ("n", "stay")],
        }
    }
}

/// A key, while something lies over the panes.
pub fn press(state: &mut State, key: Key) -> Vec<Effect> {
    match state.overlay.take() {
        Some(Overlay::Sheet(sheet)) => sheet.press(state, key),
        Some(Overlay::Palette(palette)) => palette.press(state, key),
        Some(Overlay::Form(form)) => form.press(state, key),
        Some(Overlay::Edits(list)) => list.press(state, key),
        Some(Overlay::Jobs(list)) => list.press(state, key),
        Some(Overlay::Build) => build_output::press(state, key),
        Some(Overlay::Quit) => quit::press(state, key),
        None => Vec::new(),
    }
}

/// Pasted text, while something lies over the panes.
pub fn paste(state: &mut State, text: &str) {
    match state.overlay.take() {
        Some(Overlay::Palette(mut palette)) => {
            palette.paste(text);
            state.overlay = Some(Overlay::Palette(palette));
        }
        Some(Overlay::Form(mut form)) => {
            form.paste(state, text);
            state.overlay = Some(Overlay::Form(form));
        }
        other => state.overlay = other,
    }
}

/// Draws what lies over the panes; returns where the cursor stands.
pub fn draw(state: &State, overlay: &Overlay, buffer: &mut Buffer) -> Option<Position> {
    match overlay {
        Overlay::Sheet(sheet) => {
            sheet.draw(state, buffer);
            None
        }
        Overlay::Palette(palette) => palette.draw(state, buffer),
        Overlay::Form(form) => form.draw(state, buffer),
        Overlay::Edits(list) => {
            list.draw(state, buffer);
            None
        }
        Overlay::Jobs(list) => {
            list.draw(state, buffer);
            None
        }
        Overlay::Build => {
            build_output::draw(state, buffer);
            None
        }
        Overlay::Quit => {
            quit::draw(state, buffer);
            None
        }
    }
}

/// An area in the middle of the screen, above the lines at the foot where there is room.
fn middle(state: &State, columns: u16, rows: u16) -> Rect {
    let (width, height) = state.size;
    let body = height.saturating_sub(if height >= 10 { 3 } else { 0 });
    let (columns, rows) = (columns.min(width), rows.min(body));
    Rect::new((width - columns) / 2, (body - rows) / 2, columns, rows)
}

/// Empties an area, frames it, and returns what is inside.
fn frame(state: &State, area: Rect, title: &str, buffer: &mut Buffer) -> Rect {
    let area = area.intersection(buffer.area);
    Clear.render(area, buffer);
    let title = fit(&format!(" {title} "), crate::looks::width(title) + 2, state.glyphs);
    let block = Block::bordered()
        .border_set(state.glyphs.border(true))
        .border_style(state.theme.focus())
        .title(Span::styled(title, state.theme.selected()));
    let inside = block.inner(area);
    block.render(area, buffer);
    inside
}
