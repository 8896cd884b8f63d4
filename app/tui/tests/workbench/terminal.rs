//! The real loop in a pseudo-terminal: what it leaves behind, how it ends, what it sends.
//!
//! The child is this very test binary, started with [`child`] alone and told so by the environment. Its engine
//! replays the recording.

use super::support::recording;
use locus_link::{News, ToEngine};
use locus_protocol::{Command, Event, ModelSource, Outcome, Task, TraceKind};
use locus_tui::{Ending, Handles, WorkbenchOptions, run};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Tells the child that it is one.
const CHILD: &str = "LOCUS_TUI_TEST_CHILD";
/// Has the engine of such a process say nothing.
const SILENT: &str = "LOCUS_TEST_SILENT";

/// An engine that replays the recording.
fn engine(orders: &crossbeam_channel::Receiver<ToEngine>, news: &crossbeam_channel::Sender<News>) {
    let tell = |replayed: Vec<Event>| {
        for event in replayed {
            let _ = news.send(News::Event(Box::new(event)));
            thread::sleep(Duration::from_millis(2));
        }
    };
    for order in orders {
        let command = match order {
            ToEngine::Do { order } => order,
            ToEngine::End => return,
            _ => continue,
        };
        match command {
            Command::Do { task: Task::Load(_), .. } if std::env::var_os(SILENT).is_some() => {}
            Command::Do { task: Task::Load(_), .. } => {
                tell(recording::loading());
                tell(recording::loaded());
            }
            Command::Predict { .. } => tell(vec![recording::prediction(0)]),
            Command::Do { job, task: Task::Trace(_) } => tell(recording::trace(job, TraceKind::Hidden, 0)),
            Command::Do { job, task: Task::Edit(_) } => {
                eprintln!("a library speaks on stderr");
                println!("a library speaks on stdout");
                tell(recording::edit(job));
            }
            Command::Do { job, task: Task::Undo(_) } => {
                let outcome = Outcome::Done;
                // the end first: what the test waits for is there when leaving asks nothing any more
                tell(vec![Event::Finished { job, outcome, seconds: 0.1 }, recording::undone()]);
            }
            _ => {}
        }
    }
}

#[test]
fn child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let (orders, ordered) = crossbeam_channel::unbounded();
    let (tell, news) = crossbeam_channel::bounded(4096);
    let engine = thread::spawn(move || engine(&ordered, &tell));
    let options =
        WorkbenchOptions { frames_per_second: 20, ..WorkbenchOptions::from_environment(ModelSource::BuiltIn) };
    let handles = Handles { orders, news, again: None, joined: false, keep: false };
    let result = run(handles, options);
    let ended = engine.join().is_ok();
    match result {
        Ok(Ending::Left { .. }) => println!("Left: {ended}"),
        Ok(ending) => println!("{ending:?}: {ended}"),
        Err(error) => println!("failed: {error:#}"),
    }
}

/// vt100 knows no screen without cells.
fn cells(count: u16) -> NonZeroU16 {
    NonZeroU16::new(count).expect("cells")
}

/// A child in a pseudo-terminal of 80 by 24, and what it has shown.
struct Rig {
    child: Box<dyn Child + Send + Sync>,
    master: Option<Box<dyn MasterPty + Send>>,
    writer: Option<Box<dyn Write + Send>>,
    shown: Arc<Mutex<Shown>>,
    closing: Arc<AtomicBool>,
    closed: Arc<AtomicBool>,
}

struct Shown {
    parser: vt100::Parser,
    bytes: Vec<u8>,
}

impl Rig {
    fn start() -> Self {
        Self::start_with(&[])
    }

    fn start_with(variables: &[(&str, &str)]) -> Self {
        let pty =
            native_pty_system().openpty(PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 }).expect("pty");
        let mut command = CommandBuilder::new(std::env::current_exe().expect("this binary"));
        command.args(["terminal::child", "--exact", "--nocapture", "--test-threads=1"]);
        command.env(CHILD, "1");
        variables.iter().for_each(|(name, value)| command.env(name, value));
        command.env("TERM", "xterm");
        command.env("LANG", "C.UTF-8");
        command.env("RUST_BACKTRACE", "0");
        for name in ["NO_COLOR", "COLORTERM", "SSH_CONNECTION", "TMUX", "LC_ALL", "LC_CTYPE"] {
            command.env_remove(name);
        }
        let child = pty.slave.spawn_command(command).expect("child");
        drop(pty.slave);
        let mut reader = pty.master.try_clone_reader().expect("reader");
        let writer = pty.master.take_writer().expect("writer");
        let shown =
            Arc::new(Mutex::new(Shown { parser: vt100::Parser::new(cells(24), cells(80), 0), bytes: Vec::new() }));
        let into = Arc::clone(&shown);
        let (closing, closed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (close, is_closed) = (Arc::clone(&closing), Arc::clone(&closed));
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                let mut shown = into.lock().expect("shown");
                shown.parser.process(&buffer[..count]);
                shown.bytes.extend_from_slice(&buffer[..count]);
                if close.load(Ordering::SeqCst) {
                    break;
                }
            }
            drop(reader);
            is_closed.store(true, Ordering::SeqCst);
        });
        Self { child, master: Some(pty.master), writer: Some(writer), shown, closing, closed }
    }

    fn screen(&self) -> String {
        self.shown.lock().expect("shown").parser.screen().contents()
    }

    fn bytes(&self) -> usize {
        self.shown.lock().expect("shown").bytes.len()
    }

    fn press(&mut self, keys: &str) {
        let writer = self.writer.as_mut().expect("open");
        writer.write_all(keys.as_bytes()).expect("keys");
        writer.flush().expect("keys");
    }

    fn until(&self, text: &str) {
        let start = Instant::now();
        while !self.screen().contains(text) {
            assert!(start.elapsed() < Duration::from_secs(20), "no {text:?} in\n{}", self.screen());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for the child's end. A job whose result is on the screen may not have ended when `q` was
    /// pressed: the question that follows is answered.
    fn end(&mut self) {
        let (start, mut answered) = (Instant::now(), false);
        loop {
            if !answered && self.screen().contains("Leave?") {
                answered = true;
                self.writer.as_mut().map(|writer| writer.write_all(b"y").and_then(|()| writer.flush()));
            }
            if self.child.try_wait().expect("wait").is_some() {
                return;
            }
            if start.elapsed() > Duration::from_secs(20) {
                let _ = self.child.kill();
                panic!("the workbench does not end; it shows\n{}", self.screen());
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let id = i32::try_from(self.child.process_id().expect("id")).expect("id");
        rustix::process::kill_process(rustix::process::Pid::from_raw(id).expect("id"), signal).expect("signal");
    }

    /// What must be so after any end: the first screen is back, the cursor shows, pastes are plain again.
    fn assert_clean(&self) {
        thread::sleep(Duration::from_millis(100));
        let shown = self.shown.lock().expect("shown");
        let screen = shown.parser.screen();
        assert!(!screen.alternate_screen(), "still on the alternate screen");
        assert!(!screen.hide_cursor(), "the cursor is still hidden");
        assert!(!screen.bracketed_paste(), "pastes are still bracketed");
        let modes: Vec<&[u8]> = vec![b"\x1b[?1000h", b"\x1b[?1002h", b"\x1b[?1003h", b"\x1b[?1004h", b"\x1b[>1u"];
        for mode in modes {
            let sent = shown.bytes.windows(mode.len()).any(|window| window == mode);
            assert!(!sent, "{} was turned on", String::from_utf8_lossy(mode));
        }
    }
}

#[test]
fn the_whole_loop_by_keys_and_a_clean_terminal_afterwards() {
    let mut rig = Rig::start();
    rig.until("> The capital of Bhutan is");
    rig.press("?");
    rig.until("In five keys");
    rig.press("\x1b");
    rig.press("t");
    rig.until("layer 5 restores +0.710");
    rig.press("r");
    rig.until("in place, took: p(new) 2e-6 → 0.962");
    // What libraries print is in the log and nowhere else.
    assert!(!rig.screen().contains("a library speaks"));
    rig.press("L");
    rig.until("stderr: a library speaks on stderr");
    rig.until("stdout: a library speaks on stdout");
    rig.press("q");
    rig.press("u");
    rig.until("weights identical to checkpoint");
    rig.press("q");
    rig.end();
    rig.assert_clean();
    rig.until("Left: true");
}

/// How long it takes depends on the machine; that it waits for nothing does not.
#[test]
fn the_first_screen_waits_for_no_engine() {
    let mut rig = Rig::start_with(&[(SILENT, "1")]);
    rig.until("Locus finds where a language model keeps a fact");
    rig.press("q");
    rig.end();
}

#[test]
fn an_idle_workbench_sends_nothing_and_one_key_little() {
    let mut rig = Rig::start();
    rig.until("> The capital of Bhutan is");
    rig.until("Kathmandu");
    // The message that the model is ready fades after six seconds; then nothing moves any more.
    thread::sleep(Duration::from_millis(7000));
    let before = rig.bytes();
    thread::sleep(Duration::from_millis(2500));
    assert_eq!(rig.bytes(), before, "bytes were sent while nothing happened");
    rig.press("/");
    thread::sleep(Duration::from_millis(300));
    let before = rig.bytes();
    rig.press("x");
    thread::sleep(Duration::from_millis(60));
    assert!(rig.bytes() - before < 2500, "{} bytes for a key that filters the list", rig.bytes() - before);
    rig.press("\x1b");
    thread::sleep(Duration::from_millis(100));
    rig.press("q");
    rig.end();
}

#[test]
fn signals_end_it_cleanly() {
    use rustix::process::Signal;
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        let mut rig = Rig::start();
        rig.until("> The capital of Bhutan is");
        rig.signal(signal);
        rig.end();
        rig.assert_clean();
        rig.until("CutOff: true");
    }
}

#[test]
fn it_ends_when_the_line_drops() {
    let mut rig = Rig::start();
    rig.until("> The capital of Bhutan is");
    // The reading thread holds the other end as well; what it shows next makes it let go.
    rig.closing.store(true, Ordering::SeqCst);
    rig.press("?");
    let start = Instant::now();
    while !rig.closed.load(Ordering::SeqCst) {
        assert!(start.elapsed() < Duration::from_secs(10), "the other end is still open");
        thread::sleep(Duration::from_millis(5));
    }
    rig.writer = None;
    rig.master = None;
    rig.end();
}

#[test]
fn it_follows_the_size_of_the_window() {
    let mut rig = Rig::start();
    rig.until("> The capital of Bhutan is");
    let resize = |rig: &Rig, rows: u16, columns: u16| {
        rig.shown.lock().expect("shown").parser.screen_mut().set_size(cells(rows), cells(columns));
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        rig.master.as_ref().expect("open").resize(size).expect("resize");
    };
    resize(&rig, 40, 120);
    rig.until("4 Before/After ─");
    for (rows, columns) in [(1, 1), (5, 10), (60, 200), (2, 80), (24, 80)] {
        resize(&rig, rows, columns);
        thread::sleep(Duration::from_millis(30));
    }
    rig.until("(tab: next)");
    rig.press("q");
    rig.end();
    rig.assert_clean();
}
