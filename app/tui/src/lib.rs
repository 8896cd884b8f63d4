//! The terminal workbench: state, update, view.
//!
//! [`update`] changes the [`State`] by one [`Input`] and returns [`Effect`]s; [`draw`] only reads it. [`run`] is
//! the loop around both: it takes the terminal, carries effects out, and gives the terminal back whatever
//! happens. Nothing here knows of tensors; the engine is two channels and a flag.

pub mod actions;
mod as_command;
mod author;
mod cargo;
mod input;
mod keys;
mod looks;
mod options;
mod overlays;
mod panes;
mod remembered_file;
mod replay;
mod run;
mod state;
mod terminal;
mod text_input;
mod update;
mod view;
mod workbench;

pub use input::{BuildEvent, Effect, Input, Problem};
pub use keys::{Found, Key, Keymap, KeymapError};
pub use looks::{Depth, picture};
pub use options::Options;
pub use panes::{About, PANES, Table};
pub use replay::replay;
pub use run::{Ending, Handles, run};
pub use state::State;
pub use terminal::give_back;
pub use update::{is_typing, update};
pub use view::{draw, screen};
pub use workbench::Workbench;
