//! Lines put down one under the other, as far as there is room.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Widget;

/// An area that is written from top to bottom.
pub struct Paper<'a> {
    area: Rect,
    row: u16,
    buffer: &'a mut Buffer,
}

impl<'a> Paper<'a> {
    pub fn new(area: Rect, buffer: &'a mut Buffer) -> Self {
        Self { area: area.intersection(buffer.area), row: 0, buffer }
    }

    /// Cells in a line.
    #[must_use]
    pub fn width(&self) -> usize {
        usize::from(self.area.width)
    }

    /// Lines that are still free.
    #[must_use]
    pub fn left(&self) -> usize {
        usize::from(self.area.height.saturating_sub(self.row))
    }

    /// The rows below the last written line.
    #[must_use]
    pub fn rest(&self) -> Rect {
        let row = self.row.min(self.area.height);
        Rect { y: self.area.y + row, height: self.area.height - row, ..self.area }
    }

    /// Writes a line; what does not fit is cut off and marked, what has no room is dropped.
    pub fn line<'line>(&mut self, line: impl Into<Line<'line>>) {
        let rest = self.rest();
        if rest.height > 0 {
            let line = line.into();
            let cut = line.width() > self.width();
            line.render(Rect { height: 1, ..rest }, self.buffer);
            if cut && let Some(cell) = self.buffer.cell_mut((rest.right().saturating_sub(1), rest.y)) {
                cell.set_symbol("…");
            }
            self.row += 1;
        }
    }
}

/// The first row of a window on a list that keeps the cursor in its middle, as far as the ends let it.
#[must_use]
pub fn window_start(cursor: usize, rows: usize, total: usize) -> usize {
    cursor.saturating_sub(rows / 2).min(total.saturating_sub(rows))
}

#[cfg(test)]
mod tests {
    use super::window_start;

    #[test]
    fn a_window_keeps_the_cursor_inside() {
        for total in 0..20 {
            for rows in 1..8 {
                for cursor in 0..total {
                    let start = window_start(cursor, rows, total);
                    assert!(start <= cursor && cursor < start + rows);
                    assert!(start == 0 || start + rows <= total);
                }
            }
        }
    }
}
