//! The terminal workbench: state, update, view.
//!
//! [`update`] changes the [`Workbench`] by one [`Input`] and returns [`Effect`]s; [`draw`] only reads it. [`run`] is
//! the loop around both: it takes the terminal, carries effects out, and gives the terminal back whatever
//! happens. Nothing here knows of tensors; the engine is a process that two channels lead to.
//!
//! A module knows only modules above it in this table; the test `order` reads table and modules.
//!
//! | module | holds |
//! |---|---|
//! | `keys` | one key; the table from keys to names of actions |
//! | `text_input` | keys of a one-line text |
//! | `looks` | styles, glyphs, numbers and texts in cells, pictures |
//! | `options` | what the workbench is started with |
//! | `analyzed` | an analysis of a sweep's folder, and how it is computed |
//! | `input` | what reaches the workbench, what it asks of the world, what a build tells |
//! | `state` | what all panes share, and the changes of it that can be asked for |
//! | `author` | the loop of a plugin's author |
//! | `as_command` | the last trace or edit as a command |
//! | `panes` | each pane: what it shows, what is its own, its actions |
//! | `actions` | actions that belong to no pane; all by their names |
//! | `overlays` | what lies over the panes |
//! | `workbench` | all of it together: it grants what was asked for |
//! | `own_files` | the user's settings and keys read again |
//! | `update` | inputs folded in |
//! | `view` | the screen |
//! | `remembered_file` | the file of what the next start takes over |
//! | `cargo` | a plugin's crate built |
//! | `analyst` | analyses on a thread of their own |
//! | `terminal` | the terminal taken, read, given back |
//! | `run` | the loop |

pub mod actions;
mod analyst;
mod analyzed;
mod as_command;
mod author;
mod cargo;
mod input;
mod keys;
mod looks;
mod options;
mod overlays;
mod own_files;
mod panes;
mod remembered_file;
mod run;
mod state;
mod terminal;
mod text_input;
mod update;
mod view;
mod workbench;

pub use analyzed::{Analyzed, KnownRows, Points, analyze};
pub use input::{AnalysisEvent, BuildEvent, Effect, Input, Problem, Reloaded};
pub use keys::{Found, Key, Keymap, KeymapError};
pub use looks::{Colors, Depth, picture};
pub use options::{KnownModel, Own, WorkbenchOptions};
pub use panes::{About, Act, PANES, Table};
pub use run::{Again, Ending, Handles, run};
pub use state::State;
pub use terminal::give_back;
pub use update::{is_typing, replay, update};
pub use view::{draw, screen, title};
pub use workbench::Workbench;
