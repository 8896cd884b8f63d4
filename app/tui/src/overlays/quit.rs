//! Asks whether to leave while something runs.

use super::{Overlay, frame, middle};
use crate::input::Effect;
use crate::keys::Key;
use crate::state::State;
use crate::view::{Paper, shorten};
use crossterm::event::KeyCode;
use ratatui::buffer::Buffer;
use ratatui::text::Span;

pub fn press(state: &mut State, key: Key) -> Vec<Effect> {
    match key.code {
        KeyCode::Char('y' | 'Y' | 'q' | 'Q') | KeyCode::Enter => {
            let cancel = state.job.as_ref().map(|job| Effect::Cancel(job.id));
            let end = state.link.keep.then_some(Effect::Keep(false));
            cancel.into_iter().chain(end).chain([Effect::Quit]).collect()
        }
        KeyCode::Char('k' | 'K') if state.link.shared => vec![Effect::Keep(true), Effect::Quit],
        KeyCode::Char('n' | 'N') | KeyCode::Esc => Vec::new(),
        _ => {
            state.overlay = Some(Overlay::Quit);
            Vec::new()
        }
    }
}

pub fn draw(state: &State, buffer: &mut Buffer) {
    let area = middle(state, 66, if state.link.shared { 6 } else { 5 });
    let mut paper = Paper::new(frame(state, area, "Leave?", buffer), buffer);
    let text = match &state.job {
        Some(_) => {
            let titles: Vec<&str> = state.job.iter().chain(state.standing_by()).map(|job| job.title.as_str()).collect();
            let verb = if titles.len() == 1 { "is running and would be cancelled" } else { "would be cancelled" };
            format!(" {} {verb}.", titles.join(" and "))
        }
        None => " Nothing is running.".to_owned(),
    };
    paper.line(shorten(&text, paper.width(), state.glyphs));
    paper.line("");
    paper.line(vec![
        Span::styled(" y", state.theme.accent()),
        Span::raw(if state.link.keep { " leave and end the engine   " } else { " leave   " }),
        Span::styled("n", state.theme.accent()),
        Span::raw(" stay"),
    ]);
    if state.link.shared {
        paper.line(vec![
            Span::styled(" k", state.theme.accent()),
            Span::raw(" leave, the engine goes on; `locus attach` joins it again"),
        ]);
    }
}
