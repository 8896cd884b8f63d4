//! What the report says, section by section.

mod layers;
mod lost;
mod ours;
mod theirs;

use super::Section;
use super::number::fixed;
use crate::analysis::{Analysis, LocalizerResults, PanelResults};
use crate::words::many;

/// Reads the long table and computes the published table and the clustered slope anew.
pub const R: &str = include_str!("again.R");

/// What the whole report rests on.
pub fn about(analysis: &Analysis) -> Vec<String> {
    let (identity, settings) = (&analysis.identity, &analysis.settings);
    let mut lines = vec![
        format!("Model: {}.", identity.model),
        format!("Program: {}.", identity.program),
        format!("Facts: {}.", identity.facts),
        format!("Seeds: {} of the sweep, {} of the analysis.", identity.seed, settings.seed),
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

/// All sections, the headline first.
pub fn all(analysis: &Analysis) -> Vec<Section> {
    vec![
        lost::section(analysis),
        theirs::section(analysis),
        ours::section(analysis),
        layers::section(analysis),
        again(),
    ]
}

fn again() -> Section {
    Section {
        id: "again",
        title: "Compute it again",
        text: vec![
            "rows.csv has one row per fact, layer, localizer, method, objective and score. These lines of R compute the \
             published table and the clustered slopes from it; results.json has every number with all its digits."
                .to_owned(),
        ],
        lead: false,
        tables: Vec::new(),
        figures: Vec::new(),
        code: Some(R),
    }
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

impl Group<'_> {
    /// "rewrite score, causal trace of MLP outputs".
    fn title(&self) -> String {
        format!("{}, {}", self.score, self.localizer)
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
        let same = self.members.windows(2).all(|pair| pair[0].1.counts == pair[1].1.counts);
        for (panel, localizer) in &self.members {
            let counts = localizer.counts.sentence();
            add(if same { format!("{counts}.") } else { format!("{}: {counts}.", row_name(panel)) });
        }
        notes
    }
}

/// Model, program and seeds, in each table, so that a table alone says where it is from.
fn sources(analysis: &Analysis) -> String {
    let identity = &analysis.identity;
    let seeds = format!("seeds {} (sweep) and {} (analysis)", identity.seed, analysis.settings.seed);
    format!("{}, {}, {}; {seeds}.", identity.model, identity.facts, identity.program)
}

/// "ROME, window 1, error injection".
fn row_name(panel: &PanelResults) -> String {
    format!("{}, window {}, {}", panel.method, panel.window, crate::words::spoken(&panel.objective))
}
