//! The rows of a sweep as the tables that its analysis reads.

use crate::grid::{EditAxis, Grid};
use crate::ledger::{Ledger, Rows};
use locus_analysis::{Cell, Fact, Identity, Localizer, Panel, Study};
use locus_protocol::{Localized, SweepRow, SweptCell, SweptFact};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// A score that is analyzed.
pub struct Scored {
    pub name: &'static str,
    /// How it is taken.
    pub definition: &'static str,
    /// Its value in a cell; `true` where the objective lowers the target's probability.
    value: fn(&BTreeMap<String, f64>, bool) -> Option<f64>,
}

pub const SCORES: &[Scored] = &[
    Scored {
        name: "rewrite_score",
        definition: "share of the possible change of the target's probability after the prompt that is edited, teacher-forced",
        value: |numbers, _| numbers.get("rewrite_score").copied(),
    },
    Scored {
        name: "paraphrase_score",
        definition: "the same after its other wordings, teacher-forced",
        value: |numbers, _| numbers.get("paraphrase_score").copied(),
    },
    Scored {
        name: "neighborhood_score",
        definition: "1 minus the share of the possible change after prompts about other subjects, teacher-forced",
        value: |numbers, _| numbers.get("neighborhood_score").copied(),
    },
    Scored {
        name: "essence_score",
        definition: "1 minus the rise of the perplexity of texts about the subject, from 0 to 5, divided by 5",
        value: |numbers, _| numbers.get("essence_score").copied(),
    },
    Scored {
        name: "overall_score",
        definition: "mean of the scores above, as in table 6 of the paper",
        value: |numbers, _| numbers.get("overall_score").copied(),
    },
    Scored {
        name: "free_rewrite",
        definition: "whether the model says the target (for an objective that lowers it: does not) when it continues \
                     freely after the prompt, up to the end of its first sentence",
        value: |numbers, lowers| said(numbers, "after.rewrite_says", lowers),
    },
    Scored {
        name: "free_paraphrase",
        definition: "the same after the other wordings: the share of them",
        value: |numbers, lowers| said(numbers, "after.paraphrase_says", lowers),
    },
    Scored {
        name: "free_neighborhood",
        definition: "share of prompts about other subjects after which the model says freely what it said before",
        value: |numbers, _| numbers.get("neighborhood_kept").copied(),
    },
];

fn said(numbers: &BTreeMap<String, f64>, name: &str, lowers: bool) -> Option<f64> {
    numbers.get(name).map(|share| if lowers { 1.0 - share } else { *share })
}

/// The tables of a sweep, with the scores of these names or, for none, with all that its rows have.
#[must_use]
pub fn study(ledger: &Ledger, rows: &Rows, scores: &[String]) -> Study {
    let (grid, identity) = (ledger.grid(), ledger.identity());
    let (mut facts, mut dropped): (Vec<&SweptFact>, BTreeMap<&str, usize>) = Default::default();
    let mut cells: BTreeMap<Place<'_>, Vec<&SweptCell>> = BTreeMap::new();
    let mut found: BTreeMap<(&str, &str), &Localized> = BTreeMap::new();
    for row in rows.iter() {
        match row {
            SweepRow::Fact(fact) => match &fact.left_out {
                None => facts.push(fact),
                Some(why) => *dropped.entry(why).or_default() += 1,
            },
            SweepRow::Cell(cell) => {
                let place = Place { edit: &cell.edit, objective: &cell.objective, fact: &cell.fact, layer: cell.layer };
                cells.entry(place).or_default().push(cell);
            }
            SweepRow::Localized(localized) => {
                found.insert((&localized.localizer, &localized.fact), localized);
            }
        }
    }
    facts.sort_by_key(|fact| fact.index);
    let tables = Tables { grid, facts, cells, found, layers: identity.layers };
    let mut panels = Vec::new();
    for edit in &grid.edits {
        for objective in &edit.objectives {
            let wanted = |score: &&Scored| scores.is_empty() || scores.iter().any(|name| name == score.name);
            panels.extend(SCORES.iter().filter(wanted).filter_map(|score| tables.panel(edit, objective, score)));
        }
    }
    let short = identity.model.fingerprint.get(..16).unwrap_or(&identity.model.fingerprint);
    Study {
        identity: Identity {
            model: format!("{} ({short})", identity.model.name),
            program: format!("locus {}", identity.program),
            // the file's name, since its folder means nothing on another machine
            facts: format!(
                "{} ({})",
                identity.facts_source.rsplit('/').next().unwrap_or_default(),
                identity.facts.get(..16).unwrap_or(&identity.facts)
            ),
            seeds: grid.seeds.clone(),
        },
        dropped: dropped
            .into_iter()
            .map(|(reason, facts)| locus_analysis::panel::Dropped { reason: reason.to_owned(), facts })
            .collect(),
        panels,
    }
}

/// Where a cell stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place<'a> {
    edit: &'a str,
    objective: &'a str,
    fact: &'a str,
    layer: usize,
}

struct Tables<'a> {
    grid: &'a Grid,
    facts: Vec<&'a SweptFact>,
    cells: BTreeMap<Place<'a>, Vec<&'a SweptCell>>,
    found: BTreeMap<(&'a str, &'a str), &'a Localized>,
    layers: usize,
}

impl Tables<'_> {
    /// One score of one edit and objective; nothing where no cell has it.
    fn panel(&self, edit: &EditAxis, objective: &str, score: &Scored) -> Option<Panel> {
        let (label, layers) = (edit.label(), edit.layers.of(self.layers).ok()?);
        let score_of = |fact: &SweptFact, layer: usize| {
            let place = Place { edit: &label, objective, fact: &fact.fact, layer };
            let cells = self.cells.get(&place).map_or(&[][..], Vec::as_slice);
            if let Some(why) = cells.iter().find_map(|cell| cell.failed.as_ref()) {
                return Cell::Missing(why.clone());
            }
            let value = |cell: &&SweptCell| (score.value)(&cell.numbers, lowers(cell));
            let values: Vec<f64> = cells.iter().filter_map(value).filter(|value| value.is_finite()).collect();
            // seeds of one cell count as one
            if values.is_empty() || values.len() < self.grid.seeds.len() {
                return Cell::Missing("not measured".to_owned());
            }
            Cell::Value(values.iter().sum::<f64>() / values.len() as f64)
        };
        let scores: Vec<Vec<Cell>> =
            self.facts.iter().map(|fact| layers.iter().map(|&layer| score_of(fact, layer)).collect()).collect();
        scores.iter().flatten().any(|cell| cell.value().is_some()).then(|| Panel {
            method: self.method(edit),
            window: edit.window,
            objective: objective.to_owned(),
            score: score.name.to_owned(),
            score_definition: score.definition.to_owned(),
            facts: self.facts.iter().map(|fact| Fact { id: fact.fact.clone(), left_out: None }).collect(),
            scores,
            localizers: self.grid.localizers.iter().filter_map(|axis| self.localizer(&axis.label(), &layers)).collect(),
            layers,
        })
    }

    /// The method's id, or the edit's name where two edits have the same method and window.
    fn method(&self, edit: &EditAxis) -> String {
        let same = |other: &&EditAxis| other.method == edit.method && other.window == edit.window;
        if self.grid.edits.iter().filter(same).count() > 1 { edit.label() } else { edit.method.clone() }
    }

    /// What a localizer says of the facts; nothing where it has said nothing yet.
    fn localizer(&self, label: &str, layers: &[usize]) -> Option<Localizer> {
        let of = |fact: &SweptFact| self.found.get(&(label, fact.fact.as_str())).copied();
        let first = self.facts.iter().find_map(|fact| of(fact).filter(|found| found.failed.is_none()))?;
        let row = |effects: Option<&[f64]>, why: Option<&String>| -> Vec<Cell> {
            let missing = || Cell::Missing(why.cloned().unwrap_or_else(|| "not measured".to_owned()));
            layers
                .iter()
                .map(|&layer| effects.and_then(|all| all.get(layer)).map_or_else(missing, |&it| Cell::Value(it)))
                .collect()
        };
        let effects = self.facts.iter().map(|fact| {
            let found = of(fact);
            let why = found.and_then(|found| found.failed.as_ref());
            row(found.filter(|found| found.failed.is_none()).map(|found| &found.effects[..]), why)
        });
        let halves = first.halves.len();
        let draws = (halves > 1).then(|| {
            let draw = |half: usize| {
                let of_fact =
                    |fact: &&SweptFact| row(of(fact).and_then(|found| found.halves.get(half)).map(Vec::as_slice), None);
                self.facts.iter().map(of_fact).collect()
            };
            (0..halves).map(draw).collect()
        });
        let curve =
            |fact: &&SweptFact| of(fact).filter(|found| found.failed.is_none()).map(|found| found.effects.clone());
        Some(Localizer {
            name: label.to_owned(),
            definition: definition(&first.kind, &first.settings),
            as_published: is_published(&first.kind, &first.settings),
            effects: effects.collect(),
            draws,
            curves: self.facts.iter().map(curve).collect(),
        })
    }
}

/// Whether the objective of a cell lowers the target's probability.
fn lowers(cell: &SweptCell) -> bool {
    cell.aim.lowers
}

/// Kind and settings of a localizer in one clause.
fn definition(kind: &str, settings: &Map<String, Value>) -> String {
    let sorted: BTreeMap<&String, &Value> = settings.iter().collect();
    let set: Vec<String> = sorted.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    if set.is_empty() { format!("{kind}, as it comes") } else { format!("{kind}, {}", set.join(", ")) }
}

/// Whether it is the variable of Hase et al. (2023): what restoring MLP outputs brings back of what noise takes, the
/// greatest over all tokens, in a window of 5 layers (GPT-J) or 10 (GPT-2 XL), with noise of 3 standard deviations.
fn is_published(kind: &str, settings: &Map<String, Value>) -> bool {
    let plain = |name: &str, published: &str| settings.get(name).is_none_or(|value| value == published);
    let window = settings.get("window").map_or(Some(5), Value::as_u64);
    kind == "causal-trace"
        && matches!(window, Some(5 | 10))
        && plain("states", "mlp")
        && plain("tokens", "all")
        && plain("effect", "fraction")
        && plain("score", "probability")
        && plain("corruption", "noise")
        && settings.get("noise").is_none_or(|deviations| deviations.as_f64() == Some(3.0))
}

/// Names of the scores that can be analyzed.
#[must_use]
pub fn score_names() -> BTreeSet<&'static str> {
    SCORES.iter().map(|score| score.name).collect()
}

#[cfg(test)]
mod tests {
    use super::is_published;
    use serde_json::{Value, json};

    #[test]
    fn the_published_variable_has_the_published_noise() {
        let is = |settings: Value| is_published("causal-trace", settings.as_object().expect("settings"));
        assert!(is(json!({})) && is(json!({ "noise": 3, "window": 10 })) && is(json!({ "noise": 3.0, "samples": 4 })));
        for other in [json!({ "noise": 1 }), json!({ "noise": 0.0 }), json!({ "noise": 3, "window": 1 })] {
            assert!(!is(other.clone()), "{other}");
        }
    }
}
