//! The workbench: the engine thread behind, the terminal in front.

use crate::cli::arguments::Common;
use crate::cli::client::{options, source};
use crate::cli::places::Places;
use crate::cli::{Failure, flags, output, reproducible};
use locus_protocol::Role;
use locus_tui::Ending;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long the engine may take to stop; a step of a big model takes seconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// Workbenches that write down what happens at the same time, each in a file of its own.
const MOST_JOURNALS: usize = 100;

/// Opens the workbench. Where a signal or a terminal that is gone ended it, it counts as cancelled.
///
/// # Errors
/// There is no terminal; the terminal fails.
pub fn run(common: &Common) -> Result<(), Failure> {
    if !output::has_terminal() {
        let message =
            "the workbench needs a terminal for input and output; see `locus --help` for commands without one";
        return Err(Failure::usage(message));
    }
    if !common.with_edits.is_empty() {
        let message = "--with-edits is for commands; the workbench puts what was in place in its last session in place \
                       again, and U lists it";
        return Err(Failure::usage(message));
    }
    let places = Places::find()?;
    let mut session = options(common)?;
    // what is seen is also written down
    if session.journals.is_empty() {
        session.journals = own_journals(&places.state);
    }
    // edits that were asked for go before those of earlier sessions
    let takes_over = !common.fresh && common.apply.is_empty();
    session.operations = Some((places.state.clone(), Role::Workbench { takes_over }));
    locus_session::before_the_end(locus_tui::give_back);
    let handles = locus_session::start(session)?;
    let mut shown = locus_tui::Options::from_environment(source(common));
    let keymap = places.config.join("keymap.toml");
    shown.memory = Some(places.state.join("workbench.json"));
    shown.keymap = keymap.is_file().then_some(keymap);
    let preferred = reproducible::preference(&places)?;
    (shown.method, shown.objective) = (Some(preferred.method), Some(preferred.objective));
    let (thread, journal) = (handles.thread, handles.journal);
    shown.flags = flags::of(common);
    let ends = locus_tui::Handles { commands: handles.commands, events: handles.events, control: handles.control };
    let ending = locus_tui::run(ends, shown);
    let stopped = ends_within(&thread, PATIENCE);
    let told = || match &journal {
        Some(journal) => output::print(&format!(
            "locus: everything that happened is in {}",
            locus_protocol::shown::shown(&journal.display().to_string())
        )),
        None => Ok(()),
    };
    let result = match ending {
        Ok(Ending::Left) => told().map_err(Failure::from),
        Ok(Ending::CutOff) => {
            // perhaps nobody is there any more to be told
            let _ = told();
            Err(Failure { message: String::new(), code: 130 })
        }
        Err(error) => Err(Failure::failed(format!("{error:#}"))),
    };
    if stopped {
        return result;
    }
    if let Err(failure) = &result
        && !failure.message.is_empty()
    {
        output::complain(&failure.message);
    }
    // at once: an ordinary end takes libtorch down around the thread that still computes
    signal_hook::low_level::exit(result.map_or_else(|failure| failure.code.into(), |()| 0))
}

/// The files of events of workbenches: each writes the first that no other one does.
fn own_journals(folder: &Path) -> Vec<PathBuf> {
    let others = (2..MOST_JOURNALS).map(|number| folder.join(format!("journal-{number}.jsonl")));
    std::iter::once(folder.join("journal.jsonl")).chain(others).collect()
}

/// Whether a thread ends within a time.
fn ends_within(thread: &JoinHandle<()>, patience: Duration) -> bool {
    let start = Instant::now();
    while !thread.is_finished() {
        if start.elapsed() >= patience {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    true
}

#[cfg(test)]
mod tests {
    use super::ends_within;
    use std::sync::mpsc::channel;
    use std::thread;
    use std::time::{Duration, Instant};

    #[test]
    fn a_thread_that_ends_is_waited_for_and_one_that_does_not_is_given_up() {
        let (finish, finished) = channel::<()>();
        let busy = thread::spawn(move || {
            let _ = finished.recv();
        });
        let start = Instant::now();
        assert!(!ends_within(&busy, Duration::from_millis(100)));
        assert!(start.elapsed() >= Duration::from_millis(100));
        drop(finish);
        assert!(ends_within(&busy, Duration::from_secs(60)));
        assert!(start.elapsed() < Duration::from_secs(30), "it was waited for longer than it took");
    }
}
