//! File descriptors 1 and 2 while the screen is up: libtorch and CUDA write to them, and would smear the screen.
//! They lead into pipes, whose lines go to the log.

use super::Message;
use crossbeam_channel::Sender;
use rustix::io::fcntl_dupfd_cloexec;
use rustix::stdio::{dup2_stderr, dup2_stdout};
use std::io::{self, BufRead, BufReader, PipeReader, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::thread;

/// Longest line that is kept, in bytes.
const LONGEST: usize = 4096;

/// Where the descriptors led before.
pub struct Captured {
    stdout: OwnedFd,
    stderr: OwnedFd,
}

/// Leads both descriptors into pipes.
pub fn capture(messages: &Sender<Message>) -> io::Result<Captured> {
    let captured = Captured {
        stdout: fcntl_dupfd_cloexec(io::stdout().as_fd(), 3)?,
        stderr: fcntl_dupfd_cloexec(io::stderr().as_fd(), 3)?,
    };
    let _ = io::stdout().flush();
    let (reader, writer) = io::pipe()?;
    forward(reader, "stdout", messages.clone())?;
    dup2_stdout(&writer)?;
    let (reader, writer) = io::pipe()?;
    forward(reader, "stderr", messages.clone())?;
    dup2_stderr(&writer)?;
    Ok(captured)
}

impl Captured {
    /// Leads the descriptors where they led before.
    pub fn release(&self) {
        let _ = io::stdout().flush();
        let _ = dup2_stdout(&self.stdout);
        let _ = dup2_stderr(&self.stderr);
    }
}

/// Reads lines until nobody holds the pipe's other end any more. It never waits for the loop: who writes must not
/// hang because nobody reads.
fn forward(reader: PipeReader, source: &'static str, messages: Sender<Message>) -> io::Result<()> {
    let read = move || {
        let mut reader = BufReader::new(reader);
        let mut line = Vec::new();
        loop {
            let (used, ended) = match reader.fill_buf() {
                Ok([]) => break,
                Ok(bytes) => {
                    let end = bytes.iter().position(|byte| *byte == b'\n');
                    line.extend_from_slice(&bytes[..end.unwrap_or(bytes.len())]);
                    (end.map_or(bytes.len(), |end| end + 1), end.is_some())
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => break,
            };
            reader.consume(used);
            if ended || line.len() > LONGEST {
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                line.clear();
                if !text.is_empty() {
                    let _ = messages.try_send(Message::Output { source, text });
                }
            }
        }
    };
    thread::Builder::new().name(format!("capture {source}")).spawn(read).map(|_| ())
}
