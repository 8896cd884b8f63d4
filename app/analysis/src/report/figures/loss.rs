//! What each localizer loses against one fixed layer, for every method and objective.

use super::super::lines::in_lines;
use super::super::number::slug;
use super::super::svg::{Anchor, Drawing, Figure, Scale};
use super::axes::{LINE, across, name};
use crate::analysis::PanelResults;
use crate::verdict::Worth;

/// Localizers beside each other at most.
const BESIDE: usize = 5;
const NAMES: f64 = 290.0;
/// Letters of a name in a line.
const LETTERS: usize = 39;
const WIDTH: f64 = 1080.0;

/// All panels of one score: a row each, and a column for each localizer, with the verdict's interval and color. Many
/// localizers stand in several figures.
pub fn loss(score: &str, panels: &[&PanelResults], margin: f64) -> Vec<Figure> {
    let mut names: Vec<&str> = Vec::new();
    for own in panels.iter().flat_map(|panel| &panel.localizers) {
        if own.verdict.is_ok() && !names.contains(&own.name.as_str()) {
            names.push(&own.name);
        }
    }
    if names.is_empty() {
        return Vec::new();
    }
    let has_verdict = |panel: &&PanelResults| panel.localizers.iter().any(|own| own.verdict.is_ok());
    let rows: Vec<&PanelResults> = panels.iter().copied().filter(has_verdict).collect();
    let losses =
        rows.iter().flat_map(|panel| &panel.localizers).filter_map(|own| Some(own.verdict.as_ref().ok()?.loss));
    let ends = losses.flat_map(|own| [own.low, own.high, own.estimate]).chain([0.0, margin, -margin]);
    let scale = Scale::new(ends, 0.0, 1.0);
    let figures = names.len().div_ceil(BESIDE);
    let beside = names.len().div_ceil(figures);
    let of_figure = |(number, names): (usize, &[&str])| {
        let part = if figures > 1 { format!(" ({} of {figures})", number + 1) } else { String::new() };
        let title = format!("Loss by {score}: picking the layer by a localizer against one fixed layer{part}");
        let svg = draw(score, &rows, names, beside.max(2), scale, margin).finish(&title);
        let number = if figures > 1 { format!("-{}", number + 1) } else { String::new() };
        Figure { id: format!("loss-{}{number}", slug(score)), svg, title }
    };
    names.chunks(beside).enumerate().map(of_figure).collect()
}

/// One figure, with room for so many localizers beside each other.
fn draw(score: &str, rows: &[&PanelResults], names: &[&str], beside: usize, scale: Scale, margin: f64) -> Drawing {
    let of_row = |panel: &PanelResults| {
        format!("{}, window {}, {}", panel.method, panel.window, crate::words::spoken(&panel.objective))
    };
    let step = if rows.iter().all(|panel| of_row(panel).chars().count() <= LETTERS) { 22.0 } else { 32.0 };
    let (top, tall) = (2.0 * LINE + 14.0, step * rows.len() as f64);
    let bottom = top + tall;
    let mut drawing = Drawing::new(WIDTH, bottom + 84.0);
    for (place, panel) in rows.iter().enumerate() {
        name(&mut drawing, (NAMES - 16.0, top + step * (place as f64 + 0.5)), &of_row(panel), LETTERS);
    }
    let room = (WIDTH - NAMES) / beside as f64;
    for (place, localizer) in names.iter().enumerate() {
        let left = NAMES + room * place as f64;
        let x = scale.between(left, left + room - 24.0);
        drawing.room((x.held(-margin), top), (x.held(margin), bottom));
        across(&mut drawing, x, if room > 250.0 { 5.0 } else { 4.0 }, top, bottom);
        drawing.line((x.at(0.0), top), (x.at(0.0), bottom), "axis");
        let title = in_lines(localizer, (room / 7.6) as usize, 2);
        for (line, words) in title.iter().enumerate() {
            let y = top - 10.0 - LINE * (title.len() - 1 - line) as f64;
            drawing.words((left + room / 2.0 - 12.0, y), Anchor::Middle, words, "");
        }
        for (row, panel) in rows.iter().enumerate() {
            let y = top + step * (row as f64 + 0.5);
            let own = panel.localizers.iter().find(|own| own.name == *localizer);
            if let Some(own) = own.and_then(|own| own.verdict.as_ref().ok()) {
                let class = series(own.worth);
                drawing.line((x.at(own.loss.low), y), (x.at(own.loss.high), y), &format!("thin {class}"));
                drawing.dot((x.at(own.loss.estimate), y), class);
            }
        }
    }
    let middle = NAMES + room * names.len() as f64 / 2.0 - 12.0;
    let axis = format!("loss against one fixed layer ({score}); left of 0 the localizer does better");
    drawing.words((middle.max(NAMES + 150.0), bottom + 40.0), Anchor::Middle, &axis, "soft");
    colors(&mut drawing, bottom + 70.0, margin);
    drawing
}

/// What the colors say.
fn colors(drawing: &mut Drawing, y: f64, margin: f64) {
    let mut x = 16.0;
    for (worth, said) in [
        (Worth::Loses, "loses"),
        (Worth::Same, "does as well"),
        (Worth::Gains, "gains"),
        (Worth::Undecided, "may be better or worse"),
    ] {
        drawing.dot((x, y), series(worth));
        drawing.words((x + 10.0, y + 4.0), Anchor::Start, said, "soft");
        x += 40.0 + 7.2 * said.len() as f64;
    }
    drawing.words((x, y + 4.0), Anchor::Start, &format!("gray area: within the margin of {margin}"), "soft");
}

fn series(worth: Worth) -> &'static str {
    match worth {
        Worth::Loses => "s1",
        Worth::Gains => "s2",
        Worth::Same => "s0",
        Worth::Undecided => "s3",
    }
}
