//! The columns that layers and scores share: a label, the number before, and each variant's number with its difference.

use crate::looks::{fit, fit_left};
use crate::state::{Attempt, State};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// Cells of the label.
pub(super) const LABEL: usize = 14;
/// Cells of a number.
const NUMBER: usize = 8;

/// What is known of each variant for the selected fact, and which columns there is room for.
pub(super) struct Grid<'a> {
    state: &'a State,
    /// By variant: what was tried.
    pub attempts: Vec<Option<&'a Attempt>>,
    has_before: bool,
    /// Cells of a difference; 0 for none.
    difference: usize,
}

impl<'a> Grid<'a> {
    /// The columns for a room: first the numbers before go, then the differences.
    pub fn new(state: &'a State, room: usize) -> Self {
        let variants = &state.compare.variants.list;
        let attempts = variants.iter().map(|variant| state.attempt_of(variant)).collect();
        let others = variants.len().saturating_sub(1);
        let needs = |before: usize, difference: usize| LABEL + before + variants.len() * NUMBER + others * difference;
        let choices = [(true, NUMBER), (false, NUMBER), (false, NUMBER - 1), (false, 0)];
        let fits = |&(before, difference): &(bool, usize)| needs(usize::from(before) * NUMBER, difference) <= room;
        let (has_before, difference) = choices.into_iter().find(fits).unwrap_or((false, 0));
        Self { state, attempts, has_before, difference }
    }

    /// The header: letters of the variants, and how the others differ from the baseline.
    pub fn header(&self, label: &str) -> Line<'static> {
        let (glyphs, heading) = (self.state.glyphs(), self.state.theme().heading());
        let mut spans = vec![Span::styled(fit(label, LABEL, glyphs), heading)];
        if self.has_before {
            spans.push(Span::styled(fit_left("before", NUMBER, glyphs), heading));
        }
        let variants = &self.state.compare.variants.list;
        let baseline = variants.get(self.state.compare.variants.baseline).map_or('?', |variant| variant.letter);
        for (place, variant) in variants.iter().enumerate() {
            let style = self.state.theme().variant(variant.letter);
            let is_baseline = place == self.state.compare.variants.baseline;
            let name = if is_baseline { format!("{}=", variant.letter) } else { variant.letter.to_string() };
            spans.push(Span::styled(fit_left(&name, NUMBER, glyphs), style));
            if !is_baseline && self.difference > 0 {
                let name = format!("{}-{baseline}", variant.letter);
                spans.push(Span::styled(fit_left(&name, self.difference, glyphs), style));
            }
        }
        Line::from(spans)
    }

    /// A row: the number before and each variant's, as `text` writes them; differences as `signed` does.
    pub fn row(
        &self,
        label: (String, Style),
        before: Option<f64>,
        values: &[Option<f64>],
        text: fn(f64) -> String,
        signed: fn(f64) -> String,
        selected: bool,
    ) -> Line<'static> {
        let (glyphs, theme) = (self.state.glyphs(), self.state.theme());
        let styled = |style: Style| if selected { theme.selected() } else { style };
        let cell = |value: Option<f64>, cells: usize, style: Style, text: fn(f64) -> String| match value {
            Some(value) => Span::styled(fit_left(&text(value), cells, glyphs), styled(style)),
            None => Span::styled(fit_left(glyphs.missing(), cells, glyphs), styled(theme.muted())),
        };
        let mut spans = vec![Span::styled(fit(&label.0, LABEL, glyphs), styled(label.1))];
        if self.has_before {
            spans.push(cell(before, NUMBER, theme.muted(), text));
        }
        let baseline = values.get(self.state.compare.variants.baseline).copied().flatten();
        for (place, (value, variant)) in values.iter().zip(&self.state.compare.variants.list).enumerate() {
            spans.push(cell(*value, NUMBER, theme.variant(variant.letter), text));
            if place != self.state.compare.variants.baseline && self.difference > 0 {
                let difference = value.zip(baseline).map(|(value, baseline)| value - baseline);
                spans.push(cell(difference, self.difference, theme.text(), signed));
            }
        }
        Line::from(spans)
    }
}
