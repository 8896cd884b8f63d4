//! Signals, as messages to the loop.

use super::Message;
use crossbeam_channel::Sender;
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use std::io;
use std::thread;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    End,
    /// The process goes on after it was stopped.
    Continue,
}

/// Hands signals on as long as the loop listens; afterwards they do what they do by default, so that a process that
/// is slow to end can still be ended.
///
/// # Errors
/// The system refuses.
pub fn watch_signals(messages: Sender<Message>) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGHUP, SIGINT, SIGCONT])?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for number in signals.forever() {
            let signal = if number == SIGCONT { Signal::Continue } else { Signal::End };
            if messages.send(Message::Signal(signal)).is_err() {
                let _ = emulate_default_handler(number);
            }
        }
    })?;
    Ok(())
}
