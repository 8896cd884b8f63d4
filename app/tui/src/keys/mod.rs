//! Keys as text, and the table from keys to actions.

mod key;
mod keymap;

pub use key::Key;
pub use keymap::{Found, Keymap, KeymapError};
