//! What the report says, section by section.

mod answer;
mod layers;
mod lost;
mod ours;
mod theirs;

use super::number::fixed;
use super::{Part, Section};
use crate::analysis::{Analysis, LocalizerResults, PanelResults};
use crate::rows::Counts;
use crate::words::{many, spoken};
use std::collections::BTreeMap;

/// Reads the long table and recomputes the published table and the clustered slope.
pub const R: &str = include_str!("again.R");

/// What the whole report is based on.
pub fn about(analysis: &Analysis) -> Vec<String> {
    let (identity, settings) = (&analysis.identity, &analysis.settings);
    let mut lines = vec![
        format!("Model: {}.", identity.model),
        format!("Program: {}.", identity.program),
        format!("Facts: {}.", identity.facts),
        format!("Seeds: {} of the sweep, {} of the analysis.", identity.spoken_seeds(), settings.seed),
        format!(
            "Intervals at {} %; {}, {}, {} of cross-validation; margin {}.",
            fixed(100.0 * settings.confidence, 0),
            format_args!("{} of whole facts", many(settings.resamples, "resample")),
            many(settings.permutations, "permutation"),
            many(settings.folds, "fold"),
            settings.margin
        ),
    ];
    let dropped = analysis.dropped.iter().map(|own| format!("{} ({})", many(own.facts, "fact"), own.reason));
    let dropped: Vec<String> = dropped.collect();
    if !dropped.is_empty() {
        lines.push(format!("Left out before the sweep: {}.", dropped.join(", ")));
    }
    lines
}

/// All sections, the answer first.
pub fn all(analysis: &Analysis) -> Vec<Section> {
    vec![
        answer::section(analysis),
        lost::section(analysis),
        ours::section(analysis),
        theirs::section(analysis),
        layers::section(analysis),
        answer::every_verdict(analysis),
        again(),
    ]
}

fn again() -> Section {
    Section {
        id: "again",
        title: "Compute it again",
        text: vec![
            "rows.csv and rows.parquet have one row per fact, layer, localizer, method, objective and score, and \
             origins.csv says what the names mean. This R code computes the published table and the clustered slopes \
             from them; results.json has every number in full precision."
                .to_owned(),
        ],
        lead: false,
        tables: Vec::new(),
        figures: Vec::new(),
        parts: Vec::new(),
        code: Some(R),
    }
}

/// The panels of each score, in the order in which scores come. The first score is what the report leads with.
fn scores(analysis: &Analysis) -> Vec<(&str, Vec<&PanelResults>)> {
    let mut scores: Vec<(&str, Vec<&PanelResults>)> = Vec::new();
    for panel in &analysis.panels {
        match scores.iter_mut().find(|(score, _)| *score == panel.score) {
            Some((_, panels)) => panels.push(panel),
            None => scores.push((&panel.score, vec![panel])),
        }
    }
    scores
}

/// A score with one localizer: what stands in one table, as in the paper.
struct Group<'a> {
    score: &'a str,
    localizer: &'a str,
    members: Vec<(&'a PanelResults, &'a LocalizerResults)>,
}

/// Groups in the order in which they come.
fn groups(analysis: &Analysis) -> Vec<Group<'_>> {
    let mut groups: Vec<Group> = Vec::new();
    for panel in &analysis.panels {
        for localizer in &panel.localizers {
            let fits = |group: &&mut Group| group.score == panel.score && group.localizer == localizer.name;
            match groups.iter_mut().find(fits) {
                Some(group) => group.members.push((panel, localizer)),
                None => groups.push(Group {
                    score: &panel.score,
                    localizer: &localizer.name,
                    members: vec![(panel, localizer)],
                }),
            }
        }
    }
    groups
}

/// A part for each score, and in it one for each localizer. The first of the first is open.
fn by_score_and_localizer(analysis: &Analysis, fill: impl Fn(&Group, &mut Part)) -> Vec<Part> {
    let groups = groups(analysis);
    let of_score = |(number, (score, _)): (usize, (&str, Vec<&PanelResults>))| {
        let mut part = Part::new(score, number > 0);
        for group in groups.iter().filter(|group| group.score == score) {
            let mut own = Part::new(group.title(), !part.parts.is_empty());
            fill(group, &mut own);
            part.parts.push(own);
        }
        part
    };
    scores(analysis).into_iter().enumerate().map(of_score).collect()
}

impl Group<'_> {
    /// "rewrite score, causal trace of MLP outputs".
    fn title(&self) -> String {
        format!("{}, {}", self.score, self.localizer)
    }

    /// How many facts and layers there are, and what was left out; where rows differ, how far, and the rest in the notes.
    fn counts(&self) -> String {
        counts(self.members.iter().map(|(_, own)| &own.counts))
    }

    /// What all numbers of the group rest on, then the facts and layers of each row.
    fn notes(&self, analysis: &Analysis) -> Vec<String> {
        let mut notes = Vec::new();
        let mut add = |note: String| {
            if !notes.contains(&note) {
                notes.push(note);
            }
        };
        add(sources(analysis));
        for (panel, localizer) in &self.members {
            add(format!("{}: {}.", panel.score, panel.score_definition));
            add(format!("{}: {}.", localizer.name, localizer.definition));
        }
        let differ = self.members.windows(2).any(|pair| pair[0].1.counts != pair[1].1.counts);
        for (panel, localizer) in self.members.iter().filter(|_| differ) {
            add(format!("{}: {}.", row_name(panel), localizer.counts.sentence()));
        }
        notes
    }
}

/// What stands behind all rows of a table.
fn counts<'a>(all: impl Iterator<Item = &'a Counts>) -> String {
    let all: Vec<&Counts> = all.collect();
    let Some(first) = all.first() else { return "No fact is left.".to_owned() };
    if all.iter().all(|other| other == first) {
        return format!("{}.", first.sentence());
    }
    let range = |of: fn(&Counts) -> usize, name: &str| {
        let values = || all.iter().map(|own| of(own));
        let (least, most) = (values().min().unwrap_or_default(), values().max().unwrap_or_default());
        if least == most { many(most, name) } else { format!("{least} to {}", many(most, name)) }
    };
    let most = |of: fn(&Counts) -> &BTreeMap<String, usize>, name: &str| -> Vec<String> {
        let mut most: BTreeMap<&str, usize> = BTreeMap::new();
        for (reason, count) in all.iter().flat_map(|own| of(own)) {
            let own = most.entry(reason).or_default();
            *own = (*own).max(*count);
        }
        most.into_iter().map(|(reason, count)| format!("{} ({reason})", many(count, name))).collect()
    };
    let left_out = [most(|own| &own.left_out, "fact"), most(|own| &own.missing, "cell")].concat();
    let left_out = if left_out.is_empty() {
        String::new()
    } else {
        format!("; left out of one row at most: {} (row by row below)", left_out.join(", "))
    };
    format!("{}, {}{left_out}.", range(|own| own.facts, "fact"), range(|own| own.layers, "layer"))
}

/// Model, program and seeds, in each table, so that a table alone says where it is from.
fn sources(analysis: &Analysis) -> String {
    let identity = &analysis.identity;
    let seeds = format!("seeds {} (sweep) and {} (analysis)", identity.spoken_seeds(), analysis.settings.seed);
    format!("{}, {}, {}; {seeds}.", identity.model, identity.facts, identity.program)
}

/// "ROME, window 1, error injection".
fn row_name(panel: &PanelResults) -> String {
    format!("{}, window {}, {}", panel.method, panel.window, spoken(&panel.objective))
}

/// Names of columns, as owned texts.
fn named(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
