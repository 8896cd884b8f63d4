//! The long table: one row per fact, layer, localizer, method, objective and score. Everything in the report can be computed
//! from it. What is the same in many rows (definitions, model, program, seeds) stands once, in [`origins`].

use crate::panel::{Cell, Fact, Localizer, Panel, Study};
use std::collections::BTreeSet;

/// A row of the long table.
#[derive(Clone, Copy, Debug)]
pub struct LongRow<'a> {
    panel: &'a Panel,
    localizer: Option<&'a Localizer>,
    place: usize,
    column: usize,
}

impl<'a> LongRow<'a> {
    /// The method, its window, the objective and the score.
    pub fn panel(&self) -> &'a Panel {
        self.panel
    }

    /// The localizer, by name; empty where the panel has none.
    pub fn localizer(&self) -> &'a str {
        self.localizer.map_or("", |own| own.name.as_str())
    }

    /// The fact, and why the filter leaves it out.
    pub fn fact(&self) -> &'a Fact {
        &self.panel.facts[self.place]
    }

    /// The layer of the edit, from 0.
    pub fn layer(&self) -> usize {
        self.panel.layers[self.column]
    }

    /// The score of the edit there.
    pub fn score(&self) -> &'a Cell {
        &self.panel.scores[self.place][self.column]
    }

    /// What the localizer says of the layer.
    pub fn effect(&self) -> &'a Cell {
        static NONE: Cell = Cell::Missing(String::new());
        self.localizer.map_or(&NONE, |own| &own.effects[self.place][self.column])
    }

    /// Why the score, or else the effect, is missing; nothing where both are there.
    pub fn missing(&self) -> &'a str {
        let reason = |cell: &'a Cell| match cell {
            Cell::Value(_) => None,
            Cell::Missing(reason) => Some(reason.as_str()),
        };
        let of_effect = || if self.localizer.is_none() { Some("no localizer") } else { reason(self.effect()) };
        reason(self.score()).or_else(of_effect).unwrap_or_default()
    }
}

/// All rows: panel by panel, localizer by localizer, fact by fact. A panel without localizers has its scores alone.
pub fn rows(study: &Study) -> impl Iterator<Item = LongRow<'_>> {
    study.panels.iter().flat_map(|panel| {
        let none = panel.localizers.is_empty().then_some(None);
        panel.localizers.iter().map(Some).chain(none).flat_map(move |localizer| {
            (0..panel.facts.len()).flat_map(move |place| {
                (0..panel.layers.len()).map(move |column| LongRow { panel, localizer, place, column })
            })
        })
    })
}

/// Where the rows come from and what their names mean: kind, name, meaning.
pub fn origins(study: &Study) -> Vec<[String; 3]> {
    let identity = &study.identity;
    let seeds = identity.spoken_seeds();
    let of_study = [
        ("model", &identity.model),
        ("program", &identity.program),
        ("facts", &identity.facts),
        ("seeds of the sweep", &seeds),
    ];
    let mut all: Vec<[String; 3]> =
        of_study.into_iter().map(|(name, value)| ["study", name, value].map(str::to_owned)).collect();
    for dropped in &study.dropped {
        all.push(["left out before the sweep".to_owned(), dropped.reason.clone(), format!("{} facts", dropped.facts)]);
    }
    let mut told = BTreeSet::new();
    let mut tell = |kind: &str, name: &str, definition: &str| {
        let line = [kind, name, definition].map(str::to_owned);
        if told.insert(line.clone()) {
            all.push(line);
        }
    };
    for panel in &study.panels {
        tell("score", &panel.score, &panel.score_definition);
        panel.localizers.iter().for_each(|own| tell("localizer", &own.name, &own.definition));
    }
    all
}
