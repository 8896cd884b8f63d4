//! The workbench: the engine thread behind, the terminal in front.

use crate::cli::arguments::Common;
use crate::cli::client::{options, source};
use crate::cli::places::Places;
use crate::cli::{Failure, output};
use std::io::IsTerminal;

/// Whether there is a terminal to draw on and to read keys from.
pub fn has_terminal() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

/// Opens the workbench.
///
/// # Errors
/// There is no terminal; the terminal fails.
pub fn run(common: &Common) -> Result<(), Failure> {
    if !has_terminal() {
        let message =
            "the workbench needs a terminal for input and output; see `locus --help` for commands without one";
        return Err(Failure::usage(message));
    }
    let places = Places::find()?;
    let mut session = options(common)?;
    // what is seen is also written down
    let journal = session.journal.get_or_insert_with(|| places.state.join("journal.jsonl")).clone();
    let handles = locus_session::start(session)?;
    let mut shown = locus_tui::Options::from_environment(source(common));
    let keymap = places.config.join("keymap.toml");
    shown.keymap = keymap.is_file().then_some(keymap);
    let preferred = locus_session::Preference::shipped();
    (shown.method, shown.objective) = (Some(preferred.method), Some(preferred.objective));
    let thread = handles.thread;
    let ends = locus_tui::Handles { commands: handles.commands, events: handles.events, cancel: handles.cancel };
    let shown = locus_tui::run(ends, shown);
    // where the program ends while a thread computes, libtorch comes down around it
    let _ = thread.join();
    shown.map_err(|error| Failure::failed(format!("{error:#}")))?;
    output::print(&format!("locus: everything that happened is in {}", journal.display()))?;
    Ok(())
}
