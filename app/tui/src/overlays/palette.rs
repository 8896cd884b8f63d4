//! Finds an action by a few letters of its name or of what it does.

use super::{Pressed, frame, middle};
use crate::actions;
use crate::keys::Key;
use crate::looks::{Paper, fit, shorten, window_start};
use crate::panes::{Act, Panes};
use crate::state::{State, Wish};
use crate::text_input;
use crossterm::event::KeyCode;
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use ratatui::buffer::Buffer;
use ratatui::layout::Position;
use ratatui::text::Span;
use tui_input::Input;

/// The palette.
#[derive(Clone, Debug, Default)]
pub struct Palette {
    input: Input,
    selected: usize,
}

impl Palette {
    /// Actions that match, the best match first.
    fn matches(&self) -> Vec<&'static dyn Act> {
        let pattern = Pattern::parse(self.input.value(), CaseMatching::Ignore, Normalization::Smart);
        let mut matcher = Matcher::new(Config::DEFAULT);
        let mut buffer = Vec::new();
        let mut score = |text: &str| pattern.score(Utf32Str::new(text, &mut buffer), &mut matcher);
        // A match in the name counts for more than one in the help.
        let mut scored: Vec<_> = actions::all()
            .into_iter()
            .filter_map(|action| {
                let (name, help) = (score(action.name()).map(|score| 4 * score), score(action.help()));
                Some((name.into_iter().chain(help).max()?, action))
            })
            .collect();
        scored.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
        scored.into_iter().map(|(_, action)| action).collect()
    }

    pub(super) fn press(&mut self, key: Key) -> Pressed {
        let matches = self.matches();
        match key.code {
            KeyCode::Esc => return Pressed::goes(Vec::new()),
            KeyCode::Enter => {
                let selected = matches.get(self.selected);
                return Pressed::goes(selected.map(|action| Wish::Run(action.name())).into_iter().collect());
            }
            KeyCode::Down | KeyCode::Tab => self.selected = (self.selected + 1).min(matches.len().saturating_sub(1)),
            KeyCode::Up | KeyCode::BackTab => self.selected = self.selected.saturating_sub(1),
            _ => {
                if text_input::press(&mut self.input, key) {
                    self.selected = 0;
                }
            }
        }
        Pressed::stays(Vec::new())
    }

    pub(super) fn paste(&mut self, text: &str) {
        text_input::insert(&mut self.input, text);
        self.selected = 0;
    }

    pub(super) fn draw(&self, state: &State, panes: &Panes, buffer: &mut Buffer) -> Option<Position> {
        let area = middle(state, 92, state.screen.size.1.saturating_sub(4));
        let inside = frame(state, area, "Actions", buffer);
        let mut paper = Paper::new(inside, buffer);
        paper.line(vec![Span::styled(" :", state.theme().accent()), Span::raw(self.input.value().to_owned())]);
        let matches = self.matches();
        let rows = paper.left().saturating_sub(1);
        let first = window_start(self.selected, rows, matches.len());
        for (place, action) in matches.iter().enumerate().skip(first).take(rows) {
            let keys = state.keymap().keys_of(state.pane(), action.name()).join(", ");
            let text = format!(
                " {} {} {}",
                fit(action.name(), 18, state.glyphs()),
                fit(&keys, 15, state.glyphs()),
                action.help()
            );
            let style = match (place == self.selected, action.available(panes, state)) {
                (true, _) => state.theme().selected(),
                (_, Ok(())) => state.theme().text(),
                (_, Err(_)) => state.theme().muted(),
            };
            paper.line(Span::styled(fit(&text, paper.width(), state.glyphs()), style));
        }
        if matches.is_empty() {
            paper.line(Span::styled(" nothing matches", state.theme().warn()));
        } else if let Some(Err(why)) = matches.get(self.selected).map(|action| action.available(panes, state)) {
            paper.line(Span::styled(
                shorten(&format!(" not now: {why}"), paper.width(), state.glyphs()),
                state.theme().warn(),
            ));
        }
        let column = u16::try_from(self.input.visual_cursor() + 2).unwrap_or(u16::MAX);
        (inside.height > 0 && column < inside.width).then(|| Position::new(inside.x + column, inside.y))
    }
}
