//! The log: a ring of lines from the engine, from plugins and from file descriptor 2.

use locus_protocol::LogLevel;
use std::collections::VecDeque;
use std::time::Duration;

/// Lines that are kept.
const CAPACITY: usize = 2000;

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Time since the start at which it arrived.
    pub at: Duration,
    /// `engine`, `workbench`, a plugin's id, `stderr`.
    pub source: String,
    /// How much it matters.
    pub level: LogLevel,
    pub text: String,
}

#[derive(Clone, Debug, Default)]
pub struct Log {
    lines: VecDeque<LogLine>,
    dropped: usize,
}

impl Log {
    /// Adds a line; the oldest gives way.
    pub fn push(&mut self, at: Duration, source: &str, level: LogLevel, text: &str) {
        if self.lines.len() == CAPACITY {
            self.lines.pop_front();
            self.dropped += 1;
        }
        let (source, text) = (source.to_owned(), text.to_owned());
        self.lines.push_back(LogLine { at, source, level, text });
    }

    /// The lines, the oldest first.
    pub fn lines(&self) -> impl ExactSizeIterator<Item = &LogLine> {
        self.lines.iter()
    }

    /// Lines that have given way to newer ones.
    #[must_use]
    pub fn dropped(&self) -> usize {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::{CAPACITY, Log};
    use locus_protocol::LogLevel;
    use std::time::Duration;

    #[test]
    fn the_oldest_lines_give_way() {
        let mut log = Log::default();
        for number in 0..CAPACITY + 3 {
            log.push(Duration::ZERO, "engine", LogLevel::Info, &number.to_string());
        }
        assert_eq!((log.lines().len(), log.dropped()), (CAPACITY, 3));
        assert_eq!(log.lines().next().map(|line| line.text.as_str()), Some("3"));
    }
}
