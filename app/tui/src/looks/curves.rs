//! Curves on a plane: in braille where colors tell them apart, else by their letters.

use super::{Depth, Glyphs, Theme, fit_left, ratio};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};
use ratatui::symbols::Marker;
use ratatui::text::Span;
use ratatui::widgets::Widget;
use ratatui::widgets::canvas::{Canvas, Line as Stroke, Points};

/// Cells of the numbers at the left.
const MARGIN: u16 = 9;

#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// Tells it from the others.
    pub letter: char,
    pub name: String,
    /// Color of the letter and its points, as in the legend.
    pub style: Style,
    /// Step or layer, and value; the places grow.
    pub points: Vec<(f64, f64)>,
    /// Half the width of each point's interval; nothing where they have none.
    pub half_widths: Vec<f64>,
    /// Whether it is dotted, its letter at its greatest value, since it is measured on a scale of its own.
    pub is_dotted: bool,
}

impl Curve {
    /// A line without intervals.
    #[must_use]
    pub fn new(letter: char, name: String, style: Style, points: Vec<(f64, f64)>) -> Self {
        Self { letter, name, style, points, half_widths: Vec::new(), is_dotted: false }
    }

    /// Places with the ends of their intervals.
    fn bars(&self) -> impl Iterator<Item = (f64, [f64; 2])> {
        let bar = |(&(x, y), half): (&(f64, f64), &f64)| (x, [y - half, y + half]);
        self.points.iter().zip(&self.half_widths).map(bar)
    }

    /// The point with the greatest value; the last of a line.
    fn named_at(&self) -> Option<(f64, f64)> {
        let greatest = || self.points.iter().copied().max_by(|one, other| one.1.total_cmp(&other.1));
        if self.is_dotted { greatest() } else { self.points.last().copied() }
    }
}

/// The part of the plane that is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// First and last place.
    pub x: [f64; 2],
    /// Least and greatest height.
    pub y: [f64; 2],
    /// Whether heights are logarithms.
    pub logarithmic: bool,
}

impl Window {
    /// Around all points and their intervals; `None` where none can be shown.
    #[must_use]
    pub fn around(curves: &[Curve], logarithmic: bool) -> Option<Self> {
        let mut window =
            Self { x: [f64::INFINITY, f64::NEG_INFINITY], y: [f64::INFINITY, f64::NEG_INFINITY], logarithmic };
        let ends = |curve: &Curve| curve.bars().flat_map(|(x, ends)| ends.map(|end| (x, end))).collect::<Vec<_>>();
        for (x, y) in curves.iter().flat_map(|curve| [curve.points.clone(), ends(curve)].concat()) {
            let Some(y) = window.height(y) else { continue };
            window.x = [window.x[0].min(x), window.x[1].max(x)];
            window.y = [window.y[0].min(y), window.y[1].max(y)];
        }
        if window.x[0] > window.x[1] {
            return None;
        }
        for range in [&mut window.x, &mut window.y] {
            if range[1] - range[0] < 1e-9 {
                *range = [range[0] - 0.5, range[1] + 0.5];
            }
        }
        Some(window)
    }

    /// A value on the scale; a logarithm has none for what is not positive.
    fn height(&self, value: f64) -> Option<f64> {
        let value = if self.logarithmic { value.log10() } else { value };
        value.is_finite().then_some(value)
    }

    /// The value of a place on the scale.
    fn value(&self, height: f64) -> f64 {
        if self.logarithmic { 10f64.powf(height) } else { height }
    }

    /// The row of a plane at which a height lies, from its top.
    fn row(&self, height: f64, rows: u16) -> u16 {
        let last = f64::from(rows.saturating_sub(1));
        let down = (self.y[1] - height) / (self.y[1] - self.y[0]) * last;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a row of the plane")]
        let row = down.round().clamp(0.0, last) as u16;
        row
    }

    /// The column of a plane at which a place lies, from its left; `None` beyond the plane.
    fn column(&self, x: f64, columns: u16) -> Option<u16> {
        let share = (x - self.x[0]) / (self.x[1] - self.x[0]);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a column of the plane")]
        let column = (share * f64::from(columns.saturating_sub(1))).round() as u16;
        (0.0..=1.0).contains(&share).then_some(column)
    }
}

/// Draws curves with their axes; `by` is what their places are, `here` the place to mark below them.
pub fn draw_curves(
    curves: &[Curve],
    window: &Window,
    (by, here): (&str, Option<usize>),
    (theme, glyphs): (Theme, Glyphs),
    area: Rect,
    buffer: &mut Buffer,
) {
    if area.width < MARGIN + 8 || area.height < 4 {
        return;
    }
    let muted = theme.muted();
    let plane = Rect { x: area.x + MARGIN, y: area.y, width: area.width - MARGIN - 1, height: area.height - 1 };
    for (row, height) in [(plane.y, window.y[1]), (plane.bottom() - 1, window.y[0])] {
        let text = fit_left(&ratio(window.value(height)), usize::from(MARGIN) - 1, glyphs);
        buffer.set_stringn(area.x, row, text, usize::from(MARGIN), muted);
    }
    let (left, right) = (format!("{by} {}", window.x[0]), format!("{}", window.x[1]));
    buffer.set_stringn(plane.x, plane.bottom(), &left, usize::from(plane.width), muted);
    let from = plane.right().saturating_sub(u16::try_from(right.len()).unwrap_or(0));
    buffer.set_stringn(from, plane.bottom(), &right, usize::from(plane.width), muted);
    if glyphs.is_ascii() || theme.depth == Depth::None {
        curves.iter().for_each(|curve| bars(curve, window, plane, buffer));
        // lines lie over what is drawn against them
        curves.iter().filter(|curve| curve.is_dotted).for_each(|curve| dots(curve, window, plane, buffer));
        curves.iter().filter(|curve| !curve.is_dotted).for_each(|curve| letters(curve, window, plane, buffer));
    } else {
        strokes(curves, window, plane, buffer);
    }
    if let Some(here) = here {
        mark(here, window, plane, theme.accent(), buffer);
    }
}

/// Curves as lines of braille; a letter stands at the end of each, or at the top of one that is dotted.
fn strokes(curves: &[Curve], window: &Window, plane: Rect, buffer: &mut Buffer) {
    let canvas = Canvas::default().marker(Marker::Braille).x_bounds(window.x).y_bounds(window.y).paint(|context| {
        for curve in curves {
            let color = curve.style.fg.unwrap_or(Color::Reset);
            for (x, ends) in curve.bars() {
                if let [Some(y1), Some(y2)] = ends.map(|end| window.height(end)) {
                    context.draw(&Stroke { x1: x, y1, x2: x, y2, color });
                }
            }
            let points: Vec<(f64, f64)> =
                curve.points.iter().filter_map(|&(x, y)| Some((x, window.height(y)?))).collect();
            if curve.is_dotted {
                let dots: Vec<(f64, f64)> = every_other(&points, window, plane.width);
                context.draw(&Points { coords: &dots, color });
            } else {
                for pair in points.windows(2) {
                    let [(x1, y1), (x2, y2)] = [pair[0], pair[1]];
                    context.draw(&Stroke { x1, y1, x2, y2, color });
                }
            }
            if let Some((x, y)) = curve.named_at().and_then(|(x, y)| Some((x, window.height(y)?))) {
                context.print(x, y, Span::styled(curve.letter.to_string(), curve.style));
            }
        }
    });
    canvas.render(plane, buffer);
}

/// A dot in each cell of a curve's width.
fn every_other(points: &[(f64, f64)], window: &Window, columns: u16) -> Vec<(f64, f64)> {
    let step = (window.x[1] - window.x[0]) / f64::from(columns.max(1));
    let places = (0..=columns).map(|column| window.x[0] + step * f64::from(column));
    places.filter_map(|x| Some((x, at(points, x)?))).collect()
}

/// Draws the interval of each point as a vertical bar.
fn bars(curve: &Curve, window: &Window, plane: Rect, buffer: &mut Buffer) {
    for (x, ends) in curve.bars() {
        let Some(column) = window.column(x, plane.width) else { continue };
        let [Some(low), Some(high)] = ends.map(|end| window.height(end)) else { continue };
        for row in window.row(high, plane.height)..=window.row(low, plane.height) {
            if let Some(cell) = buffer.cell_mut((plane.x + column, plane.y + row)) {
                cell.set_char('|').set_style(curve.style);
            }
        }
    }
}

/// A curve by its letter at each of its points.
fn dots(curve: &Curve, window: &Window, plane: Rect, buffer: &mut Buffer) {
    for &(x, y) in &curve.points {
        let (Some(column), Some(height)) = (window.column(x, plane.width), window.height(y)) else { continue };
        if let Some(cell) = buffer.cell_mut((plane.x + column, plane.y + window.row(height, plane.height))) {
            cell.set_char(curve.letter).set_style(curve.style);
        }
    }
}

/// A curve by its letters; where two meet the later one is seen.
fn letters(curve: &Curve, window: &Window, plane: Rect, buffer: &mut Buffer) {
    let mut last: Option<u16> = None;
    for column in 0..plane.width {
        let share = f64::from(column) / f64::from((plane.width - 1).max(1));
        let x = window.x[0] + share * (window.x[1] - window.x[0]);
        let Some(height) = at(&curve.points, x).and_then(|value| window.height(value)) else { continue };
        let row = window.row(height, plane.height);
        // a steep curve leaves no gap
        let from = last.map_or(row, |last| if last < row { last + 1 } else { last.saturating_sub(1).max(row) });
        for row in from.min(row)..=from.max(row) {
            if let Some(cell) = buffer.cell_mut((plane.x + column, plane.y + row)) {
                cell.set_char(curve.letter).set_style(curve.style);
            }
        }
        last = Some(row);
    }
}

/// The value at a place, between the points around it; `None` outside of the curve.
fn at(points: &[(f64, f64)], x: f64) -> Option<f64> {
    let after = points.iter().position(|(place, _)| *place >= x - 1e-9)?;
    let (right, upper) = points[after];
    if after == 0 {
        return (right - x < 1e-6).then_some(upper);
    }
    let (left, lower) = points[after - 1];
    Some(lower + (upper - lower) * (x - left) / (right - left))
}

/// Marks a place below the plane.
fn mark(here: usize, window: &Window, plane: Rect, style: Style, buffer: &mut Buffer) {
    #[expect(clippy::cast_precision_loss, reason = "a layer")]
    let Some(column) = window.column(here as f64, plane.width) else { return };
    let text = format!("^{here}");
    let column = (plane.x + column).min(plane.right().saturating_sub(u16::try_from(text.len()).unwrap_or(0)));
    // what names the axis stands there already; the table says which layer it is
    let is_free = |column: u16| buffer.cell((column, plane.bottom())).is_some_and(|cell| cell.symbol() == " ");
    if (column..column + u16::try_from(text.len()).unwrap_or(0)).all(is_free) {
        buffer.set_stringn(column, plane.bottom(), &text, text.len(), style);
    }
}

#[cfg(test)]
mod tests {
    use super::{Curve, Window, at};
    use ratatui::style::Style;

    fn curve(points: Vec<(f64, f64)>) -> Curve {
        Curve::new('A', String::new(), Style::new(), points)
    }

    #[test]
    fn values_between_points_lie_on_the_line() {
        let points = [(0.0, 1.0), (2.0, 5.0), (3.0, 5.0)];
        assert_eq!(at(&points, 1.0), Some(3.0));
        assert_eq!(at(&points, 0.0), Some(1.0));
        assert_eq!(at(&points, 3.0), Some(5.0));
        assert_eq!(at(&points, 3.5), None);
    }

    #[test]
    fn a_logarithmic_window_leaves_out_what_has_no_logarithm() {
        let window = Window::around(&[curve(vec![(0.0, 0.0), (1.0, 0.01), (2.0, 1.0)])], true).expect("two points");
        assert_eq!((window.x, window.y), ([1.0, 2.0], [-2.0, 0.0]));
        assert!(Window::around(&[curve(vec![(0.0, -1.0)])], true).is_none());
    }

    #[test]
    fn intervals_lie_within_the_window() {
        let with = Curve { half_widths: vec![0.25, 0.5], ..curve(vec![(0.0, 1.0), (1.0, 2.0)]) };
        let window = Window::around(&[with], false).expect("two points");
        assert_eq!(window.y, [0.75, 2.5]);
    }

    #[test]
    fn a_dotted_curve_is_named_where_it_is_greatest() {
        let line = curve(vec![(0.0, 1.0), (1.0, 3.0), (2.0, 2.0)]);
        assert_eq!(line.named_at(), Some((2.0, 2.0)));
        assert_eq!(Curve { is_dotted: true, ..line }.named_at(), Some((1.0, 3.0)));
    }
}
