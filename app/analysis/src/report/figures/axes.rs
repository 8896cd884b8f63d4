//! What figures have in common: axes, legends, and names in lines.

use super::super::lines::in_lines;
use super::super::number::fixed;
use super::super::svg::{Anchor, Drawing, Scale};

/// Pixels between two lines of words.
pub const LINE: f64 = 15.0;

/// Series have one of five colors; after five they are dashed.
pub fn series(number: usize) -> &'static str {
    ["s0", "s1", "s2", "s3", "s4", "dashed s0", "dashed s1", "dashed s2", "dashed s3", "dashed s4"][number % 10]
}

/// Lines and numbers of an axis from left to right.
pub fn across(drawing: &mut Drawing, scale: Scale, ticks: f64, top: f64, bottom: f64) {
    let (ticks, digits) = scale.ticks(ticks);
    for tick in ticks {
        let x = scale.at(tick);
        drawing.line((x, top), (x, bottom), "rule");
        drawing.words((x, bottom + 18.0), Anchor::Middle, &fixed(tick, digits), "soft");
    }
}

/// Lines, numbers and name of an axis upwards.
pub fn upwards(drawing: &mut Drawing, scale: Scale, (left, right): (f64, f64), middle: f64, name: &str) {
    let (ticks, digits) = scale.ticks(5.0);
    for tick in ticks {
        let y = scale.at(tick);
        drawing.line((left, y), (right, y), "rule");
        drawing.words((left - 8.0, y + 4.0), Anchor::End, &fixed(tick, digits), "soft");
    }
    drawing.upright((14.0, middle), name, "soft");
}

/// The layers below an axis, as many as there is room for.
pub fn layer_numbers(drawing: &mut Drawing, layers: &[usize], x: Scale, bottom: f64) {
    let mut last = f64::NEG_INFINITY;
    for layer in layers {
        let at = x.at(*layer as f64);
        if at - last >= 24.0 {
            drawing.words((at, bottom + 18.0), Anchor::Middle, &layer.to_string(), "soft");
            last = at;
        }
    }
}

/// A series with its name beside the drawing; returns where the next one stands.
pub fn legend(drawing: &mut Drawing, (x, y): (f64, f64), name: &str, class: &str, letters: usize) -> f64 {
    drawing.line((x, y), (x + 22.0, y), &format!("thin {class}"));
    let lines = in_lines(name, letters, 3);
    for (number, line) in lines.iter().enumerate() {
        drawing.words((x + 29.0, y + 4.0 + LINE * number as f64), Anchor::Start, line, "");
    }
    y + LINE * lines.len() as f64 + 8.0
}

/// A name that ends at a point, in lines around it.
pub fn name(drawing: &mut Drawing, (x, y): (f64, f64), text: &str, letters: usize) {
    let lines = in_lines(text, letters, 2);
    let first = y + 4.0 - LINE * (lines.len() as f64 - 1.0) / 2.0;
    for (number, line) in lines.iter().enumerate() {
        drawing.words((x, first + LINE * number as f64), Anchor::End, line, "");
    }
}
