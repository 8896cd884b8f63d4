//! Reads keys on a thread of its own that nobody waits for.

use super::Message;
use crate::keys::Key;
use crossbeam_channel::Sender;
use crossterm::event::{Event, KeyCode, KeyEventKind, poll, read};
use rustix::event::{PollFd, PollFlags, Timespec};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How often the thread looks whether it is to end, and for resizes, which come without input.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// The thread reads keys.
const READING: u8 = 0;
/// The thread is to leave them to somebody else.
const ASKED: u8 = 1;
/// The thread has left them, and reads nothing.
const PAUSED: u8 = 2;

/// The reading thread; it ends soon after this is dropped.
#[derive(Debug)]
pub struct Reader {
    ended: Arc<AtomicBool>,
    pause: Arc<AtomicU8>,
}

impl Reader {
    /// Starts reading.
    ///
    /// # Errors
    /// The system has no thread for it.
    pub fn start(messages: Sender<Message>) -> io::Result<Self> {
        let ended = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&ended);
        let pause = Arc::new(AtomicU8::new(READING));
        let paused = Arc::clone(&pause);
        thread::Builder::new().name("keys".to_owned()).spawn(move || {
            // crossterm hears of resizes from its first question on; what happened before is looked up.
            let _ = poll(Duration::ZERO);
            if let Ok((columns, rows)) = crossterm::terminal::size() {
                let _ = messages.send(Message::Resize(columns, rows));
            }
            while !flag.load(Ordering::Relaxed) {
                if paused.load(Ordering::SeqCst) != READING {
                    let _ = paused.compare_exchange(ASKED, PAUSED, Ordering::SeqCst, Ordering::SeqCst);
                    thread::sleep(Duration::from_millis(10));
                    continue;
                }
                if let Err(Gone) = wait().and_then(|()| forward(&messages, &flag)) {
                    let _ = messages.send(Message::HangUp);
                    break;
                }
            }
        })?;
        Ok(Self { ended, pause })
    }

    /// Leaves the keys to somebody else, and comes back once they are left.
    pub fn pause(&self) {
        self.pause.store(ASKED, Ordering::SeqCst);
        let asked = Instant::now();
        // a thread that has ended reads nothing either
        while self.pause.load(Ordering::SeqCst) == ASKED && asked.elapsed() < Duration::from_secs(1) {
            thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn go_on(&self) {
        self.pause.store(READING, Ordering::SeqCst);
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

/// The terminal or the loop is gone.
struct Gone;

/// Waits for input. crossterm is never asked on a terminal that has hung up: it would spin there for ever.
fn wait() -> Result<(), Gone> {
    let input = io::stdin();
    let mut descriptors = [PollFd::new(&input, PollFlags::IN)];
    match rustix::event::poll(&mut descriptors, Some(&PATIENCE)) {
        Ok(_) if descriptors[0].revents().intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) => Err(Gone),
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(_) => Err(Gone),
    }
}

/// Hands on what has come.
fn forward(messages: &Sender<Message>, ended: &AtomicBool) -> Result<(), Gone> {
    while !ended.load(Ordering::Relaxed) && poll(Duration::ZERO).map_err(|_| Gone)? {
        let message = match read().map_err(|_| Gone)? {
            Event::Key(key) if key.kind != KeyEventKind::Release => {
                let mut key = Key::from_event(key);
                if std::mem::take(&mut key.alt) {
                    // Esc and then another key look like Alt when they come close together, as they do over SSH.
                    messages.send(Message::Key(Key::plain(KeyCode::Esc))).map_err(|_| Gone)?;
                }
                Message::Key(key)
            }
            Event::Paste(text) => Message::Paste(text),
            Event::Resize(columns, rows) => Message::Resize(columns, rows),
            _ => continue,
        };
        messages.send(message).map_err(|_| Gone)?;
    }
    Ok(())
}
