//! What the terminal shows. Only cells that differ are written, and nothing at all where none does.

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::queue;
use crossterm::terminal::{BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, SetTitle};
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use std::fs::File;
use std::io::{self, BufWriter, Write};

/// Bytes that are gathered before they go to the terminal: a whole frame, as a rule.
const BUFFER: usize = 64 * 1024;

pub struct Screen<W: Write = File> {
    backend: CrosstermBackend<BufWriter<W>>,
    shown: Buffer,
    cursor: Option<Position>,
    stale: bool,
    /// The window's title, where the terminal has titles.
    title: Option<String>,
}

impl<W: Write> Screen<W> {
    /// A screen whose contents nobody knows.
    pub fn new(writer: W) -> Self {
        let backend = CrosstermBackend::new(BufWriter::with_capacity(BUFFER, writer));
        Self { backend, shown: Buffer::empty(Rect::ZERO), cursor: None, stale: true, title: None }
    }

    /// The same on a terminal whose window has a title.
    #[must_use]
    pub fn titled(self) -> Self {
        Self { title: Some(String::new()), ..self }
    }

    /// Gives the window a title, where it has one and another stands there.
    ///
    /// # Errors
    /// The terminal does not take it.
    pub fn name(&mut self, title: &str) -> io::Result<()> {
        if self.title.as_deref().is_none_or(|known| known == title) {
            return Ok(());
        }
        queue!(self.backend, SetTitle(title))?;
        Write::flush(&mut self.backend)?;
        self.title = Some(title.to_owned());
        Ok(())
    }

    /// Rings the bell.
    ///
    /// # Errors
    /// The terminal does not take it.
    pub fn ring(&mut self) -> io::Result<()> {
        self.backend.write_all(b"\x07")?;
        Write::flush(&mut self.backend)
    }

    /// Forgets what the terminal shows.
    pub fn forget(&mut self) {
        self.stale = true;
    }

    /// Brings a picture on the screen; whether anything had to be written.
    ///
    /// # Errors
    /// The terminal does not take it.
    pub fn show(&mut self, picture: Buffer, cursor: Option<Position>) -> io::Result<bool> {
        let stale = self.stale || self.shown.area != picture.area;
        if stale {
            self.shown = Buffer::empty(picture.area);
        }
        let changes = self.shown.diff(&picture);
        if changes.is_empty() && cursor == self.cursor && !stale {
            return Ok(false);
        }
        queue!(self.backend, BeginSynchronizedUpdate)?;
        if self.cursor.is_some() {
            queue!(self.backend, Hide)?;
        }
        if stale {
            queue!(self.backend, Clear(ClearType::All))?;
        }
        if !changes.is_empty() {
            self.backend.draw(changes.into_iter())?;
        }
        if let Some(Position { x, y }) = cursor {
            queue!(self.backend, MoveTo(x, y), Show)?;
        }
        queue!(self.backend, EndSynchronizedUpdate)?;
        Write::flush(&mut self.backend)?;
        (self.shown, self.cursor, self.stale) = (picture, cursor, false);
        Ok(true)
    }
}

impl<W: Write> Write for Screen<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.backend.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Write::flush(&mut self.backend)
    }
}

#[cfg(test)]
mod tests {
    use super::Screen;
    use ratatui::buffer::Buffer;
    use ratatui::layout::Rect;
    use ratatui::style::Style;
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Line(Arc<Mutex<Vec<u8>>>);

    impl Write for Line {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("line").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_same_picture_costs_nothing_and_one_cell_costs_little() {
        let line = Line::default();
        let mut screen = Screen::new(line.clone());
        let mut picture = Buffer::empty(Rect::new(0, 0, 80, 24));
        picture.set_string(0, 0, "layers", Style::new());
        let sent = || line.0.lock().expect("line").len();
        assert!(screen.show(picture.clone(), None).expect("first"));
        let first = sent();
        assert!(!screen.show(picture.clone(), None).expect("same"));
        assert_eq!(sent(), first);
        picture.set_string(3, 3, "7", Style::new());
        assert!(screen.show(picture.clone(), None).expect("one cell"));
        assert!(sent() - first < 60, "{} bytes", sent() - first);
        screen.forget();
        assert!(screen.show(picture, None).expect("anew"));
    }

    #[test]
    fn a_title_is_written_when_it_changes_and_where_there_is_one() {
        let line = Line::default();
        let sent = || String::from_utf8(line.0.lock().expect("line").clone()).expect("text");
        Screen::new(line.clone()).name("locus").expect("no title");
        assert_eq!(sent(), "");
        let mut screen = Screen::new(line.clone()).titled();
        for title in ["locus", "locus", "locus - gpt2"] {
            screen.name(title).expect("a title");
        }
        assert_eq!(sent(), "\u{1b}]0;locus\u{7}\u{1b}]0;locus - gpt2\u{7}");
    }
}
