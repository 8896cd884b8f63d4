//! Cells of a heat map, on a ramp whose lightness only rises, so that it reads the same with any color vision.
//!
//! With 256 colors or more, cells have a background from cividis (Nuñez et al. 2018) and show their value where
//! they are wide enough. With sixteen colors or none, shades fill them: a denser cell is a greater value on any
//! background.

use super::{Depth, Glyphs, Theme, fit_left};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Span;

/// Cividis at equal distances, from its dark to its light end.
const CIVIDIS: [(u8, u8, u8); 9] = [
    (0, 34, 78),
    (18, 53, 112),
    (59, 73, 108),
    (87, 93, 109),
    (112, 113, 115),
    (138, 134, 120),
    (165, 156, 116),
    (195, 179, 105),
    (254, 232, 56),
];

/// One cell: `value` is shown in hundredths, `share` from 0 to 1 is its place on the ramp.
#[must_use]
pub fn heat_cell(theme: Theme, glyphs: Glyphs, value: f64, share: f64, width: usize) -> Span<'static> {
    if share <= -NEARLY_NOTHING {
        return below_zero_cell(theme, glyphs, value, share, width);
    }
    let share = if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) };
    match theme.depth {
        Depth::Indexed | Depth::True => {
            let (red, green, blue) = ramp(share);
            let text = if width >= 3 { format!("{:>width$}", hundredths(value)) } else { " ".repeat(width) };
            let foreground = if luminance(red, green, blue) > 0.45 { 16 } else { 231 };
            let (foreground, background) = match theme.depth {
                Depth::True if foreground == 16 => (Color::Rgb(0, 0, 0), Color::Rgb(red, green, blue)),
                Depth::True => (Color::Rgb(255, 255, 255), Color::Rgb(red, green, blue)),
                _ => (Color::Indexed(foreground), Color::Indexed(indexed(red, green, blue))),
            };
            Span::styled(text, Style::new().fg(foreground).bg(background))
        }
        Depth::Sixteen | Depth::None => {
            let shades = glyphs.shades();
            let level = level(share, shades.len());
            let style = match (theme.depth, level * 2 >= shades.len()) {
                (Depth::Sixteen, false) => Style::new().fg(Color::LightBlue),
                (Depth::None, _) => Style::new(),
                _ => Style::new().add_modifier(Modifier::BOLD),
            };
            let text = match width {
                // The value stands beside the shade where there is room for both.
                4.. => format!("{}{:>3}", shades[level].repeat(width - 3), hundredths(value)),
                _ => shades[level].repeat(width),
            };
            Span::styled(text, style)
        }
    }
}

/// A cell whose value is below zero: on the purple side of a difference, or a minus where there is no background.
fn below_zero_cell(theme: Theme, glyphs: Glyphs, value: f64, share: f64, width: usize) -> Span<'static> {
    let is_shaded = matches!(theme.depth, Depth::Sixteen | Depth::None);
    let text = match width {
        3.. => hundredths(value),
        _ if is_shaded => "-".repeat(width),
        _ => " ".repeat(width),
    };
    let cell = difference_cell(theme, glyphs, &text, share, width);
    let style = if theme.depth == Depth::Sixteen { cell.style.fg(Color::Magenta) } else { cell.style };
    cell.style(style)
}

/// A cell whose value is an estimate: dim, with a `~` at its start. Where a cell is one shade, dimness has to do.
#[must_use]
pub fn preview_cell(theme: Theme, glyphs: Glyphs, value: f64, share: f64, width: usize) -> Span<'static> {
    let mut cell = heat_cell(theme, glyphs, value, share, width);
    let shaded = matches!(theme.depth, Depth::Sixteen | Depth::None);
    let first = cell.content.chars().next().unwrap_or(' ');
    // digits stay whole
    if first == ' ' && !shaded || shaded && width >= 2 {
        cell.content = std::iter::once('~').chain(cell.content.chars().skip(1)).collect::<String>().into();
    }
    cell.style = cell.style.add_modifier(Modifier::DIM);
    cell
}

/// What a cell looks like in the rows below its first, where it has several: the same shade without a text, of its
/// `share`; what has none, as a difference, has no shade without colors.
#[must_use]
pub fn continued(theme: Theme, glyphs: Glyphs, cell: &Span<'_>, share: Option<f64>) -> Span<'static> {
    let wide = cell.width();
    let shades = glyphs.shades();
    let shade = share.filter(|share| *share > -NEARLY_NOTHING).map(|share| shades[level(share, shades.len())]);
    let filled = match theme.depth {
        Depth::Sixteen | Depth::None => shade.map_or_else(|| " ".repeat(wide), |shade| shade.repeat(wide)),
        Depth::Indexed | Depth::True => " ".repeat(wide),
    };
    Span::styled(filled, cell.style)
}

/// A cell of a difference: `share` from -1 to 1 is its place between a purple and an orange end, which every color vision tells
/// apart; with sixteen colors or none, the sign in the text says it, and what is large is bold.
#[must_use]
pub fn difference_cell(theme: Theme, glyphs: Glyphs, text: &str, share: f64, width: usize) -> Span<'static> {
    let share = if share.is_nan() { 0.0 } else { share.clamp(-1.0, 1.0) };
    let text = fit_left(text, width, glyphs);
    match theme.depth {
        Depth::Indexed | Depth::True => {
            let (red, green, blue) = diverging(share);
            let is_light = luminance(red, green, blue) > 0.45;
            let (foreground, background) = match (theme.depth, is_light) {
                (Depth::True, true) => (Color::Rgb(0, 0, 0), Color::Rgb(red, green, blue)),
                (Depth::True, false) => (Color::Rgb(255, 255, 255), Color::Rgb(red, green, blue)),
                (_, true) => (Color::Indexed(16), Color::Indexed(indexed(red, green, blue))),
                (_, false) => (Color::Indexed(231), Color::Indexed(indexed(red, green, blue))),
            };
            Span::styled(text, Style::new().fg(foreground).bg(background))
        }
        Depth::Sixteen | Depth::None => {
            let style = match (theme.depth, share) {
                (Depth::Sixteen, share) if share >= NEARLY_NOTHING => Style::new().fg(Color::Yellow),
                (Depth::Sixteen, share) if share <= -NEARLY_NOTHING => Style::new().fg(Color::LightBlue),
                _ => Style::new(),
            };
            let is_large = share.abs() >= 0.5;
            Span::styled(text, if is_large { style.add_modifier(Modifier::BOLD) } else { style })
        }
    }
}

/// Shares below this are nearly nothing.
const NEARLY_NOTHING: f64 = 0.04;

/// From purple over nearly white to orange: the ends of PuOr (Brewer), whose lightness falls to both sides.
fn diverging(share: f64) -> (u8, u8, u8) {
    const PURPLE: (u8, u8, u8) = (84, 39, 136);
    const MIDDLE: (u8, u8, u8) = (247, 247, 247);
    const ORANGE: (u8, u8, u8) = (179, 88, 6);
    let end = if share < 0.0 { PURPLE } else { ORANGE };
    let part = share.abs();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between two bytes")]
    let mix = |from: u8, to: u8| (f64::from(from) + part * (f64::from(to) - f64::from(from))).round() as u8;
    (mix(MIDDLE.0, end.0), mix(MIDDLE.1, end.1), mix(MIDDLE.2, end.2))
}

/// The ramp from its low to its high end.
#[must_use]
pub fn heat_legend(theme: Theme, glyphs: Glyphs) -> Vec<Span<'static>> {
    let steps = match theme.depth {
        Depth::Indexed | Depth::True => CIVIDIS.len(),
        Depth::Sixteen | Depth::None => glyphs.shades().len(),
    };
    // The middle of each step's part of the ramp.
    #[expect(clippy::cast_precision_loss, reason = "a handful of steps")]
    let share = |step: usize| if step == 0 { 0.0 } else { (step as f64 - 0.5) / (steps - 1) as f64 };
    (0..steps).map(|step| heat_cell(theme, glyphs, 0.0, share(step), 1)).collect()
}

/// A value in hundredths, in at most three characters.
fn hundredths(value: f64) -> String {
    let hundredths = (value * 100.0).round();
    if !hundredths.is_finite() {
        return "?".to_owned();
    }
    format!("{:.0}", hundredths.clamp(-99.0, 100.0) + 0.0)
}

/// Which of several levels a share belongs to; only what is nearly nothing is level 0.
fn level(share: f64, levels: usize) -> usize {
    if share < 0.04 {
        return 0;
    }
    #[expect(clippy::cast_precision_loss, reason = "a handful of levels")]
    let scaled = 1.0 + share * (levels - 1) as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and the number of levels")]
    let level = scaled.floor() as usize;
    level.min(levels - 1)
}

fn ramp(share: f64) -> (u8, u8, u8) {
    #[expect(clippy::cast_precision_loss, reason = "a handful of stops")]
    let place = share * (CIVIDIS.len() - 1) as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place on the ramp")]
    let lower = (place.floor() as usize).min(CIVIDIS.len() - 2);
    #[expect(clippy::cast_precision_loss, reason = "a place on the ramp")]
    let part = place - lower as f64;
    let (from, to) = (CIVIDIS[lower], CIVIDIS[lower + 1]);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between two bytes")]
    let mix = |from: u8, to: u8| (f64::from(from) + part * (f64::from(to) - f64::from(from))).round() as u8;
    (mix(from.0, to.0), mix(from.1, to.1), mix(from.2, to.2))
}

fn luminance(red: u8, green: u8, blue: u8) -> f64 {
    (0.2126 * f64::from(red) + 0.7152 * f64::from(green) + 0.0722 * f64::from(blue)) / 255.0
}

/// The nearest of the 6 × 6 × 6 cube or of the grays.
pub(super) fn indexed(red: u8, green: u8, blue: u8) -> u8 {
    const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let distance = |one: (u8, u8, u8)| {
        let square = |from: u8, to: u8| (i32::from(from) - i32::from(to)).pow(2);
        square(one.0, red) + square(one.1, green) + square(one.2, blue)
    };
    let cube = (0..216_u8).map(|place| {
        let step = |divisor: u8| STEPS[usize::from(place / divisor % 6)];
        (16 + place, (step(36), step(6), step(1)))
    });
    let grays = (0..24_u8).map(|place| (232 + place, (8 + 10 * place, 8 + 10 * place, 8 + 10 * place)));
    cube.chain(grays).min_by_key(|(_, color)| distance(*color)).map_or(16, |(number, _)| number)
}

#[cfg(test)]
mod tests {
    use super::{CIVIDIS, Depth, Glyphs, Theme, heat_cell, luminance, ramp};
    use ratatui::style::Color;

    #[test]
    fn lightness_only_rises_along_the_ramp() {
        let light = |share: f64| {
            let (red, green, blue) = ramp(share);
            luminance(red, green, blue)
        };
        let shares: Vec<f64> = (0..=100).map(|step| f64::from(step) / 100.0).collect();
        assert!(shares.windows(2).all(|pair| light(pair[0]) <= light(pair[1])));
        assert_eq!(ramp(1.0), CIVIDIS[8]);
    }

    #[test]
    fn shades_only_get_denser_and_have_no_color_without_colors() {
        for ascii in [false, true] {
            let glyphs = Glyphs::new(ascii);
            let mut last = 0;
            for step in 0..=100 {
                let share = f64::from(step) / 100.0;
                let cell = heat_cell(Theme::new(Depth::None), glyphs, share, share, 1);
                let place = glyphs.shades().iter().position(|shade| *shade == cell.content).expect("a shade");
                assert!(place >= last);
                assert_eq!((cell.style.fg, cell.style.bg), (None::<Color>, None));
                last = place;
            }
            assert_eq!(last, glyphs.shades().len() - 1);
        }
    }

    #[test]
    fn what_is_below_zero_looks_like_nothing_else() {
        let glyphs = Glyphs::new(false);
        for depth in [Depth::None, Depth::Sixteen, Depth::Indexed, Depth::True] {
            let cell = |value: f64, width| heat_cell(Theme::new(depth), glyphs, value, value, width);
            for width in [1, 2, 3, 6] {
                let below = cell(-0.3, width);
                assert_eq!(crate::looks::width(&below.content), width, "{depth:?}");
                for step in 0..=20 {
                    let other = cell(f64::from(step) / 20.0, width);
                    let (one, other) = ((below.content.trim(), below.style), (other.content.trim(), other.style));
                    assert_ne!(one, other, "{depth:?} {step}");
                }
            }
            assert_eq!(cell(-0.3, 4).content.trim(), "-30");
            assert_eq!(cell(-0.001, 1), cell(0.0, 1), "nearly nothing");
        }
    }
}
