//! The map itself: tokens by layers, the value under the cursor, the scale.

use super::{Drawn, TracePane};
use crate::looks::{
    Paper, continued, difference_cell, fit, fit_left, heat_cell, heat_legend, preview_cell, probability, signed,
    token_text, width, window_start,
};
use crate::state::{Seen, TraceView};
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};

/// Shares of the scale below zero that are shown as such.
const BELOW_ZERO: f64 = 0.04;

/// The greatest value of the scale.
fn scale_end(own: &TracePane, view: &TraceView) -> f64 {
    let full = view.full_effect();
    if own.full_scale {
        return full;
    }
    // In tenths of full restoration, so that the colors of a filling map do not change with every row.
    let greatest = view.greatest_shown().unwrap_or(full);
    let tenths = (greatest / full * 10.0).ceil().clamp(1.0, 10.0);
    full * tenths / 10.0
}

pub(super) fn draw_map(own: &TracePane, state: &Seen<'_>, drawn: Drawn<'_>, paper: &mut Paper<'_>, rows: usize) {
    let view = drawn.view;
    let started = &view.started;
    let names: Vec<String> = started
        .tokens
        .iter()
        .map(|token| format!("{}{}", if token.subject { "*" } else { " " }, token_text(&token.text, state.glyphs())))
        .collect();
    let longest = names.iter().map(|name| width(name)).max().unwrap_or(0);
    let label = (longest + 2).min(18).min(paper.width() / 3);
    let room = paper.width().saturating_sub(label);
    let cell = (room / started.layers.max(1)).clamp(1, 8);
    let columns = (room / cell).min(started.layers);
    let first_layer = window_start(state.layer(), columns, started.layers);
    let cursor = own.cursor_token(state, view);
    let hidden_layers = columns < started.layers;
    let token_rows = rows.saturating_sub(1 + usize::from(hidden_layers));
    let hidden_tokens = token_rows < names.len();
    let token_rows = token_rows.saturating_sub(usize::from(hidden_tokens));
    let height = (token_rows / names.len().max(1)).clamp(1, (cell / 2).max(1));
    paper.line(layer_names(state, label, first_layer, columns, cell));
    let end = if drawn.other.is_some() { drawn.largest() } else { scale_end(own, view) };
    let first_token = window_start(cursor, token_rows, names.len());
    for (token, name) in names.iter().enumerate().skip(first_token).take(token_rows) {
        let mark = if token == cursor { ">" } else { " " };
        let style = if token == cursor { state.theme().heading() } else { state.theme().text() };
        let mut spans = vec![Span::styled(fit(&format!("{mark}{name}"), label, state.glyphs()), style)];
        let mut shares = Vec::with_capacity(columns);
        for layer in first_layer..first_layer + columns {
            let mut span = match drawn.value(token, layer) {
                Some(difference) if drawn.other.is_some() => {
                    let text = difference_text(state, difference, difference / end, cell);
                    difference_cell(state.theme(), state.glyphs(), &text, difference / end, cell)
                }
                None if view.undefined.is_some() => plain_cell(state, view.score(token, layer), cell),
                Some(effect) => heat_cell(state.theme(), state.glyphs(), effect, effect / end, cell),
                None => match view.previewed(token, layer).filter(|_| drawn.other.is_none()) {
                    Some(effect) => preview_cell(state.theme(), state.glyphs(), effect, effect / end, cell),
                    None => {
                        Span::styled(fit_left(state.glyphs().missing(), cell, state.glyphs()), state.theme().muted())
                    }
                },
            };
            let effect = drawn.value(token, layer).or_else(|| view.previewed(token, layer));
            let shaded = drawn.other.is_none() && view.undefined.is_none();
            shares.push(effect.filter(|_| shaded).map(|effect| effect / end));
            if token == cursor && layer == state.layer() {
                span.style = span.style.add_modifier(Modifier::REVERSED);
            }
            spans.push(span);
        }
        // where there is room a row is as tall as its cells are wide
        let below = |(span, share): (&Span<'_>, _)| continued(state.theme(), state.glyphs(), span, share);
        let more: Vec<Span<'static>> = spans[1..].iter().zip(shares).map(below).collect();
        paper.line(spans);
        for _ in 1..height {
            let label = Span::raw(" ".repeat(label));
            paper.line(std::iter::once(label).chain(more.iter().cloned()).collect::<Vec<_>>());
        }
    }
    for _ in (names.len() * height).min(token_rows)..token_rows {
        paper.line("");
    }
    if hidden_tokens {
        let last = (first_token + token_rows).min(names.len()).saturating_sub(1);
        let text = format!(" tokens {first_token} to {last} of {}; up and down show the others", names.len());
        paper.line(Span::styled(text, state.theme().warn()));
    }
    if hidden_layers {
        let last = (first_layer + columns).saturating_sub(1);
        let text = format!(" layers {first_layer} to {last} of {}; left and right show the others", started.layers);
        paper.line(Span::styled(text, state.theme().warn()));
    }
}

/// A difference in a cell: in hundredths, or its sign where there is room for no more.
fn difference_text(seen: &Seen<'_>, difference: f64, share: f64, cells: usize) -> String {
    match cells {
        4.. => format!("{:+.0}", difference * 100.0),
        _ if share >= 0.04 => "+".to_owned(),
        _ if share <= -0.04 => "-".to_owned(),
        _ => seen.glyphs().dot().to_owned(),
    }
}

/// A cell without an effect: the probability in hundredths where there is room for it, and no place on any scale.
fn plain_cell(state: &Seen<'_>, score: Option<f64>, cells: usize) -> Span<'static> {
    let text = match score {
        Some(score) if cells >= 3 => format!("{:.0}", score * 100.0),
        _ => state.glyphs().missing().to_owned(),
    };
    Span::styled(fit_left(&text, cells, state.glyphs()), state.theme().muted())
}

/// Numbers of the layers above their columns, as many as there is room for; the one under the cursor always.
fn layer_names(state: &Seen<'_>, label: usize, first: usize, columns: usize, cell: usize) -> Line<'static> {
    let stride = match cell {
        3.. => 1,
        2 => 2,
        _ => 4,
    };
    let mut text = vec![' '; columns * cell];
    let mut write = |layer: usize| {
        let name: Vec<char> = layer.to_string().chars().collect();
        // Wide cells show their numbers at the right, so that they stand above the values.
        let end = ((layer - first + 1) * cell).max(name.len());
        let start = if cell >= 3 { end - name.len() } else { (layer - first) * cell };
        for (offset, character) in name.into_iter().enumerate() {
            if let Some(place) = text.get_mut(start + offset) {
                *place = character;
            }
        }
    };
    for layer in (first..first + columns).filter(|layer| layer % stride == 0) {
        write(layer);
    }
    let text: String = text.into_iter().collect();
    let place = state.layer().checked_sub(first).filter(|place| *place < columns);
    let Some(place) = place else {
        return Line::from(vec![Span::raw(" ".repeat(label)), Span::styled(text, state.theme().muted())]);
    };
    let split = |range: std::ops::Range<usize>| text.chars().skip(range.start).take(range.len()).collect::<String>();
    let total = columns * cell;
    let mut under = split(place * cell..(place + 1) * cell);
    if under.trim().is_empty() {
        under = fit(if state.glyphs().is_ascii() { "v" } else { "▾" }, cell, state.glyphs());
    }
    Line::from(vec![
        Span::raw(fit(" layer", label, state.glyphs())),
        Span::styled(split(0..place * cell), state.theme().muted()),
        Span::styled(under, state.theme().heading().add_modifier(Modifier::REVERSED)),
        Span::styled(split((place + 1) * cell..total), state.theme().muted()),
    ])
}

pub(super) fn cursor_line(own: &TracePane, state: &Seen<'_>, drawn: Drawn<'_>) -> Line<'static> {
    let view = drawn.view;
    let token = own.cursor_token(state, view);
    let name = view.started.tokens.get(token).map_or(String::new(), |token| token_text(&token.text, state.glyphs()));
    let place = format!(" layer {}, token {token} {name}: ", state.layer());
    let values = match (view.score(token, state.layer()), view.effect(token, state.layer())) {
        (Some(_), Some(effect)) if drawn.other.is_some() => {
            let other = drawn.value(token, state.layer()).map(|difference| effect - difference);
            let (text, difference) = match other {
                Some(other) => (signed(other), signed(effect - other)),
                None => (state.glyphs().missing().to_owned(), state.glyphs().missing().to_owned()),
            };
            format!("effect {} against {text}, difference {difference}", signed(effect))
        }
        (Some(score), Some(effect)) => {
            let what = if view.started.order.intervention.is_ablation() { "left" } else { "restored" };
            format!("{what} {}, effect {}", probability(score), signed(effect))
        }
        (Some(score), None) => format!("p {}, effect undefined", probability(score)),
        _ if view.undefined.is_some() => "effect undefined".to_owned(),
        _ => match view.previewed(token, state.layer()) {
            Some(effect) => format!("effect about {} (first order)", signed(effect)),
            None => "not traced yet".to_owned(),
        },
    };
    Line::from(vec![Span::raw(place), Span::styled(values, state.theme().heading())])
}

pub(super) fn scale_line(own: &TracePane, state: &Seen<'_>, drawn: Drawn<'_>) -> Line<'static> {
    let view = drawn.view;
    if drawn.other.is_some() {
        let end = drawn.largest();
        let cell = |share: f64| {
            let text = difference_text(state, share * end, share, 1);
            difference_cell(state.theme(), state.glyphs(), &text, share, 1)
        };
        let mut spans = vec![Span::styled(format!(" {} ", signed(-end)), state.theme().muted())];
        spans.extend([-1.0, -0.66, -0.33, 0.0, 0.33, 0.66, 1.0].map(cell));
        spans.push(Span::styled(format!(" {}, in hundredths", signed(end)), state.theme().muted()));
        return Line::from(spans);
    }
    if view.undefined.is_some() {
        let done = view.started.order.intervention.title();
        let text = format!(" no scale: p with the state {done}, in hundredths");
        return Line::styled(text, state.theme().muted());
    }
    let end = scale_end(own, view);
    let least = view.least_shown().map(|least| (least, least / end)).filter(|(_, share)| *share <= -BELOW_ZERO);
    let mut spans = vec![Span::styled(" effect ", state.theme().muted())];
    if let Some((least, share)) = least {
        spans.push(Span::styled(format!("{} ", signed(least)), state.theme().muted()));
        spans.push(heat_cell(state.theme(), state.glyphs(), 0.0, share, 1));
        spans.push(Span::raw(" "));
    }
    spans.push(Span::styled("0 ", state.theme().muted()));
    spans.extend(heat_legend(state.theme(), state.glyphs()));
    spans.push(Span::styled(format!(" {}", signed(end)), state.theme().muted()));
    let full = view.full_effect();
    let all = if view.started.order.intervention.is_ablation() { "all of it" } else { "full restoration" };
    let key = state.keymap().first_key("trace", "trace-scale");
    let text = match (end < full - 1e-9, own.full_scale) {
        (true, _) => format!("; {all} would be {} ({key} scales to it)", signed(full)),
        (false, false) => format!(", {all}"),
        (false, true) => format!(", {all} ({key} scales to the greatest)"),
    };
    spans.push(Span::styled(text, state.theme().muted()));
    Line::from(spans)
}
