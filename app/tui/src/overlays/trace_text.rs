//! A text whose probability is to be traced.

use super::{Pressed, frame, middle};
use crate::keys::Key;
use crate::looks::{Paper, printable, shorten, width};
use crate::state::{Change, State, Wish};
use crate::text_input;
use crossterm::event::KeyCode;
use locus_protocol::TraceAnswer;
use ratatui::buffer::Buffer;
use ratatui::layout::Position;
use ratatui::text::Span;
use tui_input::Input;

#[derive(Clone, Debug, Default)]
pub struct TraceText {
    input: Input,
}

impl TraceText {
    pub(super) fn press(&mut self, state: &State, key: Key) -> Pressed {
        let Some(fact) = state.seen().fact() else { return Pressed::goes(Vec::new()) };
        let text = self.input.value().trim().to_owned();
        let answer = match key.code {
            KeyCode::Esc => TraceAnswer::True,
            KeyCode::Enter if text.is_empty() => TraceAnswer::True,
            KeyCode::Enter => TraceAnswer::Text(text),
            _ => {
                text_input::press(&mut self.input, key);
                return Pressed::stays(Vec::new());
            }
        };
        let trace = matches!(answer, TraceAnswer::Text(_)).then_some(Wish::Run("trace"));
        let chosen = Change::TraceAnswer(Box::new(fact.clone()), answer).into();
        Pressed::goes(std::iter::once(chosen).chain(trace).collect())
    }

    pub(super) fn paste(&mut self, text: &str) {
        text_input::insert(&mut self.input, text);
    }

    pub(super) fn draw(&self, state: &State, buffer: &mut Buffer) -> Option<Position> {
        let inside = frame(state, middle(state, 72, 5), "Trace which answer?", buffer);
        let mut paper = Paper::new(inside, buffer);
        let prompt = state.seen().fact().map_or_else(String::new, |fact| format!(" {}", fact.prompt()));
        paper.line(shorten(&printable(&prompt), paper.width(), state.glyphs()));
        let text = self.input.value();
        paper.line(vec![Span::styled(" > ", state.theme().accent()), Span::raw(printable(text))]);
        paper.line(Span::styled(
            " the trace follows its probability as the continuation of the prompt",
            state.theme().muted(),
        ));
        let before: String = text.chars().take(self.input.cursor()).collect();
        let column = u16::try_from(3 + width(&before)).unwrap_or(u16::MAX);
        let column = inside.x.saturating_add(column).min(inside.right().saturating_sub(1));
        (inside.height > 1).then_some(Position::new(column, inside.y + 1))
    }
}
