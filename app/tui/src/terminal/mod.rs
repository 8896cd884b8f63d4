//! The terminal's life: taking it, giving it back whatever happens, and keeping other people's output off it.
//!
//! Only raw mode, the alternate screen, a hidden cursor and bracketed paste are turned on. Mouse, focus and
//! keyboard reports stay off: a dropped line would leave them on in the user's own terminal.

mod clipboard;
mod editor;
mod output;
mod pager;
mod reader;
mod screen;
mod signals;
#[cfg(test)]
mod tests;

pub use clipboard::copy;
pub use editor::editor;
pub use pager::{is_missing, pager};
pub use reader::Reader;
pub use screen::Screen;
pub use signals::{Signal, watch_signals};

use crate::input::{AnalysisEvent, BuildEvent};
use crate::keys::Key;
use crossbeam_channel::Sender;
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::style::ResetColor;
use crossterm::terminal::{
    Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
    enable_raw_mode,
};
use crossterm::{cursor, execute, style};
use output::Captured;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Signal as ProcessSignal, getpid, getsid, kill_current_process_group};
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::process::{Command, ExitStatus};
use std::sync::{Mutex, Once, OnceLock, PoisonError, TryLockError};
use std::thread::{self, ThreadId};

/// What threads tell the loop.
#[derive(Clone, Debug)]
pub enum Message {
    Key(Key),
    Paste(String),
    Resize(u16, u16),
    Signal(Signal),
    /// A plugin's crate that is built told something.
    Build {
        /// Which build of the session.
        number: u64,
        event: BuildEvent,
    },
    /// The analysis of a sweep that is computed told something.
    Analysis {
        /// Which one of the session.
        number: u64,
        event: AnalysisEvent,
    },
    /// The terminal is gone.
    HangUp,
    /// A line that something wrote to file descriptor 1 or 2.
    Output {
        /// Which of the two it was: `stdout` or `stderr`.
        source: &'static str,
        text: String,
    },
}

/// What is held as long as the terminal is ours.
struct Held {
    tty: File,
    captured: Captured,
}

/// The terminal, as long as it is ours. A panic hook and [`Terminal`]'s drop both reach it.
static HELD: Mutex<Option<Held>> = Mutex::new(None);
/// The thread that draws; only its panics end the workbench.
static DRAWING_THREAD: OnceLock<ThreadId> = OnceLock::new();

/// Gives the terminal back when it is dropped.
#[derive(Debug)]
pub struct Terminal {
    messages: Sender<Message>,
}

impl Terminal {
    /// Takes the terminal.
    ///
    /// # Errors
    /// Input or output is no terminal, or it refuses.
    pub fn take(messages: Sender<Message>) -> io::Result<Self> {
        if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
            return Err(io::Error::other("the workbench needs a terminal for both input and output"));
        }
        give_back_on_panic();
        // Our theme writes no colors where NO_COLOR is set; crossterm's own way would take bold and reversed away too.
        style::force_color_output(true);
        enter(&messages)?;
        Ok(Self { messages })
    }

    /// The screen to draw on.
    ///
    /// # Errors
    /// The terminal is not ours any more.
    pub fn screen(&self) -> io::Result<Screen> {
        let held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
        let held = held.as_ref().ok_or_else(|| io::Error::other("the terminal has been released"))?;
        let screen = Screen::new(held.tty.try_clone()?);
        Ok(if has_title() { screen.titled() } else { screen })
    }

    /// Gives the terminal back, stops the process until somebody continues it, and takes the terminal again.
    ///
    /// # Errors
    /// There is no shell that could continue us, or the terminal refuses.
    pub fn suspend(&self) -> io::Result<()> {
        if getsid(None)? == getpid() {
            return Err(io::Error::other("there is no shell to return to"));
        }
        restore();
        let stopped = kill_current_process_group(ProcessSignal::TSTP);
        self.take_again()?;
        stopped.map_err(io::Error::from)
    }

    /// Gives the terminal to another program until that has ended, and takes it again.
    ///
    /// # Errors
    /// The program cannot be started, or the terminal refuses.
    pub fn lend(&self, command: &mut Command, input: &str) -> io::Result<ExitStatus> {
        restore();
        let ended = run_with(command, input);
        self.take_again()?;
        ended
    }

    /// Takes the terminal after somebody else had it.
    ///
    /// # Errors
    /// The terminal refuses.
    pub fn take_again(&self) -> io::Result<()> {
        restore();
        enter(&self.messages)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore();
    }
}

fn enter(messages: &Sender<Message>) -> io::Result<()> {
    let tty = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    enable_raw_mode()?;
    let captured = output::capture(messages)?;
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    let held = held.insert(Held { tty, captured });
    execute!(held.tty, EnterAlternateScreen, EnableBracketedPaste, cursor::Hide)?;
    // the title that the window has now is there again afterwards
    if has_title() { held.tty.write_all(KEEP_TITLE) } else { Ok(()) }
}

/// Has the terminal keep the title of its window (XTWINOPS 22).
const KEEP_TITLE: &[u8] = b"\x1b[22;0t";
/// Has it put the title back that it kept; where it keeps none, there is none.
const TITLE_BACK: &[u8] = b"\x1b]0;\x07\x1b[23;0t";

/// Whether the window has a title: a console without windows would show what is to be one.
fn has_title() -> bool {
    std::env::var("TERM").is_ok_and(|term| !["linux", "dumb", "vt100", "vt102", "vt220", ""].contains(&term.as_str()))
}

/// Runs a program, which reads `input` where it reads from a pipe.
fn run_with(command: &mut Command, input: &str) -> io::Result<ExitStatus> {
    let mut child = command.spawn()?;
    thread::scope(|scope| {
        if let Some(mut pipe) = child.stdin.take() {
            // one that is left early takes no more
            scope.spawn(move || pipe.write_all(input.as_bytes()));
        }
        child.wait()
    })
}

/// Gives the terminal back if it is ours. Errors have nobody to go to: the terminal may be gone.
fn restore() {
    hand_over(HELD.lock().unwrap_or_else(PoisonError::into_inner).take());
}

fn hand_over(held: Option<Held>) {
    if let Some(mut held) = held {
        let _ = execute!(
            held.tty,
            EndSynchronizedUpdate,
            ResetColor,
            DisableBracketedPaste,
            // a tmux that was resized meanwhile would show some of it on the main screen
            Clear(ClearType::All),
            LeaveAlternateScreen,
            cursor::Show
        );
        if has_title() {
            let _ = held.tty.write_all(TITLE_BACK);
        }
        let _ = disable_raw_mode();
        held.captured.release();
    }
}

/// Gives the terminal back at the end of a process that can wait for nothing: not where another thread takes it or gives it
/// back just now.
pub fn give_back() {
    let held = match HELD.try_lock() {
        Ok(mut held) => held.take(),
        Err(TryLockError::Poisoned(held)) => held.into_inner().take(),
        Err(TryLockError::WouldBlock) => None,
    };
    hand_over(held);
}

/// A panic of the drawing thread gives the terminal back before it is reported. Those of other threads are caught
/// where they work and go to the log.
fn give_back_on_panic() {
    static HOOK: Once = Once::new();
    let _ = DRAWING_THREAD.set(thread::current().id());
    HOOK.call_once(|| {
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if DRAWING_THREAD.get() == Some(&thread::current().id()) {
                restore();
            }
            report(panic);
        }));
    });
}

/// Whether the terminal has hung up. crossterm 0.29 does not notice and spins (crossterm-rs/crossterm#793).
#[must_use]
pub fn has_hung_up() -> bool {
    let input = io::stdin();
    let mut descriptors = [PollFd::new(&input, PollFlags::empty())];
    let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
    match poll(&mut descriptors, Some(&now)) {
        Ok(_) => descriptors[0].revents().intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL),
        Err(_) => false,
    }
}
