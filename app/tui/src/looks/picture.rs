//! A drawn screen as a picture: SVG that needs nothing but a monospace font.
//!
//! Text stays text. Frames, bars and shades are drawn as rectangles, so that they meet whatever font there is.

use super::width;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use std::fmt::Write as _;

/// A cell, in units of the picture. Monospace fonts are six tenths of their size wide.
const CELL: (f64, f64) = (9.0, 18.0);
const FONT_SIZE: f64 = 15.0;
/// Where letters stand within a cell.
const BASELINE: f64 = 13.5;
/// Pixels around the screen on each side.
const MARGIN: f64 = 10.0;

const BACKGROUND: Rgb = (22, 27, 34);
const FOREGROUND: Rgb = (208, 215, 222);
/// The sixteen colors, each legible on the background but for black.
const PALETTE: [Rgb; 16] = [
    (13, 17, 23),
    (255, 123, 114),
    (63, 185, 80),
    (210, 153, 34),
    (88, 166, 255),
    (188, 140, 255),
    (57, 197, 207),
    (177, 186, 196),
    (110, 118, 129),
    (255, 161, 152),
    (86, 211, 100),
    (227, 179, 65),
    (121, 192, 255),
    (210, 168, 255),
    (86, 212, 221),
    (240, 246, 252),
];

type Rgb = (u8, u8, u8);

/// Letters that share a style.
#[derive(Clone, Copy, PartialEq)]
struct Ink {
    color: Rgb,
    bold: bool,
    italic: bool,
    dim: bool,
}

/// Letters side by side.
struct Run {
    x: f64,
    cells: usize,
    text: String,
    ink: Ink,
}

/// A filled rectangle of the picture, in pixels.
#[derive(Clone, Copy)]
struct Block {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
    color: Rgb,
    opacity: f64,
}

/// The picture of a screen, as one self-contained SVG file.
#[must_use]
pub fn picture(screen: &Buffer) -> String {
    let (columns, rows) = (screen.area.width, screen.area.height);
    let (wide, high) = (f64::from(columns) * CELL.0 + 2.0 * MARGIN, f64::from(rows) * CELL.1 + 2.0 * MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{wide}\" height=\"{high}\" viewBox=\"0 0 {wide} {high}\" \
         role=\"img\">\n<title>Locus in a terminal of {columns} by {rows} cells</title>\n\
         <rect width=\"{wide}\" height=\"{high}\" rx=\"6\" fill=\"{}\"/>\n",
        hex(BACKGROUND)
    );
    let (mut blocks, mut runs) = (String::new(), String::new());
    for (row, cells) in screen.content.chunks(usize::from(columns).max(1)).enumerate() {
        #[expect(clippy::cast_precision_loss, reason = "a row of a screen")]
        let y = MARGIN + row as f64 * CELL.1;
        let line = Line::of(cells);
        line.blocks.iter().for_each(|block| write_block(&mut blocks, block, y));
        line.runs.iter().for_each(|run| write_run(&mut runs, run, y));
    }
    let _ = writeln!(svg, "<g shape-rendering=\"crispEdges\">\n{blocks}</g>");
    let _ = writeln!(
        svg,
        "<g font-family=\"'DejaVu Sans Mono', Menlo, Consolas, monospace\" \
         font-size=\"{FONT_SIZE}\" xml:space=\"preserve\">\n{runs}</g>\n</svg>"
    );
    svg
}

/// One row of the screen.
#[derive(Default)]
struct Line {
    blocks: Vec<Block>,
    runs: Vec<Run>,
}

impl Line {
    fn of(cells: &[Cell]) -> Self {
        let mut line = Self::default();
        let mut x = MARGIN;
        let mut covered = 0;
        for cell in cells {
            // The right half of a wide character belongs to it.
            if covered > 0 {
                covered -= 1;
            } else {
                let wide = width(cell.symbol()).max(1);
                covered = wide - 1;
                line.add(cell, x, wide);
            }
            x += CELL.0;
        }
        line
    }

    fn add(&mut self, cell: &Cell, x: f64, cells: usize) {
        let modifier = cell.modifier;
        let (mut color, mut ground) = (rgb(cell.fg), rgb(cell.bg));
        if modifier.contains(Modifier::REVERSED) {
            (color, ground) = (Some(ground.unwrap_or(BACKGROUND)), Some(color.unwrap_or(FOREGROUND)));
        }
        let color = color.unwrap_or(FOREGROUND);
        #[expect(clippy::cast_precision_loss, reason = "one or two cells")]
        let across = cells as f64 * CELL.0;
        if let Some(ground) = ground {
            self.fill(Block { x, y: 0.0, width: across, height: CELL.1, color: ground, opacity: 1.0 });
        }
        if modifier.contains(Modifier::UNDERLINED) {
            self.fill(Block { x, y: CELL.1 - 2.0, width: across, height: 1.0, color, opacity: 1.0 });
        }
        if modifier.contains(Modifier::HIDDEN) || cell.symbol().trim().is_empty() {
            return;
        }
        let dim = modifier.contains(Modifier::DIM);
        if let Some(shapes) = shapes(cell.symbol()) {
            for (left, top, wide, high, opacity) in shapes {
                let opacity = if dim { opacity * DIM } else { opacity };
                self.fill(Block { x: x + left, y: top, width: wide, height: high, color, opacity });
            }
            return;
        }
        let (bold, italic) = (modifier.contains(Modifier::BOLD), modifier.contains(Modifier::ITALIC));
        self.write(cell.symbol(), x, cells, Ink { color, bold, italic, dim });
    }

    /// Fills a rectangle; one that continues its neighbor makes that longer.
    fn fill(&mut self, block: Block) {
        let continues = |left: &&mut Block| {
            (left.x + left.width, left.y, left.height, left.color, left.opacity)
                == (block.x, block.y, block.height, block.color, block.opacity)
        };
        match self.blocks.iter_mut().rev().find(continues) {
            Some(left) => left.width += block.width,
            None => self.blocks.push(block),
        }
    }

    /// Writes a symbol, together with what stands before it where only one blank is between them.
    fn write(&mut self, symbol: &str, x: f64, cells: usize, ink: Ink) {
        if let Some(run) = self.runs.last_mut()
            && run.ink == ink
            && cells == 1
            && run.text.chars().count() == run.cells
        {
            #[expect(clippy::cast_precision_loss, reason = "cells of a row")]
            let gap = x - (run.x + run.cells as f64 * CELL.0);
            if gap <= CELL.0 {
                if gap > 0.0 {
                    run.text.push(' ');
                    run.cells += 1;
                }
                run.text.push_str(symbol);
                run.cells += 1;
                return;
            }
        }
        self.runs.push(Run { x, cells, text: symbol.to_owned(), ink });
    }
}

/// How much of its color dim text keeps.
const DIM: f64 = 0.65;

fn write_block(svg: &mut String, block: &Block, top: f64) {
    let Block { x, y, width, height, color, opacity } = *block;
    let _ =
        write!(svg, "<rect x=\"{x}\" y=\"{}\" width=\"{width}\" height=\"{height}\" fill=\"{}\"", top + y, hex(color));
    if opacity < 1.0 {
        let _ = write!(svg, " fill-opacity=\"{opacity:.2}\"");
    }
    svg.push_str("/>\n");
}

fn write_run(svg: &mut String, run: &Run, top: f64) {
    #[expect(clippy::cast_precision_loss, reason = "cells of a row")]
    let length = run.cells as f64 * CELL.0;
    let _ = write!(
        svg,
        "<text x=\"{}\" y=\"{}\" textLength=\"{length}\" lengthAdjust=\"spacingAndGlyphs\" fill=\"{}\"",
        run.x,
        top + BASELINE,
        hex(run.ink.color)
    );
    if run.ink.bold {
        svg.push_str(" font-weight=\"bold\"");
    }
    if run.ink.italic {
        svg.push_str(" font-style=\"italic\"");
    }
    if run.ink.dim {
        let _ = write!(svg, " fill-opacity=\"{DIM}\"");
    }
    let _ = writeln!(svg, ">{}</text>", escaped(&run.text));
}

/// A text between tags: what XML cannot hold becomes the replacement character.
fn escaped(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => written.push_str("&amp;"),
            '<' => written.push_str("&lt;"),
            '>' => written.push_str("&gt;"),
            character if character.is_control() || matches!(character, '\u{fffe}' | '\u{ffff}') => {
                written.push(char::REPLACEMENT_CHARACTER);
            }
            character => written.push(character),
        }
    }
    written
}

/// A rectangle within a cell: left, top, width, height, opacity.
type Shape = (f64, f64, f64, f64, f64);

/// Rectangles that a frame, bar or shade consists of.
fn shapes(symbol: &str) -> Option<Vec<Shape>> {
    /// Light and heavy lines by the sides of the cell that they reach: left, right, up, down.
    const LINES: [(&str, &str, [bool; 4]); 11] = [
        ("─", "━", [true, true, false, false]),
        ("│", "┃", [false, false, true, true]),
        ("┌", "┏", [false, true, false, true]),
        ("┐", "┓", [true, false, false, true]),
        ("└", "┗", [false, true, true, false]),
        ("┘", "┛", [true, false, true, false]),
        ("├", "┣", [false, true, true, true]),
        ("┤", "┫", [true, false, true, true]),
        ("┬", "┳", [true, true, false, true]),
        ("┴", "┻", [true, true, true, false]),
        ("┼", "╋", [true, true, true, true]),
    ];
    let (wide, high) = CELL;
    let found = LINES.iter().find(|(light, heavy, _)| [*light, *heavy].contains(&symbol));
    if let Some((light, _, [left, right, up, down])) = found {
        let (x, y, thick) = if *light == symbol { (4.0, 9.0, 1.0) } else { (3.0, 8.0, 3.0) };
        let (from, to) = (if *left { 0.0 } else { x }, if *right { wide } else { x + thick });
        let (top, bottom) = (if *up { 0.0 } else { y }, if *down { high } else { y + thick });
        let mut lines = Vec::new();
        if *left || *right {
            lines.push((from, y, to - from, thick, 1.0));
        }
        if *up || *down {
            lines.push((x, top, thick, bottom - top, 1.0));
        }
        return Some(lines);
    }
    let part = |eighths: u32| high * f64::from(eighths) / 8.0;
    let mut characters = symbol.chars();
    let block = match (characters.next()?, characters.next()) {
        (character @ '\u{2581}'..='\u{2588}', None) => {
            let height = part(u32::from(character) - 0x2580);
            (0.0, high - height, wide, height, 1.0)
        }
        ('░', None) => (0.0, 0.0, wide, high, 0.25),
        ('▒', None) => (0.0, 0.0, wide, high, 0.5),
        ('▓', None) => (0.0, 0.0, wide, high, 0.75),
        _ => return None,
    };
    Some(vec![block])
}

/// A color of a cell; none where it is the terminal's own.
fn rgb(color: Color) -> Option<Rgb> {
    let named = |number: usize| PALETTE.get(number).copied();
    match color {
        Color::Reset => None,
        Color::Black => named(0),
        Color::Red => named(1),
        Color::Green => named(2),
        Color::Yellow => named(3),
        Color::Blue => named(4),
        Color::Magenta => named(5),
        Color::Cyan => named(6),
        Color::Gray => named(7),
        Color::DarkGray => named(8),
        Color::LightRed => named(9),
        Color::LightGreen => named(10),
        Color::LightYellow => named(11),
        Color::LightBlue => named(12),
        Color::LightMagenta => named(13),
        Color::LightCyan => named(14),
        Color::White => named(15),
        Color::Indexed(number @ 0..16) => named(usize::from(number)),
        Color::Indexed(number @ 16..232) => {
            let step = |divisor: u8| match (number - 16) / divisor % 6 {
                0 => 0,
                step => 55 + 40 * step,
            };
            Some((step(36), step(6), step(1)))
        }
        Color::Indexed(number) => {
            let gray = 8 + 10 * (number - 232);
            Some((gray, gray, gray))
        }
        Color::Rgb(red, green, blue) => Some((red, green, blue)),
    }
}

fn hex((red, green, blue): Rgb) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}
