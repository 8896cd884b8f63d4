//! The section "As published": the regressions of Hase et al. (2023).

use super::super::number::{fixed, slug};
use super::super::table::{Content, Row, Table};
use super::{Group, Section, by_score_and_localizer, named};
use crate::analysis::{Analysis, PanelResults};
use crate::paper::{self, PaperRow};
use crate::published::Published;
use crate::report::Part;
use crate::unavailable::Computed;
use crate::words::spoken;

const LABEL: &str = "Rows treated as independent, as in the paper.";

/// The published regressions on this sweep, beside the published rows.
pub fn section(analysis: &Analysis) -> Section {
    let fill = |group: &Group, part: &mut Part| {
        part.tables = vec![explained(analysis, group), concentrated(analysis, group)];
        let mut by_layer = Part::new(format!("Correlation by layer: {}", group.title()), true);
        by_layer.tables.push(correlations(analysis, group));
        part.parts.push(by_layer);
    };
    Section {
        id: "published",
        title: "As published",
        text: vec![
            "The regressions of Hase et al. (2023), over facts and layers: how much of the score's variance is \
             explained by the layer, by the effect alone, and by both with their interaction. Rows are treated as \
             independent, as in the paper, although those of one fact are not; the previous section does not assume \
             that. Rows in italics are the paper's, for GPT-J."
                .to_owned(),
        ],
        lead: false,
        tables: Vec::new(),
        figures: Vec::new(),
        parts: by_score_and_localizer(analysis, fill),
        code: None,
    }
}

/// Method, window, objective: how each row of a group begins.
fn begins(panel: &PanelResults) -> Vec<Content> {
    vec![panel.method.as_str().into(), panel.window.to_string().into(), spoken(&panel.objective).into()]
}

fn numbers(published: &Published) -> Vec<Content> {
    let test = |of: fn(&crate::published::FTest) -> Content| Content::computed(&published.test, of);
    vec![
        Content::count(published.counts.facts),
        Content::number(published.layer, 3),
        Content::computed(&published.trace, |trace| Content::number(*trace, 3)),
        Content::number(published.both, 3),
        Content::number(published.difference, 3),
        test(|test| format!("{} ({}, {})", fixed(test.f, 2), test.first_freedom, test.second_freedom).into()),
        test(|test| Content::p(test.p)),
    ]
}

fn quoted(panel: &PanelResults, row: &PaperRow, columns: usize) -> Row {
    let mut cells = begins(panel);
    cells[0] = format!("{}, published", paper::MODEL).into();
    cells.extend([
        Content::count(row.facts),
        Content::number(row.layer, 3),
        Content::number(row.trace, 3),
        Content::number(row.both, 3),
        row.difference.map_or(Content::Empty, |difference| Content::number(difference, 3)),
        Content::Empty,
        row.p.as_deref().map_or(Content::Empty, Content::from),
    ]);
    cells.resize(columns, Content::Empty);
    Row::quoted(cells)
}

/// A row of numbers, or of one reason.
fn row(
    panel: &PanelResults,
    published: Computed<&Published>,
    further: impl Fn(&Published) -> Vec<Content>,
    columns: usize,
) -> Row {
    let mut cells = begins(panel);
    match published {
        Ok(published) => cells.extend(numbers(published).into_iter().chain(further(published))),
        Err(reason) => cells.resize(columns, Content::Missing(reason.to_string())),
    }
    Row::new(cells)
}

fn explained(analysis: &Analysis, group: &Group) -> Table {
    let columns = vec![
        "method",
        "window",
        "objective",
        "facts",
        "R² layer",
        "R² effect",
        "R² both",
        "difference",
        "F (df)",
        "p",
        "p (Holm)",
        "RMSE layer",
        "RMSE effect",
        "MAE layer",
        "MAE effect",
    ];
    let mut rows = Vec::new();
    for (panel, own) in &group.members {
        let further = |published: &Published| {
            let effect = |of: fn(&crate::published::Errors) -> f64| {
                Content::computed(&published.trace_errors, |errors| Content::number(of(errors), 3))
            };
            let layer = published.layer_errors;
            vec![
                Content::p_or_empty(own.holm.published),
                Content::number(layer.root_mean_square, 3),
                effect(|errors| errors.root_mean_square),
                Content::number(layer.mean_absolute, 3),
                effect(|errors| errors.mean_absolute),
            ]
        };
        rows.push(row(panel, own.published.as_ref().map_err(Clone::clone), further, columns.len()));
        rows.extend(own.paper.map(|paper| quoted(panel, paper, columns.len())));
    }
    let reading = format!(
        "{LABEL} R²: the share of the score's variance that layer, effect, or both with their interaction explain; \
         difference: what the effect adds to the layer, with its F test. RMSE and MAE: errors of the regression. {}",
        group.counts()
    );
    Table {
        id: format!("published-{}", slug(&group.title())),
        title: format!("As published: {}", group.title()),
        columns: named(&columns),
        words: 3,
        rows,
        reading: vec![reading],
        notes: group.notes(analysis),
    }
}

fn concentrated(analysis: &Analysis, group: &Group) -> Table {
    let columns =
        vec!["method", "window", "objective", "facts", "R² layer", "R² effect", "R² both", "difference", "F (df)", "p"];
    let mut rows = Vec::new();
    let mut all_layers = true;
    for (panel, own) in &group.members {
        let published = own.concentrated.as_ref().map_err(Clone::clone);
        all_layers &= published.as_ref().map_or(true, |own| own.all_layers);
        rows.push(row(panel, published.map(|own| &own.published), |_| Vec::new(), columns.len()));
        rows.extend(own.paper_concentrated.map(|paper| quoted(panel, paper, columns.len())));
    }
    let layers = if all_layers { "all layers of the model" } else { "the edited layers" };
    let reading = format!(
        "The same over facts where at most three layers besides the largest reach half of the largest effect, among \
         {layers}. {LABEL} Of {}",
        group.counts()
    );
    Table {
        id: format!("concentrated-{}", slug(&group.title())),
        title: format!("As published, facts with a concentrated trace: {}", group.title()),
        columns: named(&columns),
        words: 3,
        rows,
        reading: vec![reading],
        notes: group.notes(analysis),
    }
}

fn correlations(analysis: &Analysis, group: &Group) -> Table {
    let mut rows = Vec::new();
    for (panel, own) in &group.members {
        rows.extend(own.correlations.iter().map(|at| correlation(panel, at)));
    }
    let reading = format!(
        "Pearson's correlation of score and effect over facts, at each layer separately: are facts with a larger \
         effect there edited better there? {}",
        group.counts()
    );
    Table {
        id: format!("correlation-{}", slug(&group.title())),
        title: format!("Correlation by layer: {}", group.title()),
        columns: named(&["method", "window", "objective", "layer", "facts", "r", "t (df)", "p"]),
        words: 3,
        rows,
        reading: vec![reading],
        notes: group.notes(analysis),
    }
}

fn correlation(panel: &PanelResults, at: &crate::correlation::AtLayer) -> Row {
    let mut cells = begins(panel);
    let show = |of: fn(&crate::correlation::Correlation) -> Content| Content::computed(&at.correlation, of);
    cells.extend([
        Content::count(at.layer),
        Content::count(at.facts),
        show(|own| Content::number(own.r, 3)),
        show(|own| format!("{} ({})", fixed(own.t, 2), own.freedom).into()),
        show(|own| Content::p(own.p)),
    ]);
    Row::new(cells)
}
