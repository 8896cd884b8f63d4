//! Draws curves: in braille where colours tell them apart, else by their letters.

use super::PlotsPane;
use super::curves::Curve;
use crate::looks::{Depth, fit_left, ratio};
use crate::state::State;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Color;
use ratatui::symbols::Marker;
use ratatui::text::Span;
use ratatui::widgets::Widget;
use ratatui::widgets::canvas::{Canvas, Line as Stroke};

/// Cells of the numbers at the left.
const MARGIN: u16 = 9;

/// The part of the plane that is shown.
struct Window {
    x: [f64; 2],
    y: [f64; 2],
    logarithmic: bool,
}

impl Window {
    /// Around all points; `None` where none can be shown.
    fn around(curves: &[Curve], logarithmic: bool) -> Option<Self> {
        let mut window =
            Self { x: [f64::INFINITY, f64::NEG_INFINITY], y: [f64::INFINITY, f64::NEG_INFINITY], logarithmic };
        for &(x, y) in curves.iter().flat_map(|curve| &curve.points) {
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
}

/// Draws the curves with their axes.
pub fn paint(plots: PlotsPane, state: &State, curves: &[Curve], area: Rect, buffer: &mut Buffer) {
    let muted = state.theme().muted();
    if area.width < MARGIN + 8 || area.height < 4 {
        return;
    }
    let Some(window) = Window::around(curves, plots.logarithmic) else {
        let text = " no value is greater than 0; s takes the log scale away";
        buffer.set_stringn(area.x, area.y, text, usize::from(area.width), state.theme().warn());
        return;
    };
    let plane = Rect { x: area.x + MARGIN, y: area.y, width: area.width - MARGIN - 1, height: area.height - 1 };
    for (row, height) in [(plane.y, window.y[1]), (plane.bottom() - 1, window.y[0])] {
        let text = fit_left(&ratio(window.value(height)), usize::from(MARGIN) - 1, state.glyphs());
        buffer.set_stringn(area.x, row, text, usize::from(MARGIN), muted);
    }
    let by = if plots.kind.is_by_step() { "step" } else { "layer" };
    let (left, right) = (format!("{by} {}", window.x[0]), format!("{}", window.x[1]));
    buffer.set_stringn(plane.x, plane.bottom(), &left, usize::from(plane.width), muted);
    let from = plane.right().saturating_sub(u16::try_from(right.len()).unwrap_or(0));
    buffer.set_stringn(from, plane.bottom(), &right, usize::from(plane.width), muted);
    if state.glyphs().is_ascii() || state.theme().depth == Depth::None {
        letters(curves, &window, plane, buffer);
    } else {
        strokes(curves, &window, plane, buffer);
    }
    cursor(plots, state, &window, plane, buffer);
}

/// Curves as lines of braille; a letter stands at the end of each.
fn strokes(curves: &[Curve], window: &Window, plane: Rect, buffer: &mut Buffer) {
    let canvas = Canvas::default().marker(Marker::Braille).x_bounds(window.x).y_bounds(window.y).paint(|context| {
        for curve in curves {
            let color = curve.style.fg.unwrap_or(Color::Reset);
            let points: Vec<(f64, f64)> =
                curve.points.iter().filter_map(|&(x, y)| Some((x, window.height(y)?))).collect();
            for pair in points.windows(2) {
                let [(x1, y1), (x2, y2)] = [pair[0], pair[1]];
                context.draw(&Stroke { x1, y1, x2, y2, color });
            }
            if let Some(&(x, y)) = points.last() {
                context.print(x, y, Span::styled(curve.letter.to_string(), curve.style));
            }
        }
    });
    canvas.render(plane, buffer);
}

/// Curves by their letters; where two meet the later one is seen.
fn letters(curves: &[Curve], window: &Window, plane: Rect, buffer: &mut Buffer) {
    for curve in curves {
        let mut last: Option<u16> = None;
        for column in 0..plane.width {
            let share = f64::from(column) / f64::from((plane.width - 1).max(1));
            let x = window.x[0] + share * (window.x[1] - window.x[0]);
            let Some(height) = at(&curve.points, x).and_then(|value| window.height(value)) else { continue };
            let down = (window.y[1] - height) / (window.y[1] - window.y[0]) * f64::from(plane.height - 1);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a row of the plane")]
            let row = down.round().clamp(0.0, f64::from(plane.height - 1)) as u16;
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

/// Marks the layer under the cursor, which all panes share.
fn cursor(plots: PlotsPane, state: &State, window: &Window, plane: Rect, buffer: &mut Buffer) {
    if plots.kind.is_by_step() {
        return;
    }
    #[expect(clippy::cast_precision_loss, reason = "a layer")]
    let share = (state.layer() as f64 - window.x[0]) / (window.x[1] - window.x[0]);
    if !(0.0..=1.0).contains(&share) {
        return;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a column of the plane")]
    let column = plane.x + (share * f64::from(plane.width - 1)).round() as u16;
    let text = format!("^{}", state.layer());
    let column = column.min(plane.right().saturating_sub(u16::try_from(text.len()).unwrap_or(0)));
    buffer.set_stringn(column, plane.bottom(), &text, text.len(), state.theme().accent());
}

#[cfg(test)]
mod tests {
    use super::{Window, at};
    use crate::panes::plots::curves::Curve;
    use ratatui::style::Style;

    fn curve(points: Vec<(f64, f64)>) -> Curve {
        Curve { letter: 'A', name: String::new(), style: Style::new(), points }
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
}
