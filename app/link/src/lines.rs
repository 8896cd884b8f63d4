//! Messages as lines: one JSON object each.

use serde::Serialize;
use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result};

/// Bytes of a line at most. Facts of a whole data set are one line.
pub const LONGEST: usize = 1 << 30;

/// A message as a line, its end included.
///
/// # Panics
/// Never: messages are plain data.
#[must_use]
pub fn line_of(message: &impl Serialize) -> Vec<u8> {
    // a map whose keys are no texts is the only thing that JSON does not hold, and no message has one
    let mut line = serde_json::to_vec(message).unwrap_or_default();
    line.push(b'\n');
    line
}

/// Lines that somebody writes.
pub struct Lines<R> {
    from: BufReader<R>,
    line: Vec<u8>,
}

impl<R: Read> Lines<R> {
    /// The lines of a stream that starts with a new line.
    pub fn new(from: R) -> Self {
        Self { from: BufReader::with_capacity(1 << 16, from), line: Vec::new() }
    }

    /// The next line without its end; `None` at the end of the stream. A line that was cut off is none.
    ///
    /// # Errors
    /// The stream cannot be read; a line is longer than [`LONGEST`].
    pub fn read(&mut self) -> Result<Option<&[u8]>> {
        self.line.clear();
        let read = (&mut self.from).take(LONGEST as u64 + 1).read_until(b'\n', &mut self.line)?;
        if read > LONGEST {
            return Err(Error::new(ErrorKind::InvalidData, format!("a message is larger than {LONGEST} bytes")));
        }
        match self.line.pop() {
            Some(b'\n') => Ok(Some(&self.line)),
            _ => Ok(None),
        }
    }
}

impl<R: Read> Lines<R> {
    /// What was read beyond the last line, and then what `stream` gives.
    pub fn rest(self, stream: impl Read) -> impl Read {
        std::io::Cursor::new(self.from.buffer().to_vec()).chain(stream)
    }
}

#[cfg(test)]
mod tests {
    use super::{Lines, line_of};

    #[test]
    fn lines_come_out_as_they_went_in_and_what_was_cut_off_does_not() {
        let text = [line_of(&"one\ntwo"), line_of(&3), b"{\"cut".to_vec()].concat();
        let mut lines = Lines::new(&text[..]);
        assert_eq!(lines.read().expect("read"), Some(&b"\"one\\ntwo\""[..]));
        assert_eq!(lines.read().expect("read"), Some(&b"3"[..]));
        assert_eq!(lines.read().expect("read"), None);
    }
}
