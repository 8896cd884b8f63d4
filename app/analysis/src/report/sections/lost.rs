//! Regret: the headline.

use super::super::figures;
use super::super::number::{percent, slug};
use super::super::table::{Content, Row, Table};
use super::{Section, sources};
use crate::analysis::{Analysis, PanelResults};
use crate::regret::{Regret, RuleRegret};
use crate::unavailable::Computed;
use crate::words::many;

/// Verdicts, then the table and the figures of each panel.
pub fn section(analysis: &Analysis) -> Section {
    let verdicts = analysis.panels.iter().flat_map(|panel| panel.localizers.iter().map(move |own| (panel, own)));
    let said = |(panel, own): (&PanelResults, &crate::analysis::LocalizerResults)| match &own.verdict {
        Ok(verdict) => verdict.sentence.clone(),
        Err(reason) => format!("{}, {}: no verdict, {reason}.", panel.title(), own.name),
    };
    let computed = analysis.panels.iter().filter_map(|panel| Some((panel, panel.regret.as_ref().ok()?)));
    let figures = |(panel, regret)| [figures::forest(panel, regret), figures::curve(panel, regret)];
    Section {
        id: "regret",
        title: "What it costs to pick the layer by a rule",
        text: verdicts.map(said).collect(),
        lead: true,
        tables: computed.clone().map(|(panel, regret)| table(analysis, panel, regret)).collect(),
        figures: computed.flat_map(figures).flatten().collect(),
        code: None,
    }
}

fn table(analysis: &Analysis, panel: &PanelResults, regret: &Regret) -> Table {
    let shown = |share: &Computed<f64>| Content::computed(share, |share| percent(*share).into());
    let row = |own: &RuleRegret| {
        let usual = own.usual().map(|place| format!("{} ({})", regret.layers[place], percent(own.picks[place])));
        let paired = own.against_fixed.as_ref();
        Row::new(vec![
            own.rule.name().into(),
            Content::count(own.facts),
            Content::computed(&own.score, |score| Content::number(*score, 3)),
            Content::interval(&own.regret, 3),
            shown(&own.best),
            usual.map_or(Content::Empty, Content::from),
            paired.map_or(Content::Empty, |paired| Content::interval(&paired.loss, 3)),
            paired.map_or(Content::Empty, |paired| shown(&paired.better)),
            paired.map_or(Content::Empty, |paired| shown(&paired.worse)),
        ])
    };
    let mut notes = vec![
        format!(
            "Regret: {} at each fact's own best layer ({:.3} on average) less that at the layer picked. Loss: the score at \
                 one fixed layer, chosen on all other facts, less that at the layer picked, on the same facts. Intervals \
                 by resampling facts. A tie between layers counts in parts.",
            panel.score, regret.best
        ),
        sources(analysis),
        format!("{}: {}.", panel.score, panel.score_definition),
        format!("{}.", regret.counts.sentence()),
    ];
    notes.extend(panel.localizers.iter().map(|own| format!("{}: {}.", own.name, own.definition)));
    let layers: Vec<String> = regret.layers.iter().map(usize::to_string).collect();
    notes.push(format!("Picked from {}: {}.", many(layers.len(), "layer"), layers.join(", ")));
    Table {
        id: format!("regret-{}", slug(&panel.title())),
        title: format!("Regret: {}", panel.title()),
        columns: vec![
            "layer picked by",
            "facts",
            "score",
            "regret",
            "best layer",
            "usual layer",
            "loss",
            "better",
            "worse",
        ],
        words: 1,
        rows: regret.rules.iter().map(row).collect(),
        notes,
    }
}
