//! The regressions of Hase et al. (2023) beside the rows that they published.

use super::choice::Chosen;
use super::page::{Cell, Page};
use super::words::{fixed, p, remedy};
use super::{AnalysisPane, notes};
use locus_analysis::Analysis;
use locus_analysis::analysis::LocalizerResults;
use locus_analysis::paper::{MODEL, PaperRow};
use locus_analysis::published::Published;
use locus_analysis::unavailable::Computed;
use ratatui::style::Style;

/// Cells of a share of the variance.
const SHARE: usize = 7;
/// Cells of F with its degrees of freedom.
const F: usize = 17;
/// Cells of a probability.
const P: usize = 8;
/// Cells of a corrected probability.
const HOLM: usize = 10;
/// Cells of an error.
const ERROR: usize = 12;
/// Cells of the number of facts.
const FACTS: usize = 5;
/// A page as wide has the corrected probabilities and the errors.
const WIDE: usize = 108;

pub fn write(pane: &AnalysisPane, analysis: &Analysis, chosen: Chosen<'_>, page: &mut Page<'_>) {
    let Some((_, own)) = chosen.localizer else { return pane.no_localizer(page) };
    let r_squared = page.state.glyphs().r_squared();
    page.text("rows treated as independent, as in the paper (Hase et al. 2023)", page.state.theme().warn());
    head(page, &format!("{r_squared}, all facts, by"));
    for localizer in &chosen.panel.localizers {
        row(page, &localizer.name, localizer.published.as_ref().map_err(Clone::clone), Some(localizer), own);
        if let Some(paper) = localizer.paper {
            quoted(page, paper);
        }
    }
    if let Err(reason) = &own.published
        && let Some(remedy) = remedy(reason, pane.goes_on(), &pane.again(page.state))
    {
        page.note(&remedy);
    }
    page.gap();
    head(page, "concentrated traces");
    for localizer in &chosen.panel.localizers {
        let published = localizer.concentrated.as_ref().map(|own| &own.published).map_err(Clone::clone);
        row(page, &localizer.name, published, None, own);
        if let Some(paper) = localizer.paper_concentrated {
            quoted(page, paper);
        }
    }
    dashes(own, page);
    page.gap();
    page.heading(&format!("correlation of score and effect at each layer: {}", own.name));
    let columns = [("layer", 7), ("r", SHARE), ("t (df)", F), ("p", P), ("n", FACTS)];
    let cells = columns.map(|(name, cells)| Cell::Number(name.to_owned(), cells));
    page.row(&cells, page.state.theme().heading());
    for at in &own.correlations {
        match &at.correlation {
            Ok(own) => {
                let texts = [
                    (at.layer.to_string(), 7),
                    (fixed(own.r, 3), SHARE),
                    (format!("{} ({})", fixed(own.t, 2), own.freedom), F),
                    (p(own.p), P),
                    (at.facts.to_string(), FACTS),
                ];
                page.row(&texts.map(|(text, cells)| Cell::Number(text, cells)), Style::new());
            }
            Err(reason) => {
                let rest = page.width.saturating_sub(7);
                let cells = [Cell::Number(at.layer.to_string(), 7), Cell::Word(format!(" - {reason}"), rest)];
                page.row(&cells, page.state.theme().muted());
            }
        }
    }
    page.gap();
    page.note(&format!(
        "layer, effect, both: the share of the score's variance that a regression on the layer, on the effect, or on both with \
         their interaction explains; diff.: both less layer, with its F test; concentrated: at most three \
         layers besides the largest reach half of it. {}",
        paper_text(own)
    ));
    notes::rows(chosen.panel, own, page);
    notes::sources(analysis, page);
}

/// Why numbers of the chosen localizer are dashes.
fn dashes(own: &LocalizerResults, page: &mut Page<'_>) {
    let concentrated = own.concentrated.as_ref().ok().map(|own| &own.published);
    for (of, published) in [("all facts", own.published.as_ref().ok()), ("concentrated traces", concentrated)] {
        let Some(published) = published else { continue };
        if let Err(reason) = &published.trace {
            page.note(&format!("no share of the effect ({of}): {reason}"));
        }
        if let Err(reason) = &published.test {
            page.note(&format!("no F test ({of}): {reason}"));
        }
    }
}

/// Whether the paper has something to compare with.
fn paper_text(own: &LocalizerResults) -> String {
    match own.paper.or(own.paper_concentrated) {
        Some(_) => format!("Rows that begin with {MODEL} are the paper's."),
        None => "The paper has no row for this method, objective, score and localizer.".to_owned(),
    }
}

fn names(page: &Page<'_>) -> usize {
    let numbers = FACTS + 4 * SHARE + F + P + if page.width >= WIDE { HOLM + 2 * ERROR } else { 0 };
    page.width.saturating_sub(numbers + 1).clamp(12, 44)
}

fn head(page: &mut Page<'_>, title: &str) {
    let names = names(page);
    let mut cells = vec![Cell::Word(format!(" {title}"), names), Cell::Number("n".to_owned(), FACTS)];
    cells.extend(["layer", "effect", "both", "diff."].map(|name| Cell::Number(name.to_owned(), SHARE)));
    cells.push(Cell::Number("F (df)".to_owned(), F));
    cells.push(Cell::Number("p".to_owned(), P));
    if page.width >= WIDE {
        cells.push(Cell::Number("p (Holm)".to_owned(), HOLM));
        cells.extend(["RMSE layer", "RMSE effect"].map(|name| Cell::Number(name.to_owned(), ERROR)));
    }
    page.row(&cells, page.state.theme().heading());
}

/// A row of numbers, or of one reason. `corrected` is where its corrected probability is from.
fn row(
    page: &mut Page<'_>,
    name: &str,
    published: Computed<&Published>,
    corrected: Option<&LocalizerResults>,
    own: &LocalizerResults,
) {
    let names = names(page);
    let is_chosen = own.name == name;
    let mark = if is_chosen { ">" } else { " " };
    let name = Cell::Word(format!("{mark}{name}"), names);
    let published = match published {
        Ok(published) => published,
        Err(reason) => {
            let rest = page.width.saturating_sub(names + 1);
            return page.row(&[name, Cell::Word(format!(" - {reason}"), rest)], page.state.theme().muted());
        }
    };
    let test = published.test.as_ref();
    let mut cells = vec![name, Cell::Number(published.counts.facts.to_string(), FACTS)];
    let trace = published.trace.as_ref().map_or_else(|_| "-".to_owned(), |trace| fixed(*trace, 3));
    let shares = [fixed(published.layer, 3), trace, fixed(published.both, 3), fixed(published.difference, 3)];
    cells.extend(shares.map(|share| Cell::Number(share, SHARE)));
    match test {
        Ok(test) => {
            let f = format!("{} ({}, {})", fixed(test.f, 2), test.first_freedom, test.second_freedom);
            cells.extend([Cell::Number(f, F), Cell::Number(p(test.p), P)]);
        }
        Err(_) => cells.extend([Cell::Number("-".to_owned(), F), Cell::Number("-".to_owned(), P)]),
    }
    if page.width >= WIDE {
        let holm = corrected.and_then(|own| own.holm.published).map(p).unwrap_or_default();
        cells.push(Cell::Number(holm, HOLM));
        let of_effect = published.trace_errors.as_ref();
        let of_effect = of_effect.map_or_else(|_| "-".to_owned(), |errors| fixed(errors.root_mean_square, 3));
        let of_layer = fixed(published.layer_errors.root_mean_square, 3);
        cells.extend([of_layer, of_effect].map(|error| Cell::Number(error, ERROR)));
    }
    page.row(&cells, if is_chosen { page.state.theme().accent() } else { Style::new() });
}

/// A row of the paper.
fn quoted(page: &mut Page<'_>, paper: &PaperRow) {
    let number = |value: Option<f64>| value.map_or_else(String::new, |value| fixed(value, 3));
    let mut cells = vec![
        Cell::Word(format!("   {MODEL}, table {}", paper.table), names(page)),
        Cell::Number(paper.facts.to_string(), FACTS),
    ];
    let shares = [Some(paper.layer), Some(paper.trace), Some(paper.both), paper.difference];
    cells.extend(shares.map(|share| Cell::Number(number(share), SHARE)));
    cells.push(Cell::Number(String::new(), F));
    cells.push(Cell::Number(paper.p.clone().unwrap_or_default(), P));
    page.row(&cells, page.state.theme().muted());
}
