//! What each rule that picks a layer loses: a table with bars, and the regret of a fixed layer by the number of facts.

use super::choice::{Chosen, spoken};
use super::page::{Cell, Page};
use super::words::{fixed, interval, percent, remedy};
use super::{AnalysisPane, notes};
use crate::looks::{Curve, Paper, Window, draw_curves, printable, shorten, width};
use crate::state::State;
use locus_analysis::Analysis;
use locus_analysis::regret::{Regret, Rule, RuleRegret};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// Cells of a regret with its interval.
const REGRET: usize = 21;
/// Cells of a loss with its interval.
const LOSS: usize = 24;
/// Cells of the number of facts.
const FACTS: usize = 5;
/// Cells of the layer that is picked most.
const USUAL: usize = 12;
/// A page as wide has whole names and the loss.
const WIDE: usize = 108;

/// Writes the table and what it rests on.
pub fn write(pane: &AnalysisPane, analysis: &Analysis, chosen: Chosen<'_>, page: &mut Page<'_>) {
    let regret = match &chosen.panel.regret {
        Ok(regret) => regret,
        Err(reason) => {
            page.text(&format!("no regret: {reason}"), page.state.theme().warn());
            if let Some(remedy) = remedy(reason, pane.goes_on(), &pane.again(page.state)) {
                page.note(&remedy);
            }
            return notes::sources(analysis, page);
        }
    };
    table(regret, chosen, page);
    page.gap();
    page.note(&format!(
        "others: the other facts. Regret: {} at each fact's own best layer ({} on average) less that at the layer picked; bar: its mean, line: up to \
         the end of its {} interval",
        spoken(&chosen.panel.score),
        fixed(regret.best, 3),
        percent(analysis.settings.confidence)
    ));
    if page.width >= WIDE {
        page.note("loss: the score at the layer that is best on the other facts less that at the layer picked");
    }
    if chosen.panel.localizers.is_empty() {
        pane.no_localizer(page);
    }
    notes::regret(chosen.panel, page);
    notes::sources(analysis, page);
}

fn table(regret: &Regret, chosen: Chosen<'_>, page: &mut Page<'_>) {
    let is_wide = page.width >= WIDE;
    let fixed_cells = REGRET + FACTS + USUAL + if is_wide { LOSS } else { 0 };
    let names = if is_wide { 36.max(page.width / 4) } else { 28 };
    let bar = page.width.saturating_sub(fixed_cells + names + 1).clamp(0, 60);
    let mut head = vec![
        Cell::Word(" layer picked by".to_owned(), names),
        Cell::Number("regret".to_owned(), REGRET),
        Cell::Word(String::new(), bar + 1),
        Cell::Number("n".to_owned(), FACTS),
        Cell::Number("usual layer".to_owned(), USUAL),
    ];
    if is_wide {
        head.push(Cell::Number("loss".to_owned(), LOSS));
    }
    page.row(&head, page.state.theme().heading());
    let most = regret.rules.iter().filter_map(|own| own.regret.as_ref().ok()).map(|own| own.high).fold(0.0, f64::max);
    let name = chosen.localizer.map(|(_, own)| own.name.as_str());
    for own in &regret.rules {
        let is_chosen = matches!(&own.rule, Rule::Localizer(of) | Rule::PeakOnOthers(of) if Some(of.as_str()) == name);
        row(own, regret, (names, bar, is_wide), most, is_chosen, page);
    }
}

fn row(
    own: &RuleRegret,
    regret: &Regret,
    (names, bar, is_wide): (usize, usize, bool),
    most: f64,
    is_chosen: bool,
    page: &mut Page<'_>,
) {
    let theme = page.state.theme();
    let style = if is_chosen { theme.accent() } else { Style::new() };
    let name = short(&own.rule);
    let mark = if is_chosen { ">" } else { " " };
    let name = Cell::Word(format!("{mark}{name}"), names);
    let lost = match &own.regret {
        Ok(lost) => lost,
        Err(reason) => {
            let rest = page.width.saturating_sub(names + 1);
            return page.row(&[name, Cell::Word(format!(" - {reason}"), rest)], theme.muted());
        }
    };
    let usual = own.usual().map(|place| format!("{} ({})", regret.layers[place], percent(own.picks[place])));
    let begins = page.row_text(&[name, Cell::Number(interval(lost), REGRET)]);
    let mut ends = vec![
        Cell::Number(own.facts.to_string(), FACTS),
        Cell::Number(usual.unwrap_or_else(|| "several".to_owned()), USUAL),
    ];
    if is_wide {
        let loss = own.against_fixed.as_ref().and_then(|paired| paired.loss.as_ref().ok());
        ends.push(Cell::Number(loss.map(interval).unwrap_or_default(), LOSS));
    }
    let ends = page.row_text(&ends);
    let (mean, line) = bar_text(lost.estimate, lost.high, most, bar, page.state);
    let rest = " ".repeat(bar.saturating_sub(width(&mean) + width(&line)));
    page.line(Line::from(vec![
        Span::styled(begins, style),
        Span::raw(" "),
        Span::styled(mean, theme.accent()),
        Span::styled(line, theme.muted()),
        Span::raw(rest),
        Span::styled(ends, style),
    ]));
}

/// A bar up to the mean, and a line from there to the end of the interval.
fn bar_text(mean: f64, high: f64, most: f64, cells: usize, state: &State) -> (String, String) {
    let length = |value: f64| {
        let share = if most > 0.0 { (value / most).clamp(0.0, 1.0) } else { 0.0 };
        (share * cells as f64).round() as usize
    };
    let (bar, whole) = (length(mean), length(high));
    (state.glyphs().bar().repeat(bar), state.glyphs().rule().repeat(whole.saturating_sub(bar)))
}

/// A rule in a few words.
fn short(rule: &Rule) -> String {
    match rule {
        Rule::Oracle => "each fact's own best layer".to_owned(),
        Rule::FixedOnOthers => "one layer, best on others".to_owned(),
        Rule::Random => "any layer, at random".to_owned(),
        Rule::Localizer(name) => name.clone(),
        Rule::PeakOnOthers(name) => format!("peak on others: {name}"),
    }
}

/// The curve of a fixed layer by the number of facts, and lines of what needs none.
fn curves(regret: &Regret, state: &State) -> Vec<Curve> {
    let theme = state.theme();
    let at = |of: fn(&locus_analysis::regret::CurvePoint) -> f64| -> Vec<(f64, f64)> {
        regret.curve.iter().map(|point| (point.facts as f64, of(point))).collect()
    };
    let mut curves = vec![Curve::new('F', "one fixed layer".to_owned(), theme.variant('A'), at(|point| point.regret))];
    let ends: [fn(&locus_analysis::regret::CurvePoint) -> f64; 2] = [|point| point.low, |point| point.high];
    for of in ends {
        let end = Curve::new('.', String::new(), theme.variant('A'), at(of));
        curves.push(Curve { is_dotted: true, ..end });
    }
    let (first, last) = (regret.curve.first(), regret.curve.last());
    let (Some(first), Some(last)) = (first.map(|point| point.facts as f64), last.map(|point| point.facts as f64))
    else {
        return Vec::new();
    };
    let rules = regret.rules.iter().filter_map(|own| match &own.rule {
        Rule::Localizer(name) => Some((name.clone(), own.regret.as_ref().ok()?.estimate)),
        _ => None,
    });
    for (number, (name, value)) in rules.enumerate() {
        let letter = u8::try_from(number % 26).map_or('z', |number| char::from(b'a' + number));
        let flat = vec![(first, value), (last, value)];
        curves.push(Curve::new(letter, name, theme.localizer(letter), flat));
    }
    curves
}

/// Draws the curve, with a line that says what the letters are.
pub fn draw_curve(chosen: Chosen<'_>, confidence: f64, state: &State, area: Rect, buffer: &mut Buffer) {
    let Ok(regret) = &chosen.panel.regret else { return };
    let curves = curves(regret, state);
    let Some(mut window) = Window::around(&curves, false).filter(|_| area.height > 5) else { return };
    window.y[0] = window.y[0].min(0.0);
    let mut paper = Paper::new(area, buffer);
    let confidence = percent(confidence);
    let title = format!(" regret by the facts that one fixed layer was chosen on (dots: {confidence} of choices)");
    paper.line(Span::styled(title, state.theme().heading()));
    let named: Vec<&Curve> = curves.iter().filter(|curve| curve.letter != '.').collect();
    let share = (paper.width() / named.len().max(1)).saturating_sub(2).max(3);
    let mut spans = Vec::new();
    for curve in named {
        let text = shorten(&printable(&format!("{} {}", curve.letter, curve.name)), share, state.glyphs());
        spans.push(Span::raw(if spans.is_empty() { " " } else { "  " }));
        spans.push(Span::styled(text, curve.style));
    }
    paper.line(Line::from(spans));
    let plane = paper.rest();
    draw_curves(&curves, &window, ("facts", None), (state.theme(), state.glyphs()), plane, buffer);
}
