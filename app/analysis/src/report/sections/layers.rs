//! Layer by layer: what edits reach there, and what localizers say.

use super::super::figures;
use super::super::number::{percent, slug};
use super::super::table::{Content, Row, Table};
use super::{Section, named, scores, sources};
use crate::analysis::{Analysis, LocalizerResults, PanelResults};
use crate::profile::LayerProfile;
use crate::report::Part;

/// A part for each score, and in it a figure and tables of each panel.
pub fn section(analysis: &Analysis) -> Section {
    let of_panel = |panel: &PanelResults| {
        let there: Vec<&LocalizerResults> = panel.localizers.iter().filter(|own| !own.profile.is_empty()).collect();
        let mut part = Part::new(format!("By layer: {}", panel.title()), true);
        part.figures.extend(figures::layers(panel));
        // localizers that are there for the same facts share a table
        let is_same = |pair: &[&LocalizerResults]| {
            let facts = |own: &LocalizerResults| own.profile.iter().map(|at| (at.layer, at.facts)).collect::<Vec<_>>();
            pair[0].counts == pair[1].counts && facts(pair[0]) == facts(pair[1])
        };
        if there.windows(2).all(is_same) {
            part.tables.extend((!there.is_empty()).then(|| table(analysis, panel, &there)));
        } else {
            part.tables.extend(there.iter().map(|own| table(analysis, panel, &[*own])));
        }
        part
    };
    let of_score = |(number, (score, panels)): (usize, (&str, Vec<&PanelResults>))| {
        let mut part = Part::new(score, number > 0);
        part.parts = panels.into_iter().map(of_panel).collect();
        part
    };
    Section {
        id: "layers",
        title: "Layer by layer",
        text: vec![format!(
            "Scores above {} are at the ceiling: where most are, no localizer can do better than another.",
            super::fixed(analysis.settings.ceiling, 2)
        )],
        lead: false,
        tables: Vec::new(),
        figures: Vec::new(),
        parts: scores(analysis).into_iter().enumerate().map(of_score).collect(),
        code: None,
    }
}

/// One row per layer: the score, then what each localizer says.
fn table(analysis: &Analysis, panel: &PanelResults, localizers: &[&LocalizerResults]) -> Table {
    let first = localizers.first().map(|own| own.profile.as_slice()).unwrap_or_default();
    let mut columns = named(&["layer", "facts", "mean score", "at ceiling"]);
    for own in localizers {
        columns.extend([format!("mean effect: {}", own.name), format!("largest here: {}", own.name)]);
    }
    let row = |(place, at): (usize, &LayerProfile)| {
        let mut cells = vec![
            Content::count(at.layer),
            Content::count(at.facts),
            Content::number(at.score, 3),
            percent(at.at_ceiling).into(),
        ];
        for own in localizers.iter().map(|own| &own.profile[place]) {
            cells.extend([Content::number(own.effect, 3), percent(own.peaks).into()]);
        }
        Row::new(cells)
    };
    let names: Vec<&str> = localizers.iter().map(|own| own.name.as_str()).collect();
    let counts = localizers.first().map(|own| own.counts.sentence()).unwrap_or_default();
    let mut notes = vec![sources(analysis), format!("{}: {}.", panel.score, panel.score_definition)];
    notes.extend(localizers.iter().map(|own| format!("{}: {}.", own.name, own.definition)));
    Table {
        id: format!("layers-{}-{}", slug(&panel.title()), slug(&names.join(" "))),
        title: format!("By layer: {}", panel.title()),
        columns,
        words: 1,
        rows: first.iter().enumerate().map(row).collect(),
        reading: vec![format!(
            "Means over facts at each layer of the edit. Largest here: the share of facts for which the localizer is \
             largest at the layer. {counts}."
        )],
        notes,
    }
}
