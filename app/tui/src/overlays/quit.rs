//! Asks whether to leave while something runs.

use super::{Pressed, frame, middle};
use crate::input::Effect;
use crate::keys::Key;
use crate::looks::{Paper, shorten};
use crate::state::State;
use crossterm::event::KeyCode;
use ratatui::buffer::Buffer;
use ratatui::text::Span;

pub fn press(state: &State, key: Key) -> Pressed {
    match key.code {
        KeyCode::Char('y' | 'Y' | 'q' | 'Q') | KeyCode::Enter => {
            let cancel = state.job().map(|_| Effect::Cancel.into());
            Pressed::goes(cancel.into_iter().chain([Effect::Quit.into()]).collect())
        }
        KeyCode::Char('n' | 'N') | KeyCode::Esc => Pressed::goes(Vec::new()),
        _ => Pressed::stays(Vec::new()),
    }
}

pub fn draw(state: &State, buffer: &mut Buffer) {
    let area = middle(state, 60, 5);
    let mut paper = Paper::new(frame(state, area, "Leave?", buffer), buffer);
    let text = match state.job() {
        Some(_) => {
            let titles: Vec<&str> =
                state.job().into_iter().chain(state.standing_by()).map(|job| job.title.as_str()).collect();
            let verb = if titles.len() == 1 { "is running and would be cancelled" } else { "would be cancelled" };
            format!(" {} {verb}.", titles.join(" and "))
        }
        None => " Nothing is running.".to_owned(),
    };
    paper.line(shorten(&text, paper.width(), state.glyphs()));
    paper.line("");
    paper.line(vec![
        Span::styled(" y", state.theme().accent()),
        Span::raw(" leave   "),
        Span::styled("n", state.theme().accent()),
        Span::raw(" stay"),
    ]);
}
