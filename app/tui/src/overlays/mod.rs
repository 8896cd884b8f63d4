//! What lies over the panes and has the keys as long as it does.

mod build_output;
mod died;
mod drift;
mod edit_again;
mod edits;
mod form;
mod help;
mod jobs;
mod models;
mod moments;
mod palette;
mod quit;
mod sheets;
mod trace_text;

pub use edits::EditList;
pub use form::Form;
pub use help::Help;
pub use jobs::JobList;
pub use models::ModelList;
pub use moments::MomentsQuestion;
pub use palette::Palette;
pub use sheets::{Sheet, SheetKind};
pub use trace_text::TraceText;

use crate::keys::Key;
use crate::looks::fit;
use crate::panes::Panes;
use crate::state::{Opening, State, Wish};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::Span;
use ratatui::widgets::{Block, Clear, Widget};

/// What lies over the panes.
#[derive(Clone, Debug)]
pub enum Overlay {
    Help(Help),
    /// A text to read: model, error, command.
    Sheet(Sheet),
    Palette(Palette),
    Form(Form),
    /// The edits in place.
    Edits(EditList),
    Jobs(JobList),
    /// Models that can be opened.
    Models(ModelList),
    /// What cargo says of a plugin's crate.
    BuildOutput,
    /// A text whose probability is to be traced.
    TraceText(TraceText),
    /// Whether to edit on top of an edit of the same fact, or to replace it.
    EditAgain,
    /// What is to become of second moments that an edit needs.
    Moments(MomentsQuestion),
    Quit,
    /// How the engine ended.
    Died(String),
}

impl Overlay {
    /// What was asked for.
    #[must_use]
    pub fn open(opening: Opening, state: &State) -> Self {
        match opening {
            Opening::Help => Self::Help(Help::default()),
            Opening::Model => Self::Sheet(Sheet::new(SheetKind::Model)),
            Opening::Error => Self::Sheet(Sheet::new(SheetKind::Error)),
            Opening::Command => Self::Sheet(Sheet::new(SheetKind::Command)),
            Opening::Palette => Self::Palette(Palette::default()),
            Opening::Form => Self::Form(Form::default()),
            Opening::Edits => Self::Edits(EditList::new(state)),
            Opening::Jobs => Self::Jobs(JobList::default()),
            Opening::Models => Self::Models(ModelList::new(state)),
            Opening::BuildOutput => Self::BuildOutput,
            Opening::TraceText => Self::TraceText(TraceText::default()),
            Opening::EditAgain => Self::EditAgain,
            Opening::Quit => Self::Quit,
        }
    }

    /// Whether letters go into a text.
    #[must_use]
    pub fn is_typing(&self) -> bool {
        matches!(self, Self::Help(_) | Self::Models(_) | Self::Palette(_) | Self::Form(_) | Self::TraceText(_))
    }

    /// Its keys, for the line of hints.
    #[must_use]
    pub fn hints(&self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Help(_) => &[("type", "filter"), ("up/down", "select"), ("enter", "run"), ("esc", "clear, close")],
            Self::Sheet(_) => &[("esc", "close"), ("up/down", "scroll"), ("g/G", "top, bottom"), ("p", "pager")],
            Self::Palette(_) => {
                &[("enter", "run"), ("tab", "complete"), ("up/down", "select"), ("ctrl-p", "history"), ("esc", "close")]
            }
            Self::Form(_) => &[
                ("up/down", "field"),
                ("left/right", "choose"),
                ("type", "a value"),
                ("enter", "next, on Run: run"),
                ("esc", "close"),
            ],
            Self::Edits(_) => &[
                ("enter", "undo, redo"),
                ("s", "score all"),
                ("ctrl-r", "redo the last"),
                ("v", "select lines"),
                ("y", "copy"),
                ("esc", "close"),
            ],
            Self::Models(_) => {
                &[("enter", "open"), ("type", "a folder, or to filter"), ("up/down", "select"), ("esc", "close")]
            }
            Self::Jobs(_) => {
                &[("x", "cancel"), ("p", "pause, resume"), ("r", "run again"), ("up/down", "select"), ("esc", "close")]
            }
            Self::BuildOutput => &[
                ("n/p", "next, previous error"),
                ("enter", "open it in $EDITOR"),
                ("B", "build again"),
                ("up/down", "scroll"),
                ("esc", "close"),
            ],
            Self::TraceText(_) => &[("enter", "trace it"), ("esc", "back to the true target")],
            Self::EditAgain => &[("o", "edit on top"), ("r", "replace it"), ("n", "leave it")],
            Self::Moments(_) => &[("enter", "do it"), ("up/down", "select"), ("esc", "no edit")],
            Self::Quit => &[("y", "leave"), ("k", "leave, keep the engine"), ("n", "stay")],
            Self::Died(_) => &[("enter", "run the job again"), ("esc", "close")],
        }
    }
}

/// What a key did.
#[derive(Debug)]
pub struct Pressed {
    /// Whether it still lies over the panes.
    pub stays: bool,
    /// What it asks for.
    pub wishes: Vec<Wish>,
}

impl Pressed {
    fn goes(wishes: Vec<Wish>) -> Self {
        Self { stays: false, wishes }
    }

    fn stays(wishes: Vec<Wish>) -> Self {
        Self { stays: true, wishes }
    }
}

impl Overlay {
    pub fn press(&mut self, state: &State, panes: &Panes, key: Key) -> Pressed {
        match self {
            Self::Help(help) => help.press(state, key),
            Self::Sheet(sheet) => sheet.press(state, key),
            Self::Palette(palette) => palette.press(state, key),
            Self::Form(form) => form.press(state, panes, key),
            Self::Edits(list) => list.press(state, key),
            Self::Jobs(list) => list.press(state, key),
            Self::Models(list) => list.press(state, key),
            Self::BuildOutput => build_output::press(state, key),
            Self::TraceText(text) => text.press(state, key),
            Self::EditAgain => edit_again::press(state, key),
            Self::Moments(question) => question.press(state, key),
            Self::Quit => quit::press(state, key),
            Self::Died(_) => died::press(state, key),
        }
    }

    pub fn paste(&mut self, state: &State, line: &str) -> Vec<Wish> {
        match self {
            Self::Help(help) => help.paste(line),
            Self::Models(list) => list.paste(line),
            Self::Palette(palette) => palette.paste(line),
            Self::TraceText(text) => text.paste(line),
            Self::Form(form) => return form.paste(state, line),
            _ => {}
        }
        Vec::new()
    }
}

/// Draws what lies over the panes; returns where the cursor stands.
pub fn draw(state: &State, panes: &Panes, overlay: &Overlay, buffer: &mut Buffer) -> Option<Position> {
    match overlay {
        Overlay::Help(help) => help.draw(state, panes, buffer),
        Overlay::Models(list) => list.draw(state, buffer),
        Overlay::Sheet(sheet) => {
            sheet.draw(state, buffer);
            None
        }
        Overlay::Palette(palette) => palette.draw(state, panes, buffer),
        Overlay::Form(form) => form.draw(state, buffer),
        Overlay::Edits(list) => {
            list.draw(state, buffer);
            None
        }
        Overlay::Jobs(list) => {
            list.draw(state, buffer);
            None
        }
        Overlay::BuildOutput => {
            build_output::draw(state, buffer);
            None
        }
        Overlay::TraceText(text) => text.draw(state, buffer),
        Overlay::EditAgain => {
            edit_again::draw(state, buffer);
            None
        }
        Overlay::Moments(question) => {
            question.draw(state, buffer);
            None
        }
        Overlay::Quit => {
            quit::draw(state, buffer);
            None
        }
        Overlay::Died(text) => {
            died::draw(state, text, buffer);
            None
        }
    }
}

/// An area in the middle of the screen, above the lines at the foot where there is room.
fn middle(state: &State, columns: u16, rows: u16) -> Rect {
    let (width, height) = state.screen.size;
    let body = height.saturating_sub(if height >= 10 { 3 } else { 0 });
    let (columns, rows) = (columns.min(width), rows.min(body));
    Rect::new((width - columns) / 2, (body - rows) / 2, columns, rows)
}

/// Empties an area, frames it, and returns what is inside.
fn frame(state: &State, area: Rect, title: &str, buffer: &mut Buffer) -> Rect {
    let area = area.intersection(buffer.area);
    Clear.render(area, buffer);
    let title = fit(&format!(" {title} "), crate::looks::width(title) + 2, state.glyphs());
    let block = Block::bordered()
        .border_set(state.glyphs().border(true))
        .border_style(state.theme().focus())
        .title(Span::styled(title, state.theme().selected()));
    let inside = block.inner(area);
    block.render(area, buffer);
    inside
}
