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
            let cancel = state.job().map(|job| Effect::Cancel(job.id));
            let end = state.link.keep.then_some(Effect::Keep(false));
            Pressed::goes(cancel.into_iter().chain(end).chain([Effect::Quit]).map(Effect::into).collect())
        }
        KeyCode::Char('k' | 'K') if state.link.shared => {
            Pressed::goes(vec![Effect::Keep(true).into(), Effect::Quit.into()])
        }
        KeyCode::Char('n' | 'N') | KeyCode::Esc => Pressed::goes(Vec::new()),
        _ => Pressed::stays(Vec::new()),
    }
}

pub fn draw(state: &State, buffer: &mut Buffer) {
    let area = middle(state, 66, if state.link.shared { 6 } else { 5 });
    let mut paper = Paper::new(frame(state, area, "Leave?", buffer), buffer);
    let text = match state.job() {
        Some(_) => {
            let titles: Vec<&str> =
                state.job().into_iter().chain(state.standing_by()).map(|job| job.title.as_str()).collect();
            let verb = if titles.len() == 1 { "is running and would be canceled" } else { "would be canceled" };
            format!(" {} {verb}.", titles.join(" and "))
        }
        None => " Nothing is running.".to_owned(),
    };
    paper.line(shorten(&text, paper.width(), state.glyphs()));
    paper.line("");
    paper.line(vec![
        Span::styled(" y", state.theme().accent()),
        Span::raw(if state.link.keep { " leave and end the engine   " } else { " leave   " }),
        Span::styled("n", state.theme().accent()),
        Span::raw(" stay"),
    ]);
    if state.link.shared {
        paper.line(vec![
            Span::styled(" k", state.theme().accent()),
            Span::raw(" leave and keep the engine running; `locus attach` rejoins it"),
        ]);
    }
}
