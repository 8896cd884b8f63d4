//! What picking the layer by a localizer is worth: the sentence, the other localizers, the other methods.

use super::choice::{Chosen, method_text, spoken};
use super::page::{Cell, Page};
use super::words::{interval, percent, remedy};
use super::{AnalysisPane, notes};
use locus_analysis::Analysis;
use locus_analysis::analysis::LocalizerResults;
use locus_analysis::verdict::Worth;
use ratatui::style::Style;

/// Cells of a loss with its interval.
const LOSS: usize = 23;
/// Cells of a number of facts.
const FACTS: usize = 6;
/// Cells of a verdict.
const WORTH: usize = 25;

/// How a localizer does, in a few words.
#[must_use]
pub const fn worth_text(worth: Worth) -> &'static str {
    match worth {
        Worth::Loses => "loses",
        Worth::Gains => "gains",
        Worth::Same => "does as well",
        Worth::Undecided => "may be better or worse",
    }
}

pub fn write(pane: &AnalysisPane, analysis: &Analysis, chosen: Chosen<'_>, page: &mut Page<'_>) {
    let Some((_, own)) = chosen.localizer else { return pane.no_localizer(page) };
    let theme = page.state.theme();
    match &own.verdict {
        Ok(verdict) => page.text(&verdict.sentence, theme.heading()),
        Err(reason) => {
            page.text(&format!("no verdict on {}: {reason}", own.name), theme.warn());
            if let Some(remedy) = remedy(reason, pane.goes_on(), &pane.again(page.state)) {
                page.note(&remedy);
            }
        }
    }
    if let Some(rows) = pane.analyzed.as_ref().map(|analyzed| analyzed.rows.len()).filter(|rows| *rows < pane.all) {
        let text =
            format!("so far: these are {rows} of the sweep's {} rows, and what is missing may change it", pane.all);
        page.text(&text, theme.warn());
    }
    page.gap();
    let loss = format!("loss [{}]", percent(analysis.settings.confidence));
    let columns = [
        Cell::Word(" layer picked by".to_owned(), names(page)),
        Cell::Word(" against one fixed layer".to_owned(), WORTH),
        Cell::Number(loss, LOSS),
        Cell::Number("n".to_owned(), FACTS),
    ];
    page.row(&columns, theme.heading());
    for localizer in &chosen.panel.localizers {
        row(page, &localizer.name, localizer, std::ptr::eq(localizer, own));
    }
    let others = analysis
        .panels
        .iter()
        .enumerate()
        .filter(|(place, panel)| *place != chosen.place && panel.score == chosen.panel.score);
    let others: Vec<_> = others
        .filter_map(|(_, panel)| Some((panel, panel.localizers.iter().find(|other| other.name == own.name)?)))
        .collect();
    if !others.is_empty() {
        page.gap();
        page.heading(&format!("{} with the other methods and objectives", own.name));
        let one_objective = others.iter().all(|(panel, _)| panel.objective == chosen.panel.objective);
        for (panel, other) in others {
            let method = method_text(&(panel.method.clone(), panel.window));
            let objective = if one_objective { String::new() } else { format!(", {}", spoken(&panel.objective)) };
            row(page, &format!("{method}{objective}"), other, false);
        }
    }
    page.gap();
    page.note(&format!(
        "loss (below 0: a gain): {} at one fixed layer, chosen on all other facts, less that at the layer where the localizer is largest for \
         the fact; the interval is from resampling facts; a loss within {} counts as none",
        spoken(&chosen.panel.score),
        analysis.settings.margin
    ));
    notes::regret(chosen.panel, page);
    notes::sources(analysis, page);
    let others = chosen.panel.localizers.iter().filter(|other| !std::ptr::eq(*other, own));
    for sentence in others.filter_map(|other| Some(&other.verdict.as_ref().ok()?.sentence)) {
        page.gap();
        page.text(sentence, theme.text());
    }
    page.gap();
    page.note(&format!(
        "locus analyze {} writes a report with all tables, figures and digits",
        pane.folder.as_ref().map_or_else(|| "DIR".to_owned(), |folder| folder.display().to_string())
    ));
}

/// Cells of a name.
fn names(page: &Page<'_>) -> usize {
    page.width.saturating_sub(WORTH + LOSS + FACTS + 1).clamp(14, 60)
}

fn row(page: &mut Page<'_>, name: &str, own: &LocalizerResults, is_chosen: bool) {
    let theme = page.state.theme();
    let mark = if is_chosen { ">" } else { " " };
    let names = names(page);
    let name = Cell::Word(format!(" {mark} {name}"), names);
    match &own.verdict {
        Ok(verdict) => {
            let style = match verdict.worth {
                Worth::Loses => theme.warn(),
                Worth::Gains => theme.good(),
                Worth::Same | Worth::Undecided => Style::new(),
            };
            let cells = [
                name,
                Cell::Word(format!(" {}", worth_text(verdict.worth)), WORTH),
                Cell::Number(interval(&verdict.loss), LOSS),
                Cell::Number(verdict.facts.to_string(), FACTS),
            ];
            page.row(&cells, style);
        }
        Err(reason) => {
            let rest = page.width.saturating_sub(names);
            page.row(&[name, Cell::Word(format!(" - {reason}"), rest)], theme.muted());
        }
    }
}
