//! A pseudo-terminal with the workbench in it.

use crate::Home;
use crate::program::{program, send};
use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Longest wait for something to appear. It only keeps a test from hanging.
const PATIENCE: Duration = Duration::from_secs(60);

/// Rows and columns of a screen.
pub type Size = (u16, u16);

/// A program in a pseudo-terminal, and what it has shown.
pub struct PseudoTerminal {
    child: Box<dyn Child + Send + Sync>,
    /// The user's end; `None` once the line has dropped.
    line: Option<Line>,
    shown: Arc<Mutex<Shown>>,
    closing: Arc<AtomicBool>,
    reading_ended: Arc<AtomicBool>,
}

struct Line {
    master: Box<dyn MasterPty + Send>,
    writer: Box<dyn Write + Send>,
    /// Modes of the line before the program took it.
    modes: String,
}

struct Shown {
    screen: vt100::Parser,
    bytes: Vec<u8>,
}

fn cells((rows, columns): Size) -> (NonZeroU16, NonZeroU16) {
    (NonZeroU16::new(rows).expect("rows"), NonZeroU16::new(columns).expect("columns"))
}

fn pty_size((rows, cols): Size) -> PtySize {
    PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }
}

/// Modes of a line: whether it echoes, edits lines, sends signals, ...
fn modes(master: &dyn MasterPty) -> String {
    format!("{:?}", master.get_termios().expect("the line's modes"))
}

impl PseudoTerminal {
    /// Starts the program with one thread on a screen of that size; `variables` come on top of the home's.
    ///
    /// # Panics
    /// It cannot be started.
    #[must_use]
    pub fn start(home: &Home, size: Size, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = CommandBuilder::new(program());
        command.args(["--threads", "1"]);
        command.args(arguments);
        command.cwd(home.path(""));
        command.env_clear();
        for (name, value) in home.environment() {
            command.env(name, value);
        }
        for (name, value) in variables {
            command.env(name, value);
        }
        Self::start_command(command, size)
    }

    /// Starts any command.
    ///
    /// # Panics
    /// It cannot be started.
    #[must_use]
    pub fn start_command(command: CommandBuilder, size: Size) -> Self {
        let pair = native_pty_system().openpty(pty_size(size)).expect("a pseudo-terminal");
        let modes = modes(&*pair.master);
        let child = pair.slave.spawn_command(command).expect("the program starts");
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().expect("a reader");
        let writer = pair.master.take_writer().expect("a writer");
        let (rows, columns) = cells(size);
        let shown = Shown { screen: vt100::Parser::new(rows, columns, 0), bytes: Vec::new() };
        let shown = Arc::new(Mutex::new(shown));
        let (closing, reading_ended) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (into, close, ended) = (Arc::clone(&shown), Arc::clone(&closing), Arc::clone(&reading_ended));
        thread::spawn(move || {
            let mut buffer = [0; 16 * 1024];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                let mut shown = into.lock().unwrap_or_else(PoisonError::into_inner);
                shown.screen.process(&buffer[..count]);
                shown.bytes.extend_from_slice(&buffer[..count]);
                if close.load(Ordering::SeqCst) {
                    break;
                }
            }
            drop(reader);
            ended.store(true, Ordering::SeqCst);
        });
        Self { child, line: Some(Line { master: pair.master, writer, modes }), shown, closing, reading_ended }
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line(&mut self) -> &mut Line {
        self.line.as_mut().expect("the line is open")
    }

    /// What the screen shows.
    #[must_use]
    pub fn screen(&self) -> String {
        self.shown().screen.screen().contents()
    }

    /// Everything that was sent so far.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.shown().bytes.clone()
    }

    /// Presses keys, as the bytes that a terminal sends for them.
    ///
    /// # Panics
    /// The line has dropped.
    pub fn press(&mut self, keys: &str) {
        let writer = &mut self.line().writer;
        writer.write_all(keys.as_bytes()).and_then(|()| writer.flush()).expect("keys");
    }

    /// Waits until the screen is as wanted.
    ///
    /// # Panics
    /// It does not become so.
    pub fn until(&mut self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let start = Instant::now();
        loop {
            let screen = self.screen();
            if wanted(&screen) {
                return screen;
            }
            let ended = self.child.try_wait().expect("the child");
            assert!(ended.is_none(), "it ended ({ended:?}) and never showed {what}:\n{}", self.screen());
            assert!(start.elapsed() < PATIENCE, "never showed {what}:\n{screen}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until a text is on the screen.
    ///
    /// # Panics
    /// It does not appear.
    pub fn until_shown(&mut self, text: &str) -> String {
        self.until(text, |screen| screen.contains(text))
    }

    /// Waits until nothing has been sent for a while, and returns how long all of it took.
    ///
    /// # Panics
    /// It never gets quiet.
    pub fn until_quiet(&self, quiet: Duration) {
        let start = Instant::now();
        let (mut count, mut since) = (self.shown().bytes.len(), Instant::now());
        while since.elapsed() < quiet {
            assert!(start.elapsed() < PATIENCE, "it never stops sending:\n{}", self.screen());
            thread::sleep(Duration::from_millis(20));
            let now = self.shown().bytes.len();
            if now != count {
                (count, since) = (now, Instant::now());
            }
        }
    }

    /// Gives the window another size.
    ///
    /// # Panics
    /// The line has dropped.
    pub fn resize(&mut self, size: Size) {
        let (rows, columns) = cells(size);
        self.shown().screen.screen_mut().set_size(rows, columns);
        self.line().master.resize(pty_size(size)).expect("another size");
    }

    /// The number of the program's process.
    ///
    /// # Panics
    /// It has ended already.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.child.process_id().expect("its number")
    }

    /// Sends a signal to the program.
    ///
    /// # Panics
    /// It has ended already.
    pub fn signal(&self, signal: Signal) {
        send(signal, self.child.process_id().expect("its number"));
    }

    /// Pastes a text; nothing is said of what the program does not read any more.
    ///
    /// # Panics
    /// The line has dropped.
    pub fn paste(&mut self, text: &str) {
        let writer = &mut self.line().writer;
        let _ = write!(writer, "\x1b[200~{text}\x1b[201~").and_then(|()| writer.flush());
    }

    /// Lets the program have no more memory than it has.
    ///
    /// # Panics
    /// It has ended already.
    pub fn give_no_more_memory(&self) {
        let number = i32::try_from(self.child.process_id().expect("its number")).expect("a number");
        let limit = Rlimit { current: Some(0), maximum: None };
        prlimit(Pid::from_raw(number), Resource::As, limit).expect("a limit");
    }

    /// Drops the line, as a closed window or a lost connection does.
    ///
    /// # Panics
    /// The reading thread does not let go.
    pub fn hang_up(&mut self) {
        // The reading thread holds the user's end as well; the next thing that is shown makes it let go.
        self.closing.store(true, Ordering::SeqCst);
        let start = Instant::now();
        while !self.reading_ended.load(Ordering::SeqCst) {
            assert!(start.elapsed() < PATIENCE, "the reading thread holds the line");
            self.press("\x0c");
            thread::sleep(Duration::from_millis(20));
        }
        self.line = None;
    }

    /// Waits for the program's end, and for the last of what it sent. A job whose result is on the screen may not have ended
    /// when `q` was pressed: the question that follows is answered.
    ///
    /// # Panics
    /// It does not end within `patience`.
    pub fn end(&mut self, patience: Duration) -> ExitStatus {
        let (start, mut answered) = (Instant::now(), false);
        loop {
            if !answered && self.line.is_some() && self.screen().contains("Leave?") {
                answered = true;
                let writer = &mut self.line().writer;
                let _ = writer.write_all(b"y").and_then(|()| writer.flush());
            }
            if let Some(status) = self.child.try_wait().expect("the child") {
                while self.line.is_some() && !self.reading_ended.load(Ordering::SeqCst) && start.elapsed() < patience {
                    thread::sleep(Duration::from_millis(5));
                }
                return status;
            }
            if start.elapsed() > patience {
                let _ = self.child.kill();
                panic!("it does not end; it shows\n{}", self.screen());
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Demands that the terminal is as it was: the line's modes, first screen, cursor shown, plain pastes, no mouse or
    /// focus reports ever turned on.
    ///
    /// # Panics
    /// It is not.
    pub fn assert_given_back(&self) {
        if let Some(line) = &self.line {
            assert_eq!(modes(&*line.master), line.modes, "modes of the line");
        }
        let shown = self.shown();
        let screen = shown.screen.screen();
        assert!(!screen.alternate_screen(), "still on the alternate screen");
        assert!(!screen.hide_cursor(), "the cursor is hidden");
        assert!(!screen.bracketed_paste(), "pastes are bracketed");
        for mode in ["\x1b[?1000h", "\x1b[?1002h", "\x1b[?1003h", "\x1b[?1004h", "\x1b[>1u"] {
            let sent = shown.bytes.windows(mode.len()).any(|window| window == mode.as_bytes());
            assert!(!sent, "{mode:?} was turned on");
        }
    }
}

impl Drop for PseudoTerminal {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
