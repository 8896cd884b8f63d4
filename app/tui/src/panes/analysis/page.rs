//! A section as lines, before they are on the screen: as many as it takes, to be scrolled.

use crate::looks::{fit, fit_left, printable, wrap};
use crate::state::State;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// Lines of so many cells.
pub struct Page<'a> {
    /// For styles and glyphs.
    pub state: &'a State,
    /// Cells of a line.
    pub width: usize,
    pub lines: Vec<Line<'static>>,
}

/// A cell of a table: text and cells that it takes; words stand at the left, numbers at the right.
#[derive(Clone, Debug)]
pub enum Cell {
    /// A text, aligned left, and the cells it takes.
    Word(String, usize),
    /// A number, aligned right, and the cells it takes.
    Number(String, usize),
}

impl<'a> Page<'a> {
    pub fn new(state: &'a State, width: usize) -> Self {
        Self { state, width, lines: Vec::new() }
    }

    /// A line that is there already.
    pub fn line(&mut self, line: impl Into<Line<'static>>) {
        self.lines.push(line.into());
    }

    /// An empty line, but for the first one.
    pub fn gap(&mut self) {
        if !self.lines.is_empty() {
            self.lines.push(Line::default());
        }
    }

    /// A paragraph in one style.
    pub fn text(&mut self, text: &str, style: Style) {
        let room = self.width.saturating_sub(1).max(1);
        for part in wrap(&format!(" {}", printable(text)), room, 1) {
            self.lines.push(Line::from(Span::styled(part, style)));
        }
    }

    pub fn heading(&mut self, text: &str) {
        self.text(text, self.state.theme().heading());
    }

    /// A paragraph that explains the table above it.
    pub fn note(&mut self, text: &str) {
        self.text(text, self.state.theme().muted());
    }

    /// A row of a table.
    pub fn row(&mut self, cells: &[Cell], style: Style) {
        let text = self.row_text(cells);
        self.lines.push(Line::from(Span::styled(text, style)));
    }

    /// The text of a row.
    #[must_use]
    pub fn row_text(&self, cells: &[Cell]) -> String {
        let glyphs = self.state.glyphs();
        let cell = |cell: &Cell| match cell {
            Cell::Word(text, cells) => fit(&printable(text), *cells, glyphs),
            Cell::Number(text, cells) => fit_left(text, *cells, glyphs),
        };
        cells.iter().map(cell).collect()
    }

    /// Label and text, the text broken into lines beside the label.
    pub fn item(&mut self, label: &str, text: &str, labels: usize, style: Style) {
        let room = self.width.saturating_sub(labels + 1).max(10);
        for (number, part) in wrap(&printable(text), room, 0).into_iter().enumerate() {
            let label = if number == 0 { format!(" {label}") } else { String::new() };
            let label = fit(&label, labels, self.state.glyphs());
            self.lines
                .push(Line::from(vec![Span::styled(label, self.state.theme().heading()), Span::styled(part, style)]));
        }
    }
}
