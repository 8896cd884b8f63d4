//! Regret: what a fact's score at the layer that a rule picks lacks of its score at its own best layer. This is what
//! somebody who edits one fact asks: does looking at the trace pick a better layer than taking the same layer always?

mod curve;
mod rules;

pub use curve::CurvePoint;
pub use rules::Rule;

use crate::bootstrap::{Interval, of_mean};
use crate::panel::{Cell, Panel};
use crate::rows::Counts;
use crate::settings::Settings;
use crate::unavailable::{Computed, Unavailable};
use serde::Serialize;

/// Scores that differ by less are the same.
const SAME: f64 = 1e-12;

/// What each rule loses.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Regret {
    /// Facts with a score at every layer; others have no best layer.
    pub counts: Counts,
    /// The layers that are picked from.
    pub layers: Vec<usize>,
    /// The mean score at each fact's own best layer.
    pub best: f64,
    pub rules: Vec<RuleRegret>,
    /// Regret of a fixed layer by the number of other facts that it was chosen on.
    pub curve: Vec<CurvePoint>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RuleRegret {
    #[serde(serialize_with = "rules::by_name")]
    pub rule: Rule,
    /// Facts for which the rule can be asked.
    pub facts: usize,
    /// Mean score at the layers that it picks.
    #[serde(with = "crate::computed")]
    pub score: Computed<f64>,
    /// Mean regret over facts, 0 at best.
    #[serde(with = "crate::computed")]
    pub regret: Computed<Interval>,
    /// Share of facts for which it picks a best layer; a tie counts in parts.
    #[serde(with = "crate::computed")]
    pub best: Computed<f64>,
    /// `[layer]`: share of facts for which the layer is picked.
    pub picks: Vec<f64>,
    /// Against the layer that is best on other facts; nothing for that rule itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against_fixed: Option<Paired>,
}

impl RuleRegret {
    /// The layer that is picked most often, as a place in the list of layers; nothing where two are.
    pub fn usual(&self) -> Option<usize> {
        let most = self.picks.iter().copied().reduce(f64::max)?;
        let mut often = (0..self.picks.len()).filter(|layer| self.picks[*layer] > most - SAME);
        often.next().filter(|_| often.next().is_none())
    }
}

/// Two rules on the same facts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Paired {
    pub facts: usize,
    /// Mean of the fixed layer's score less the rule's: what the rule loses, or gains below 0.
    #[serde(with = "crate::computed")]
    pub loss: Computed<Interval>,
    /// Share of facts where the rule does better.
    #[serde(with = "crate::computed")]
    pub better: Computed<f64>,
    /// Share of facts where it does worse.
    #[serde(with = "crate::computed")]
    pub worse: Computed<f64>,
}

/// The scores of facts that have one at every layer.
struct Table {
    /// `[fact]`: its place in the panel.
    places: Vec<usize>,
    /// `[layer]`: its place in the panel.
    layers: Vec<usize>,
    /// `[fact][layer]`.
    scores: Vec<Vec<f64>>,
}

impl Table {
    /// The facts that pass the filter and have a score at every layer that any of them has.
    fn new(panel: &Panel) -> (Self, Counts) {
        let mut counts = Counts::default();
        let mut passing = Vec::new();
        for (place, fact) in panel.facts.iter().enumerate() {
            match &fact.left_out {
                Some(reason) => *counts.left_out.entry(reason.clone()).or_default() += 1,
                None => passing.push(place),
            }
        }
        let is_measured = |layer: &usize| passing.iter().any(|place| panel.scores[*place][*layer].value().is_some());
        let layers: Vec<usize> = (0..panel.layers.len()).filter(is_measured).collect();
        let (mut places, mut scores) = (Vec::new(), Vec::new());
        for place in passing {
            match complete(&panel.scores[place], &layers) {
                Some(row) => {
                    places.push(place);
                    scores.push(row);
                }
                None => *counts.left_out.entry("a layer without a score".to_owned()).or_default() += 1,
            }
        }
        counts.facts = places.len();
        counts.layers = layers.len();
        counts.rows = places.len() * layers.len();
        (Self { places, layers, scores }, counts)
    }

    /// The score at each fact's own best layer.
    fn best(&self) -> Vec<f64> {
        self.scores.iter().map(|row| row.iter().copied().fold(f64::NEG_INFINITY, f64::max)).collect()
    }
}

/// The numbers of a row at some layers, if all are there.
fn complete(row: &[Cell], layers: &[usize]) -> Option<Vec<f64>> {
    layers.iter().map(|layer| row[*layer].value()).collect()
}

/// A weight for each of the largest values, 1 in all: a tie is a coin that is tossed.
fn largest(values: &[f64]) -> Vec<f64> {
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let is_tied = |value: &f64| *value >= largest - SAME * largest.abs().max(1e-300);
    let tied = values.iter().filter(|value| is_tied(value)).count().max(1) as f64;
    values.iter().map(|value| if is_tied(value) { 1.0 / tied } else { 0.0 }).collect()
}

fn expected(weights: &[f64], scores: &[f64]) -> f64 {
    weights.iter().zip(scores).filter(|(weight, _)| **weight > 0.0).map(|(weight, score)| weight * score).sum()
}

/// What each rule loses on a panel.
///
/// # Errors
///
/// Where there is one layer, or fewer than two facts have a score at every layer.
pub fn regret(panel: &Panel, settings: &Settings) -> Computed<Regret> {
    let (table, counts) = Table::new(panel);
    if counts.facts < 2 {
        return Err(Unavailable::TooFewWholeFacts { have: counts.facts, need: 2 });
    }
    if counts.layers < 2 {
        return Err(Unavailable::OneLayer);
    }
    let best = table.best();
    let fixed = rules::scores(&Rule::FixedOnOthers, panel, &table);
    let title = panel.title();
    let of_rule = |rule: Rule| {
        let picks = rules::picks(&rule, panel, &table);
        let scores: Vec<Option<f64>> =
            picks.iter().zip(&table.scores).map(|(picks, row)| Some(expected(picks.as_ref()?, row))).collect();
        let name = rule.name();
        let there: Vec<usize> = (0..scores.len()).filter(|fact| scores[*fact].is_some()).collect();
        let score = |fact: usize| scores[fact].unwrap_or_default();
        let lost: Vec<f64> = there.iter().map(|fact| (best[*fact] - score(*fact)).max(0.0)).collect();
        let share = |sum: f64, of: usize| if of > 0 { Ok(sum / of as f64) } else { Err(Unavailable::NoWholeEffects) };
        let of_layer = |layer: usize| {
            share(picks.iter().flatten().map(|picks| picks[layer]).sum(), there.len()).unwrap_or_default()
        };
        let hits = |fact: &usize| {
            let picks = picks[*fact].iter().flatten().zip(&table.scores[*fact]);
            picks.filter(|(_, score)| **score >= best[*fact] - SAME).map(|(weight, _)| weight).sum::<f64>()
        };
        let differences: Vec<f64> = there.iter().filter_map(|fact| Some(fixed[*fact]? - score(*fact))).collect();
        let count = |of: &dyn Fn(f64) -> bool| {
            share(differences.iter().filter(|difference| of(**difference)).count() as f64, differences.len())
        };
        let paired = || Paired {
            facts: differences.len(),
            loss: of_mean(&differences, settings, &[&title, &name, "against fixed"]),
            better: count(&|difference| difference < -SAME),
            worse: count(&|difference| difference > SAME),
        };
        RuleRegret {
            facts: there.len(),
            score: share(there.iter().map(|fact| score(*fact)).sum(), there.len()),
            regret: if lost.is_empty() {
                Err(Unavailable::NoWholeEffects)
            } else {
                of_mean(&lost, settings, &[&title, &name, "regret"])
            },
            best: share(there.iter().map(hits).sum(), there.len()),
            picks: (0..table.layers.len()).map(of_layer).collect(),
            against_fixed: (rule != Rule::FixedOnOthers).then(paired),
            rule,
        }
    };
    Ok(Regret {
        layers: table.layers.iter().map(|layer| panel.layers[*layer]).collect(),
        best: best.iter().sum::<f64>() / best.len() as f64,
        rules: Rule::all(panel).into_iter().map(of_rule).collect(),
        curve: curve::curve(&table.scores, &best, settings, &title),
        counts,
    })
}
