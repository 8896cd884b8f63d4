//! Layer by layer: what edits reach there, and what localizers say.

use super::super::figures;
use super::super::number::{percent, slug};
use super::super::table::{Content, Row, Table};
use super::{Section, sources};
use crate::analysis::{Analysis, LocalizerResults, PanelResults};
use crate::profile::LayerProfile;

/// A table and a figure of each localizer on each panel.
pub fn section(analysis: &Analysis) -> Section {
    let all = || analysis.panels.iter().flat_map(|panel| panel.localizers.iter().map(move |own| (panel, own)));
    let there = || all().filter(|(_, own)| !own.profile.is_empty());
    Section {
        id: "layers",
        title: "Layer by layer",
        text: vec![format!(
            "Scores above {} are at the ceiling: where most are, no localizer can do better than another.",
            analysis.settings.ceiling
        )],
        lead: false,
        tables: there().map(|(panel, own)| table(analysis, panel, own)).collect(),
        figures: there().filter_map(|(panel, own)| figures::layers(panel, own)).collect(),
        code: None,
    }
}

fn table(analysis: &Analysis, panel: &PanelResults, localizer: &LocalizerResults) -> Table {
    let row = |own: &LayerProfile| {
        Row::new(vec![
            Content::count(own.layer),
            Content::count(own.facts),
            Content::number(own.score, 3),
            percent(own.at_ceiling).into(),
            Content::number(own.effect, 3),
            percent(own.peaks).into(),
        ])
    };
    Table {
        id: format!("layers-{}-{}", slug(&panel.title()), slug(&localizer.name)),
        title: format!("By layer: {}, {}", panel.title(), localizer.name),
        columns: vec!["layer", "facts", "mean score", "at ceiling", "mean effect", "largest effect here"],
        words: 0,
        rows: localizer.profile.iter().map(row).collect(),
        notes: vec![
            sources(analysis),
            format!("{}: {}.", panel.score, panel.score_definition),
            format!("{}: {}.", localizer.name, localizer.definition),
            format!("{}.", localizer.counts.sentence()),
        ],
    }
}
