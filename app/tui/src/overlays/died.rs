//! Says that the engine has ended, and offers to go on.

use super::{Overlay, frame, middle};
use crate::actions;
use crate::input::Effect;
use crate::keys::Key;
use crate::state::State;
use crate::update::resume;
use crate::view::{Paper, shorten, wrap};
use crossterm::event::KeyCode;
use ratatui::buffer::Buffer;
use ratatui::text::Span;

pub fn press(state: &mut State, key: Key, text: String) -> Vec<Effect> {
    match key.code {
        KeyCode::Enter if state.link.lost.is_some() => match state.ready_for_a_job() {
            Ok(()) => resume(state),
            Err(_) => {
                state.link.resume = true;
                Vec::new()
            }
        },
        KeyCode::Char('o') if state.engine.gone => actions::load(state),
        KeyCode::Esc | KeyCode::Enter | KeyCode::Char('n' | 'q') => {
            state.link.lost = None;
            Vec::new()
        }
        _ => {
            state.overlay = Some(Overlay::Died(text));
            Vec::new()
        }
    }
}

pub fn draw(state: &State, text: &str, buffer: &mut Buffer) {
    let columns = 72.min(state.size.0);
    let lines = wrap(&format!("{text}."), usize::from(columns).saturating_sub(4), 0);
    let area = middle(state, columns, u16::try_from(lines.len()).unwrap_or(4) + 6);
    let mut paper = Paper::new(frame(state, area, "The engine has ended", buffer), buffer);
    for line in lines {
        paper.line(format!(" {line}"));
    }
    paper.line("");
    let what = match (state.engine.gone, state.link.coming_back) {
        (true, false) => " It is not started again by itself any more.",
        (_, true) => " Another one is being started, with the recorded edits in place.",
        (false, false) => " Another one is there, with the recorded edits in place.",
    };
    paper.line(shorten(what, paper.width(), state.glyphs));
    paper.line("");
    let mut keys = Vec::new();
    let mut key = |name: &'static str, does: String| {
        keys.extend([Span::styled(format!(" {name}"), state.theme.accent()), Span::raw(does)]);
    };
    if let Some(order) = &state.link.lost {
        key("enter", format!(" run again: {}  ", shorten(&order.title, 34, state.glyphs)));
    }
    if state.engine.gone && !state.link.coming_back {
        key("o", " start an engine  ".to_owned());
    }
    key("esc", " close".to_owned());
    paper.line(keys);
}
