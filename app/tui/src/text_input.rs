//! Keys of a one-line text.

use crate::keys::Key;
use crossterm::event::KeyCode;
use tui_input::{Input, InputRequest};

/// Lets a key act on a text; whether the text changed.
pub fn press(input: &mut Input, key: Key) -> bool {
    let request = match (key.code, key.control) {
        (KeyCode::Backspace, false) | (KeyCode::Char('h'), true) => InputRequest::DeletePrevChar,
        (KeyCode::Delete, false) => InputRequest::DeleteNextChar,
        (KeyCode::Left, false) => InputRequest::GoToPrevChar,
        (KeyCode::Right, false) => InputRequest::GoToNextChar,
        (KeyCode::Left, true) => InputRequest::GoToPrevWord,
        (KeyCode::Right, true) => InputRequest::GoToNextWord,
        (KeyCode::Home, _) | (KeyCode::Char('a'), true) => InputRequest::GoToStart,
        (KeyCode::End, _) | (KeyCode::Char('e'), true) => InputRequest::GoToEnd,
        (KeyCode::Char('w'), true) => InputRequest::DeletePrevWord,
        (KeyCode::Char('u'), true) => InputRequest::DeleteLine,
        (KeyCode::Char('k'), true) => InputRequest::DeleteTillEnd,
        _ => match key.typed() {
            Some(character) => InputRequest::InsertChar(character),
            None => return false,
        },
    };
    input.handle(request).is_some_and(|changed| changed.value)
}

/// Inserts a text at the cursor.
pub fn insert(input: &mut Input, text: &str) {
    for character in text.chars() {
        input.handle(InputRequest::InsertChar(character));
    }
}
