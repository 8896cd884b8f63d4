//! What each localizer loses against one fixed layer, for every method and objective.

use super::super::lines::in_lines;
use super::super::number::slug;
use super::super::svg::{Anchor, Drawing, Figure, Scale};
use super::axes::{LINE, across, name};
use crate::analysis::PanelResults;
use crate::verdict::{Verdict, Worth};

/// Localizers beside each other at most.
const BESIDE: usize = 5;
const NAMES: f64 = 290.0;
/// Letters of a name in a line.
const LETTERS: usize = 39;
const WIDTH: f64 = 1080.0;

/// All panels of one score: a row each, and a column for each localizer, with the verdict's interval and color.
pub fn loss(score: &str, panels: &[&PanelResults], margin: f64) -> Option<Figure> {
    let mut names: Vec<&str> = Vec::new();
    for own in panels.iter().flat_map(|panel| &panel.localizers) {
        if own.verdict.is_ok() && !names.contains(&own.name.as_str()) {
            names.push(&own.name);
        }
    }
    let verdict = |panel: &PanelResults, name: &str| -> Option<Verdict> {
        panel.localizers.iter().find(|own| own.name == name)?.verdict.clone().ok()
    };
    let rows: Vec<&PanelResults> =
        panels.iter().copied().filter(|panel| panel.localizers.iter().any(|own| own.verdict.is_ok())).collect();
    if rows.is_empty() {
        return None;
    }
    let intervals = rows.iter().flat_map(|panel| names.iter().filter_map(|name| Some(verdict(panel, name)?.loss)));
    let ends: Vec<f64> = intervals.flat_map(|own| [own.low, own.high, own.estimate]).collect();
    let scale = Scale::new(ends.into_iter().chain([0.0, margin, -margin]), 0.0, 1.0);
    let bands: Vec<&[&str]> = names.chunks(names.len().div_ceil(names.len().div_ceil(BESIDE)).max(1)).collect();
    let of_row = |panel: &PanelResults| {
        format!("{}, window {}, {}", panel.method, panel.window, crate::words::spoken(&panel.objective))
    };
    let step = if rows.iter().all(|panel| of_row(panel).chars().count() <= LETTERS) { 22.0 } else { 32.0 };
    let (head, tall) = (2.0 * LINE + 14.0, step * rows.len() as f64);
    let band = head + tall + 50.0;
    let height = band * bands.len() as f64 + 34.0;
    let mut drawing = Drawing::new(WIDTH, height);
    for (number, names) in bands.iter().enumerate() {
        let top = band * number as f64 + head;
        for (place, panel) in rows.iter().enumerate() {
            name(&mut drawing, (NAMES - 16.0, top + step * (place as f64 + 0.5)), &of_row(panel), LETTERS);
        }
        let room = (WIDTH - NAMES) / names.len().max(2) as f64;
        for (place, localizer) in names.iter().enumerate() {
            let left = NAMES + room * place as f64;
            let x = scale.between(left, left + room - 24.0);
            drawing.room((x.held(-margin), top), (x.held(margin), top + tall));
            across(&mut drawing, x, if room > 250.0 { 5.0 } else { 4.0 }, top, top + tall);
            drawing.line((x.at(0.0), top), (x.at(0.0), top + tall), "axis");
            let title = in_lines(localizer, (room / 7.6) as usize, 2);
            for (line, words) in title.iter().enumerate() {
                let y = top - 10.0 - LINE * (title.len() - 1 - line) as f64;
                drawing.words((left + room / 2.0 - 12.0, y), Anchor::Middle, words, "");
            }
            for (row, panel) in rows.iter().enumerate() {
                let y = top + step * (row as f64 + 0.5);
                if let Some(own) = verdict(panel, localizer) {
                    let class = series(own.worth);
                    drawing.line((x.at(own.loss.low), y), (x.at(own.loss.high), y), &format!("thin {class}"));
                    drawing.dot((x.at(own.loss.estimate), y), class);
                }
            }
        }
        let middle = NAMES + (WIDTH - NAMES) / 2.0 - 12.0;
        let axis = format!("loss against one fixed layer ({score}); left of 0 the localizer does better");
        drawing.words((middle, top + tall + 40.0), Anchor::Middle, &axis, "soft");
    }
    let mut x = 16.0;
    for (worth, said) in [
        (Worth::Loses, "loses"),
        (Worth::Same, "does as well"),
        (Worth::Gains, "gains"),
        (Worth::Undecided, "may be better or worse"),
    ] {
        drawing.dot((x, height - 14.0), series(worth));
        drawing.words((x + 10.0, height - 10.0), Anchor::Start, said, "soft");
        x += 40.0 + 7.2 * said.len() as f64;
    }
    drawing.words((x, height - 10.0), Anchor::Start, &format!("gray room: within the margin of {margin}"), "soft");
    let title = format!("Loss by {score}: picking the layer by a localizer against one fixed layer");
    Some(Figure { id: format!("loss-{}", slug(score)), svg: drawing.finish(&title), title })
}

fn series(worth: Worth) -> &'static str {
    match worth {
        Worth::Loses => "s1",
        Worth::Gains => "s2",
        Worth::Same => "s0",
        Worth::Undecided => "s3",
    }
}
