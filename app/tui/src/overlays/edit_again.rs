//! Asks what is to become of the edit in place of a fact that is edited once more.

use super::{Pressed, frame, middle};
use crate::actions::{edited_already, replace_edit, start_edit};
use crate::keys::Key;
use crate::looks::{Paper, printable, shorten};
use crate::state::{State, Tone, Wish};
use crossterm::event::KeyCode;
use locus_protocol::{EditInPlace, counted};
use ratatui::buffer::Buffer;
use ratatui::text::Span;

pub fn press(state: &State, key: Key) -> Pressed {
    let can_order = |wishes| match state.ready_to_wait() {
        Ok(()) => wishes,
        Err(why) => vec![Wish::say(Tone::Plain, why)],
    };
    match (key.code, edited_already(state)) {
        (KeyCode::Char('o' | 'O'), _) => Pressed::goes(can_order(start_edit(state))),
        (KeyCode::Char('r' | 'R'), Some(edit)) => Pressed::goes(can_order(replace_edit(state, edit.number))),
        (KeyCode::Char('n' | 'N' | 'q') | KeyCode::Esc, _) => Pressed::goes(Vec::new()),
        _ => Pressed::stays(Vec::new()),
    }
}

/// What replacing an edit undoes.
fn undone(edit: &EditInPlace) -> String {
    match edit.facts {
        0 | 1 => format!("edit {} is undone first", edit.number),
        facts => format!("edit {} is undone first, all {} of it", edit.number, counted(facts, "fact")),
    }
}

pub fn draw(state: &State, buffer: &mut Buffer) {
    let area = middle(state, 76, 7);
    let mut paper = Paper::new(frame(state, area, "This fact is already edited", buffer), buffer);
    let Some(edit) = edited_already(state) else {
        paper.line(" The edit has been undone meanwhile; o edits the fact.");
        return;
    };
    let what = format!(" edit {}: {}{}", edit.number, edit.mark(), edit.title);
    paper.line(shorten(&printable(&what), paper.width(), state.glyphs()));
    paper.line("");
    for (key, text) in [
        ("o", "edit on top of it: both stay in place".to_owned()),
        ("r", format!("replace it: {}", undone(edit))),
        ("n", "leave it as it is".to_owned()),
    ] {
        paper.line(vec![Span::styled(format!(" {key}"), state.theme().accent()), Span::raw(format!(" {text}"))]);
    }
}
