//! The difference of two models by layer: what one says more of each answer than the other, and how much more its weights
//! moved.

use crate::looks::{Paper, difference_cell, fit_left, probability, shorten, signed, window_start};
use crate::state::{Of, Seen};
use locus_protocol::LayerRow;
use ratatui::text::Span;
use serde_json::{Value, json};

/// One number of a layer's row.
type Number = fn(&LayerRow) -> Option<f64>;

/// What is compared, by its header.
const COLUMNS: [(&str, Number); 2] =
    [("p(new)", |row| Some(row.probability_new)), ("p(true)", |row| Some(row.probability_true))];

/// Columns of a number.
const CELL: usize = 9;

/// The rows of both models, empty where nothing is known.
struct Pair<'a> {
    mine: &'a [LayerRow],
    other: &'a [LayerRow],
}

impl<'a> Pair<'a> {
    fn new(seen: &Seen<'a>, against: Of) -> Self {
        Self { mine: rows(seen, seen.view().of), other: rows(seen, against) }
    }

    /// By layer: the number of the model that is shown, and how much larger it is than that of the other.
    fn at(&self, layer: usize, number: Number) -> (Option<f64>, Option<f64>) {
        let of = |rows: &[LayerRow]| rows.iter().find(|row| row.layer == layer).and_then(number);
        let (mine, other) = (of(self.mine), of(self.other));
        (mine, mine.zip(other).map(|(mine, other)| mine - other))
    }
}

/// What is known of each layer of a model.
fn rows<'a>(seen: &Seen<'a>, of: Of) -> &'a [LayerRow] {
    let rows = match (seen.edit(of), of) {
        (Some(edit), _) if !edit.rows.is_empty() => Some(&edit.rows[..]),
        (_, Of::AsItIs) => {
            let prediction = seen.all().prediction().filter(|_| seen.fact() == seen.all().fact());
            prediction.map(|prediction| &prediction.rows[..])
        }
        (_, Of::Unedited) => seen.unedited_rows(),
        (_, Of::Without(_)) => seen.left_out(of).map(|seen| &seen.rows[..]),
        (_, Of::Variant(_)) => None,
    };
    rows.unwrap_or_default()
}

/// Draws the table of differences.
pub fn draw(seen: &Seen<'_>, against: Of, paper: &mut Paper<'_>) {
    let theme = seen.theme();
    let layers = seen.layers();
    let text = format!(" {} minus {}", seen.words(seen.view().of), seen.words(against));
    paper.line(Span::styled(shorten(&text, paper.width(), seen.glyphs()), theme.heading()));
    let pair = Pair::new(seen, against);
    let missing = [(seen.view().of, pair.mine), (against, pair.other)].into_iter().find(|(_, rows)| rows.is_empty());
    if let Some((of, _)) = missing {
        let text = format!(" nothing is known of {} for this fact", seen.model(of));
        paper.line(Span::styled(shorten(&text, paper.width(), seen.glyphs()), theme.warn()));
        return;
    }
    // the differences first: what has no room is what else is known of the model
    let delta = seen.glyphs().delta();
    let differences = COLUMNS.iter().map(|(name, _)| fit_left(&format!("{delta}{name}"), CELL, seen.glyphs()));
    let room = paper.width().saturating_sub(7 + COLUMNS.len() * CELL) / CELL;
    let values = COLUMNS.iter().take(room).map(|(name, _)| format!("{name:>CELL$}"));
    let header = format!("{:>7}", "layer") + &differences.chain(values).collect::<String>();
    paper.line(Span::styled(shorten(&header, paper.width(), seen.glyphs()), theme.heading()));
    let largest = (0..layers)
        .flat_map(|layer| COLUMNS.map(|(_, number)| pair.at(layer, number).1))
        .flatten()
        .map(f64::abs)
        .filter(|value| value.is_finite())
        .fold(1e-9, f64::max);
    let rows = paper.left().min(layers);
    let first = window_start(seen.layer(), rows, layers);
    for layer in first..first + rows {
        let under_cursor = layer == seen.layer();
        let mark = if under_cursor { ">" } else { " " };
        let is_marked = under_cursor || seen.is_selected(layer, seen.layer());
        let style = if is_marked { theme.selected() } else { theme.text() };
        let mut spans = vec![Span::styled(format!("{mark}{layer:>5} "), style)];
        let missing = || seen.glyphs().missing().to_owned();
        for (_, number) in COLUMNS {
            spans.push(Span::raw(" "));
            spans.push(match pair.at(layer, number).1 {
                Some(value) => difference_cell(theme, seen.glyphs(), &signed(value), value / largest, CELL - 1),
                None => Span::styled(fit_left(&missing(), CELL - 1, seen.glyphs()), theme.muted()),
            });
        }
        for (_, number) in COLUMNS.into_iter().take(room) {
            let text = pair.at(layer, number).0.map_or_else(missing, probability);
            spans.push(Span::styled(fit_left(&text, CELL, seen.glyphs()), style));
        }
        paper.line(spans);
    }
}

/// The difference in a column at a layer, where there is one.
pub fn number(seen: &Seen<'_>, against: Of, column: &str, layer: usize) -> Option<f64> {
    let (_, number) = COLUMNS.into_iter().find(|(name, _)| *name == column)?;
    Pair::new(seen, against).at(layer, number).1
}

/// The columns that a table of layers has for differences, and a row of them.
pub fn table<'a>(seen: &Seen<'a>, against: Of) -> (Vec<String>, impl Fn(usize) -> Vec<Value> + use<'a>) {
    let pair = Pair::new(seen, against);
    let columns = COLUMNS.iter().map(|(name, _)| format!("difference_of_{name}")).collect();
    (columns, move |layer| COLUMNS.iter().map(|(_, number)| json!(pair.at(layer, *number).1)).collect())
}
