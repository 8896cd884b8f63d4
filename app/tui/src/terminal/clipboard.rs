//! The clipboard of the terminal the user sits at, which may be three SSH hops away.

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
            format!("{} bytes are too long for the clipboard of a terminal; x writes them to a file", text.len());
        return Err(io::Error::other(message));
    }
    let lines = match text.lines().count() {
        0 | 1 => String::new(),
        lines => format!(" ({lines} lines)"),
    };
    if std::env::var_os("TMUX").is_some() && through_tmux(text).is_ok() {
        return Ok(format!("{what}{lines} went to tmux's buffer and clipboard"));
    }
    write!(terminal, "\x1b]52;c;{}\x07", base64(text.as_bytes()))?;
    terminal.flush()?;
    Ok(format!("{what}{lines} went to the terminal (OSC 52), which may or may not put it on the clipboard"))
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

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn base64_is_as_in_rfc_4648() {
        for (text, code) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(text.as_bytes()), code);
        }
    }
}
