//! A figure as points: the SVG drawn at twice its size on white. The letters come from a font inside of the program, so that
//! they are there, and the same, on a machine without fonts.

use super::svg::FONT;
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};
use std::sync::{Arc, LazyLock};

/// Latin, Greek and Cyrillic letters, punctuation and signs of DejaVu Sans; its license lies beside it.
const LETTERS: &[u8] = include_bytes!("../../data/font/DejaVuSans-subset.ttf");
/// Points for each pixel of the SVG.
const SCALE: f32 = 2.0;

/// Why a figure is no picture.
#[derive(Debug, thiserror::Error)]
pub enum Undrawn {
    #[error("the SVG cannot be read: {0}")]
    Svg(#[from] resvg::usvg::Error),
    #[error("a picture of {width} by {height} points cannot be made")]
    Size { width: u32, height: u32 },
    #[error("the points cannot be written: {0}")]
    Points(String),
}

/// The fonts: what is inside of the program, and with it those of the machine.
static INSIDE: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| Arc::new(with_letters(fontdb::Database::new())));
static WITH_MACHINE: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = with_letters(fontdb::Database::new());
    fonts.load_system_fonts();
    Arc::new(fonts)
});

fn with_letters(mut fonts: fontdb::Database) -> fontdb::Database {
    fonts.load_font_data(LETTERS.to_vec());
    fonts.set_sans_serif_family(FONT);
    fonts
}

/// Whether the font inside of the program has all letters. Others (Chinese, for one) are looked for on the machine.
fn has_letters(text: &str) -> bool {
    let has = |letter: char| {
        letter.is_ascii()
            || matches!(letter as u32, 0xa0..=0x17f | 0x370..=0x3ff | 0x400..=0x45f | 0x2010..=0x2026 | 0x2190..=0x2193)
            || "−≠≤≥∞".contains(letter)
    };
    text.chars().all(has)
}

/// The SVG as PNG, two points for each of its pixels, on the white that it brings with it.
///
/// # Errors
///
/// Where it is no SVG, or there is no room for the picture.
pub fn render(svg: &str) -> Result<Vec<u8>, Undrawn> {
    let fonts = if has_letters(svg) { &INSIDE } else { &WITH_MACHINE };
    let options = Options { font_family: FONT.to_owned(), fontdb: Arc::clone(fonts), ..Options::default() };
    let tree = Tree::from_str(svg, &options)?;
    let size = tree.size().to_int_size();
    let (width, height) = (size.width() * SCALE as u32, size.height() * SCALE as u32);
    let mut points = Pixmap::new(width, height).ok_or(Undrawn::Size { width, height })?;
    resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut points.as_mut());
    points.encode_png().map_err(|error| Undrawn::Points(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::super::svg::{Anchor, Drawing};
    use super::*;

    fn dark_points(text: &str) -> usize {
        let mut drawing = Drawing::new(100.0, 30.0);
        drawing.words((5.0, 20.0), Anchor::Start, text, "");
        let picture = Pixmap::decode_png(&render(&drawing.finish("words")).expect("a picture")).expect("PNG");
        assert_eq!((picture.width(), picture.height()), (200, 60));
        assert!(picture.pixels().iter().all(|point| point.alpha() == 255), "nothing shines through");
        picture.pixels().iter().filter(|point| point.red() < 128).count()
    }

    /// The fonts of the machine are not asked, so that this holds on a machine without any.
    #[test]
    fn letters_are_drawn_with_the_font_inside_of_the_program() {
        assert_eq!(dark_points(" "), 0);
        assert!(dark_points("regret: R² ≤ 0.05 – ρ…") > 300);
        assert!(has_letters("Größe × 2 – ρ…") && !has_letters("方法"));
        assert_eq!(INSIDE.len(), 1);
    }

    #[test]
    fn what_is_no_svg_is_refused_in_a_sentence() {
        assert!(render("no").expect_err("no SVG").to_string().contains("the SVG cannot be read"));
    }
}
