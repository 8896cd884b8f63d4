//! The clipboard of the terminal the user sits at, which may be three SSH hops away.

use crossterm::clipboard::CopyToClipboard;
use crossterm::execute;
use std::io::{self, Write};
use std::process::{Command, Stdio};

/// Longest text in bytes: terminals drop longer sequences without a word.
const LONGEST: usize = 74_000;

/// Copies a text, which is `what` in a few words, through tmux where we run inside it, else by OSC 52; says which way it
/// went.
///
/// # Errors
/// The text is too long, or nothing takes it.
pub fn copy(what: &str, text: &str, terminal: &mut impl Write) -> io::Result<String> {
    if text.len() > LONGEST {
        let message =
            format!("{} bytes are too long for the clipboard of a terminal; :export writes files", text.len());
        return Err(io::Error::other(message));
    }
    let lines = match text.lines().count() {
        0 | 1 => String::new(),
        lines => format!(" ({lines} lines)"),
    };
    if std::env::var_os("TMUX").is_some() && through_tmux(text).is_ok() {
        return Ok(format!("copied {what}{lines} to the buffer and clipboard of tmux"));
    }
    execute!(terminal, CopyToClipboard::to_clipboard_from(text))?;
    Ok(format!("sent {what}{lines} to the terminal (OSC 52), which may not support the clipboard"))
}

fn through_tmux(text: &str) -> io::Result<()> {
    let mut child = Command::new("tmux")
        .args(["load-buffer", "-w", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(text.as_bytes())?;
    }
    if child.wait()?.success() { Ok(()) } else { Err(io::Error::other("tmux refused")) }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, copy};

    #[test]
    fn what_no_terminal_would_take_is_not_sent() {
        let mut sent = Vec::new();
        let refused = copy("the table", &"x".repeat(LONGEST + 1), &mut sent).expect_err("too long").to_string();
        assert!(refused.contains("too long for the clipboard of a terminal"), "{refused}");
        assert!(sent.is_empty());
    }
}
