//! The standard streams of the engine: the protocol has them to itself.

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::io::{Read, Result, Write};

/// Takes the standard streams for the protocol. What libraries and plugins read from then on is empty, and what they print
/// goes to standard error.
///
/// # Errors
/// The system has no room for more open files.
pub fn take() -> Result<(File, File)> {
    let own = |stream: rustix::fd::BorrowedFd<'_>| rustix::io::fcntl_dupfd_cloexec(stream, 3);
    let (input, output) = (own(rustix::stdio::stdin())?, own(rustix::stdio::stdout())?);
    let nothing = rustix::fs::open("/dev/null", OFlags::RDONLY, Mode::empty())?;
    rustix::stdio::dup2_stdin(nothing)?;
    rustix::stdio::dup2_stdout(rustix::stdio::stderr())?;
    Ok((File::from(input), File::from(output)))
}

/// Has standard error go to a file, or nowhere: whoever listened to it is gone.
pub fn lose_errors(log: Option<&std::path::Path>) {
    let open = |path: &std::path::Path| {
        rustix::fs::open(path, OFlags::WRONLY | OFlags::CREATE | OFlags::APPEND, Mode::RUSR | Mode::WUSR)
    };
    let file: Option<OwnedFd> = log.and_then(|log| open(log).ok()).or_else(|| open("/dev/null".as_ref()).ok());
    if let Some(file) = file {
        let _ = rustix::stdio::dup2_stderr(file.as_fd());
        let _ = rustix::stdio::dup2_stdout(file.as_fd());
    }
}

/// The first line of a stream, which is left where the next one begins.
///
/// # Errors
/// The stream cannot be read.
pub fn first_line(stream: &mut File) -> Result<Vec<u8>> {
    let (mut line, mut byte) = (Vec::new(), [0]);
    while stream.read(&mut byte)? == 1 && byte[0] != b'\n' {
        line.push(byte[0]);
    }
    Ok(line)
}

/// Says a sentence on standard error; where that is gone nobody can be told so.
pub fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "locus-engine: {}", locus_protocol::shown::shown(text));
}
