//! Models that can be opened, filtered as one types; a folder that is typed can be opened as well.

use super::{Pressed, frame, middle};
use crate::actions::folder;
use crate::keys::Key;
use crate::looks::{Paper, fit, printable, shorten, window_start};
use crate::options::KnownModel;
use crate::panes::Motion;
use crate::state::{Change, State};
use crate::text_input;
use crossterm::event::KeyCode;
use locus_protocol::ModelSource;
use ratatui::buffer::Buffer;
use ratatui::layout::Position;
use ratatui::text::Span;
use tui_input::Input;

#[derive(Clone, Debug, Default)]
pub struct ModelList {
    typed: Input,
    selected: usize,
}

/// Whether a text names a folder rather than a few letters of a name.
fn is_folder(text: &str) -> bool {
    text.contains('/') || text.starts_with('.') || text.starts_with('~')
}

impl ModelList {
    /// The list with the cursor on the model that is loaded.
    #[must_use]
    pub fn new(state: &State) -> Self {
        // nothing is loaded before one was chosen: the one of the last session is the likely choice
        let likely = match state.engine.model {
            None if state.launch.chooses => state.launch.last.as_ref(),
            _ => Some(&state.launch.source),
        };
        let place = state.known_models().iter().position(|known| Some(&known.source) == likely);
        Self { typed: Input::default(), selected: place.unwrap_or(0) }
    }

    fn shown(&self, state: &State) -> Vec<KnownModel> {
        let typed = self.typed.value().trim().to_lowercase();
        let names = |known: &KnownModel| match &known.source {
            ModelSource::BuiltIn => known.name.clone(),
            ModelSource::Folder(folder) => format!("{} {}", known.name, folder.display()).to_lowercase(),
        };
        state.known_models().into_iter().filter(|known| names(known).contains(&typed)).collect()
    }

    pub(super) fn press(&mut self, state: &State, key: Key) -> Pressed {
        let shown = self.shown(state);
        match key.code {
            KeyCode::Esc => return Pressed::goes(Vec::new()),
            KeyCode::Enter => {
                let typed = self.typed.value().trim();
                let source = match shown.get(self.selected.min(shown.len().saturating_sub(1))) {
                    Some(known) => known.source.clone(),
                    None if is_folder(typed) => ModelSource::Folder(folder(typed)),
                    None => return Pressed::stays(Vec::new()),
                };
                return Pressed::goes(vec![Change::Open(source).into()]);
            }
            _ => match Motion::of(key).filter(|_| key.typed().is_none()) {
                Some(motion) => {
                    let page = usize::from(state.screen.size.1) / 4;
                    self.selected = motion.in_list(self.selected, shown.len(), page);
                }
                None => {
                    if text_input::press(&mut self.typed, key) {
                        self.selected = 0;
                    }
                }
            },
        }
        Pressed::stays(Vec::new())
    }

    pub(super) fn paste(&mut self, text: &str) {
        text_input::insert(&mut self.typed, text);
        self.selected = 0;
    }

    pub(super) fn draw(&self, state: &State, buffer: &mut Buffer) -> Option<Position> {
        let shown = self.shown(state);
        let rows = u16::try_from(state.known_models().len() + 6).unwrap_or(u16::MAX);
        let area = middle(state, 100, rows.max(10));
        let inside = frame(state, area, "Open a model", buffer);
        let mut paper = Paper::new(inside, buffer);
        let hint = if self.typed.value().is_empty() { "a folder, a hub id, or a few letters of a name" } else { "" };
        paper.line(vec![
            Span::styled(" model: ", state.theme().accent()),
            Span::raw(printable(self.typed.value())),
            Span::styled(hint, state.theme().muted()),
        ]);
        let place = self.selected.min(shown.len().saturating_sub(1));
        let room = paper.left().saturating_sub(2);
        let first = window_start(place, room, shown.len());
        let width = paper.width();
        let widest = shown.iter().map(|known| crate::looks::width(&known.name)).max().unwrap_or(0).min(width / 2);
        for (number, known) in shown.iter().enumerate().skip(first).take(room) {
            let is_loaded = state.engine.model.is_some() && known.source == state.launch.source;
            let mark = if is_loaded { "*" } else { " " };
            let text = format!(
                " {mark} {}  {}",
                fit(&printable(&known.name), widest, state.glyphs()),
                printable(&known.about)
            );
            let style = if number == place { state.theme().selected() } else { state.theme().text() };
            paper.line(Span::styled(fit(&text, width, state.glyphs()), style));
        }
        for _ in shown.len().saturating_sub(first)..room {
            paper.line("");
        }
        let typed = self.typed.value().trim();
        let foot = match shown.get(place).map(|known| &known.source) {
            Some(ModelSource::Folder(folder)) => format!(" enter opens {}", folder.display()),
            Some(ModelSource::BuiltIn) => " enter opens the built-in model".to_owned(),
            None if is_folder(typed) => format!(" enter opens {typed}"),
            None => " nothing matches; a folder or hub id contains a /".to_owned(),
        };
        paper.line(Span::styled(shorten(&printable(&foot), width, state.glyphs()), state.theme().muted()));
        let note = match state.engine.model {
            Some(_) => " * is loaded; opening another model replaces it".to_owned(),
            None => format!(" no model is loaded yet; esc leaves the list, {} shows it again", state.key("models")),
        };
        paper.line(Span::styled(shorten(&note, width, state.glyphs()), state.theme().muted()));
        let column = u16::try_from(self.typed.visual_cursor() + " model: ".len()).unwrap_or(u16::MAX);
        (inside.height > 0 && column < inside.width).then(|| Position::new(inside.x + column, inside.y))
    }
}
