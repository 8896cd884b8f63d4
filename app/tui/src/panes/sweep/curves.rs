//! A score by layer for each edit, with each localizer's effect drawn against it.

use super::SweepPane;
use super::gathered::SCORES;
use crate::looks::{Curve, Paper, Window, draw_curves, printable, ratio, shorten, width};
use crate::state::State;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// The curves of the edits with the chosen objective, and their names.
fn of_edits(pane: &SweepPane, state: &State) -> Vec<Curve> {
    let (Some(chosen), Some(score)) = (pane.edit(), pane.score()) else { return Vec::new() };
    let gathered = &pane.gathered;
    let edits = gathered.edits().into_iter().filter(|edit| edit.objective == chosen.objective);
    let curve = |(number, edit): (usize, _)| {
        let letter = letter(b'A', number);
        let means: Vec<_> = (0..gathered.layers())
            .filter_map(|layer| Some((place(layer), gathered.score(edit, layer, score)?)))
            .collect();
        let points = means.iter().map(|(layer, mean)| (*layer, mean.mean)).collect();
        let half_widths = means.iter().map(|(_, mean)| mean.half_width).collect();
        Curve { half_widths, ..Curve::new(letter, edit.name.clone(), state.theme().variant(letter), points) }
    };
    edits.enumerate().map(curve).filter(|curve| !curve.points.is_empty()).collect()
}

/// The effects of the localizers, and the maximum of each.
fn of_localizers(pane: &SweepPane, state: &State) -> Vec<(Curve, f64)> {
    let curve = |(number, name): (usize, &str)| {
        let letter = letter(b'a', number);
        let effects = pane.gathered.effects(name).0;
        let most = effects.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let points = effects.into_iter().enumerate().map(|(layer, effect)| (place(layer), effect)).collect();
        let curve = Curve::new(letter, name.to_owned(), state.theme().localizer(letter), points);
        (Curve { is_dotted: true, ..curve }, most)
    };
    let all = pane.gathered.localizers().into_iter().enumerate().map(curve);
    all.filter(|(curve, most)| !curve.points.is_empty() && most.is_finite()).collect()
}

/// Which score it is, and what the letters stand for.
pub fn draw_legend(pane: &SweepPane, state: &State, paper: &mut Paper<'_>) {
    let score = pane.score().map_or_else(String::new, |score| format!(" {} by layer", words(SCORES[score].0)));
    let several = pane.gathered.objectives() > 1;
    let objective = pane.edit().filter(|_| several).map_or_else(String::new, |edit| format!(", {}", edit.objective));
    let mut spans = vec![Span::styled(printable(&format!("{score}{objective}")), state.theme().heading())];
    for curve in of_edits(pane, state) {
        spans.push(Span::raw("  "));
        spans.push(Span::styled(printable(&format!("{} {}", curve.letter, curve.name)), curve.style));
    }
    paper.line(Line::from(spans));
    let localizers = of_localizers(pane, state);
    if localizers.is_empty() {
        return;
    }
    let named = |with_maximum: bool| -> Vec<String> {
        let text = |(curve, most): &(Curve, f64)| {
            let most = if with_maximum { format!(" {}", ratio(*most)) } else { String::new() };
            printable(&format!("  {} {}{most}", curve.letter, curve.name))
        };
        localizers.iter().map(text).collect()
    };
    let (long, short) = (" effects, each up to its maximum:", " effects:");
    let ways = [(long, named(true)), (long, named(false)), (short, named(false))];
    let fits = |(intro, texts): &(&str, Vec<String>)| {
        width(intro) + texts.iter().map(|text| width(text)).sum::<usize>() <= paper.width()
    };
    let (intro, texts) = ways.into_iter().find(fits).unwrap_or_else(|| {
        let share = paper.width().saturating_sub(width(short)) / localizers.len();
        (short, named(false).iter().map(|name| shorten(name, share, state.glyphs())).collect())
    });
    let mut spans = vec![Span::styled(intro, state.theme().muted())];
    spans.extend(texts.into_iter().zip(&localizers).map(|(text, (curve, _))| Span::styled(text, curve.style)));
    paper.line(Line::from(spans));
}

pub fn draw(pane: &SweepPane, state: &State, area: Rect, buffer: &mut Buffer) {
    let edits = of_edits(pane, state);
    let mut window =
        Window::around(&edits, false).unwrap_or(Window { x: [0.0, 1.0], y: [0.0, 1.0], logarithmic: false });
    window.x = [0.0, place(pane.gathered.layers().saturating_sub(1).max(1))];
    let [low, high] = window.y;
    let scaled = |(curve, most): (Curve, f64)| {
        // an effect below 0 lies at the bottom
        let share = |effect: f64| if most > 0.0 { (effect / most).max(0.0) } else { 0.0 };
        let points = curve.points.iter().map(|(layer, effect)| (*layer, low + share(*effect) * (high - low))).collect();
        Curve { points, ..curve }
    };
    let mut curves: Vec<Curve> = of_localizers(pane, state).into_iter().map(scaled).collect();
    curves.extend(edits);
    let by = ("layer", Some(pane.cursor(state)));
    draw_curves(&curves, &window, by, (state.theme(), state.glyphs()), area, buffer);
}

/// The letters from one on, again from there where there are too many.
fn letter(first: u8, number: usize) -> char {
    char::from(first + u8::try_from(number % 26).unwrap_or(0))
}

fn words(name: &str) -> String {
    name.replace(['_', '.'], " ")
}

#[expect(clippy::cast_precision_loss, reason = "a layer")]
fn place(layer: usize) -> f64 {
    layer as f64
}
