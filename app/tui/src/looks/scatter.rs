//! Points on a plane with ticks on both axes: each in a cell of its own where they are few, in braille where they are many.

use super::{Glyphs, Theme, fit_left};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Color;
use ratatui::symbols::Marker;
use ratatui::widgets::Widget;
use ratatui::widgets::canvas::{Canvas, Points};

/// Cells of the numbers at the left.
const MARGIN: u16 = 9;
/// So many points are drawn in cells; more are dots of braille.
const FEW: usize = 150;
/// Cells between two numbers below the plane.
const APART: u16 = 14;
/// Rows between two numbers beside it.
const ROWS_APART: u16 = 3;

/// Round numbers within a range, at most so many, and how many digits they need.
#[must_use]
pub fn ticks([low, high]: [f64; 2], most: usize) -> (Vec<f64>, usize) {
    let span = high - low;
    if !(span > 0.0 && span.is_finite()) || most == 0 {
        return (Vec::new(), 0);
    }
    let least = span / most as f64;
    let power = 10f64.powf(least.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|step| *step >= least);
    let step = step.unwrap_or(10.0 * power);
    let first = (low / step - 1e-9).ceil();
    let all = (0..=most).map(|number| (first + number as f64) * step).filter(|tick| *tick <= high + 1e-9 * span);
    (all.collect(), (-step.log10().floor()).max(0.0) as usize)
}

/// A range around values with a little room at its ends.
#[must_use]
pub fn range(values: impl Iterator<Item = f64>) -> Option<[f64; 2]> {
    let [low, high] =
        values.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], value| [low.min(value), high.max(value)]);
    if low > high {
        return None;
    }
    let room = if high - low < 1e-9 { 0.5 } else { 0.04 * (high - low) };
    Some([low - room, high + room])
}

/// Draws points; `names` are those of the axes, across and upwards.
pub fn draw_points(
    points: &[(f64, f64)],
    names: (&str, &str),
    (theme, glyphs): (Theme, Glyphs),
    area: Rect,
    buffer: &mut Buffer,
) {
    let ranges = range(points.iter().map(|point| point.0)).zip(range(points.iter().map(|point| point.1)));
    let Some((x, y)) = ranges.filter(|_| area.width >= MARGIN + 16 && area.height >= 6) else { return };
    let muted = theme.muted();
    // name, plane, axis, numbers, name
    buffer.set_stringn(area.x + 1, area.y, names.1, usize::from(area.width) - 1, muted);
    let plane = Rect { x: area.x + MARGIN + 1, y: area.y + 1, width: area.width - MARGIN - 2, height: area.height - 4 };
    let (across, upwards, corner) = if glyphs.is_ascii() { ("-", "|", "+") } else { ("─", "│", "└") };
    for row in plane.top()..plane.bottom() {
        buffer.set_string(plane.x - 1, row, upwards, muted);
    }
    for column in plane.left()..plane.right() {
        buffer.set_string(column, plane.bottom(), across, muted);
    }
    buffer.set_string(plane.x - 1, plane.bottom(), corner, muted);
    let (beside, below) = if glyphs.is_ascii() { ("+", "+") } else { ("┤", "┬") };
    let (all, digits) = ticks(y, usize::from(plane.height / ROWS_APART).max(2));
    for tick in all {
        let row = plane.bottom() - 1 - cell(tick, y, plane.height);
        let text = fit_left(&format!("{tick:.digits$}"), usize::from(MARGIN) - 1, glyphs);
        buffer.set_stringn(area.x, row, text, usize::from(MARGIN), muted);
        buffer.set_string(plane.x - 1, row, beside, muted);
    }
    let (all, digits) = ticks(x, usize::from(plane.width / APART).max(2));
    for tick in all {
        let column = plane.x + cell(tick, x, plane.width);
        buffer.set_string(column, plane.bottom(), below, muted);
        let text = format!("{tick:.digits$}");
        let half = u16::try_from(text.len() / 2).unwrap_or(0);
        let from = column.saturating_sub(half).min(area.right().saturating_sub(2 * half + 1)).max(area.x);
        buffer.set_stringn(from, plane.bottom() + 1, text, usize::from(area.right() - from), muted);
    }
    let from = plane.right().saturating_sub(u16::try_from(super::width(names.0)).unwrap_or(0)).max(area.x);
    buffer.set_stringn(from, plane.bottom() + 2, names.0, usize::from(area.right() - from), muted);
    if points.len() <= FEW || glyphs.is_ascii() {
        in_cells(points, (x, y), theme, glyphs, plane, buffer);
    } else {
        let color = theme.accent().fg.unwrap_or(Color::Reset);
        let canvas = Canvas::default().marker(Marker::Braille).x_bounds(x).y_bounds(y);
        canvas.paint(|context| context.draw(&Points { coords: points, color })).render(plane, buffer);
    }
}

/// The cell of a value on an axis of so many cells, from its beginning.
fn cell(value: f64, [low, high]: [f64; 2], cells: u16) -> u16 {
    let last = f64::from(cells.saturating_sub(1));
    ((value - low) / (high - low) * last).round().clamp(0.0, last) as u16
}

/// Each point in a cell; a digit says how many share one, and a star that they are more than nine.
fn in_cells(
    points: &[(f64, f64)],
    (x, y): ([f64; 2], [f64; 2]),
    theme: Theme,
    glyphs: Glyphs,
    plane: Rect,
    buffer: &mut Buffer,
) {
    let mut counts: std::collections::BTreeMap<(u16, u16), u32> = std::collections::BTreeMap::new();
    for (across, upwards) in points {
        let row = plane.bottom() - 1 - cell(*upwards, y, plane.height);
        *counts.entry((plane.x + cell(*across, x, plane.width), row)).or_default() += 1;
    }
    for ((column, row), count) in counts {
        let symbol = match count {
            1 if glyphs.is_ascii() => 'o',
            1 => '●',
            count => char::from_digit(count, 10).unwrap_or('*'),
        };
        if let Some(cell) = buffer.cell_mut((column, row)) {
            cell.set_char(symbol).set_style(theme.accent());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{range, ticks};

    #[test]
    fn ticks_are_round_and_within_the_range() {
        let near = |found: &[f64], expected: &[f64]| {
            found.len() == expected.len() && found.iter().zip(expected).all(|(one, two)| (one - two).abs() < 1e-9)
        };
        let (all, digits) = ticks([0.0, 1.0], 5);
        assert!(near(&all, &[0.0, 0.2, 0.4, 0.6, 0.8, 1.0]) && digits == 1, "{all:?}");
        let (all, digits) = ticks([-0.013, 0.31], 4);
        assert!(near(&all, &[0.0, 0.1, 0.2, 0.3]) && digits == 1, "{all:?}");
        let (all, digits) = ticks([120.0, 950.0], 3);
        assert!(near(&all, &[500.0]) && digits == 0, "{all:?}");
        for most in 2..9 {
            for high in [1e-4, 0.37, 3.0, 12.5, 8e5] {
                let (all, _) = ticks([0.0, high], most);
                assert!((2..=most + 1).contains(&all.len()), "{most} {high}: {all:?}");
                assert!(all.iter().all(|tick| (-1e-9..=high * 1.000_001).contains(tick)), "{all:?}");
            }
        }
        assert_eq!(ticks([1.0, 1.0], 4).0, Vec::<f64>::new());
    }

    #[test]
    fn a_range_holds_all_values_and_one_value_has_room_around_it() {
        assert_eq!(range([2.0].into_iter()), Some([1.5, 2.5]));
        assert_eq!(range(std::iter::empty()), None);
        let [low, high] = range([0.0, 1.0].into_iter()).expect("a range");
        assert!(low < 0.0 && high > 1.0);
    }
}
