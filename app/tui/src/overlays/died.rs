//! Says that the engine has ended, and offers to go on.

use super::{Pressed, frame, middle};
use crate::keys::Key;
use crate::looks::{Paper, shorten, wrap};
use crate::state::{Change, State};
use crossterm::event::KeyCode;
use ratatui::buffer::Buffer;
use ratatui::text::Span;

pub fn press(state: &State, key: Key) -> Pressed {
    let change = match key.code {
        KeyCode::Enter if state.link.lost.is_some() => Change::RunLostAgain,
        KeyCode::Char('o') if state.engine.gone && !state.link.joined => Change::Load,
        KeyCode::Esc | KeyCode::Enter | KeyCode::Char('n' | 'q') => Change::ForgetLost,
        _ => return Pressed::stays(Vec::new()),
    };
    Pressed::goes(vec![change.into()])
}

pub fn draw(state: &State, text: &str, buffer: &mut Buffer) {
    let columns = 72.min(state.screen.size.0);
    let lines = wrap(&format!("{text}."), usize::from(columns).saturating_sub(4), 0);
    let area = middle(state, columns, u16::try_from(lines.len()).unwrap_or(4) + 6);
    let mut paper = Paper::new(frame(state, area, "The engine has ended", buffer), buffer);
    for line in lines {
        paper.line(format!(" {line}"));
    }
    paper.line("");
    let what = match (state.engine.gone, state.link.coming_back) {
        _ if state.link.joined => {
            format!(" {} leaves; `locus` starts a new one with the recorded edits in place.", state.key("quit"))
        }
        (true, false) => " It ended too often to be restarted automatically.".to_owned(),
        (_, true) => " A new one is starting with the recorded edits in place.".to_owned(),
        (false, false) => " A new one is running with the recorded edits in place.".to_owned(),
    };
    paper.line(shorten(&what, paper.width(), state.glyphs()));
    paper.line("");
    let mut keys = Vec::new();
    let mut key = |name: &'static str, does: String| {
        keys.extend([Span::styled(format!(" {name}"), state.theme().accent()), Span::raw(does)]);
    };
    if let Some(order) = &state.link.lost {
        key("enter", format!(" run again: {}  ", shorten(&order.title, 34, state.glyphs())));
    }
    if state.engine.gone && !state.link.coming_back && !state.link.joined {
        key("o", " start an engine  ".to_owned());
    }
    key("esc", " close".to_owned());
    paper.line(keys);
}
