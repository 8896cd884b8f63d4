//! The rules that pick a layer.

use super::{Table, complete, expected, largest};
use crate::panel::Panel;
use serde::{Serialize, Serializer};

/// How a layer is picked for a fact. No rule but the oracle knows the fact's own scores.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The fact's own best layer.
    Oracle,
    /// The layer with the best mean score on all other facts.
    FixedOnOthers,
    Random,
    /// The layer where the localizer of this name is largest for the fact.
    Localizer(String),
    /// The layer where the mean of the localizer over all other facts is largest.
    PeakOnOthers(String),
}

/// A rule as its name, for JSON.
pub(super) fn by_name<S: Serializer>(rule: &Rule, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rule.name())
}

impl Rule {
    /// All rules of a panel.
    pub(super) fn all(panel: &Panel) -> Vec<Rule> {
        let names = || panel.localizers.iter().map(|localizer| localizer.name.clone());
        let fixed = [Rule::Oracle, Rule::FixedOnOthers, Rule::Random];
        fixed.into_iter().chain(names().map(Rule::Localizer)).chain(names().map(Rule::PeakOnOthers)).collect()
    }

    pub fn name(&self) -> String {
        match self {
            Rule::Oracle => "each fact's own best layer".to_owned(),
            Rule::FixedOnOthers => "one layer, the best on other facts".to_owned(),
            Rule::Random => "a random layer".to_owned(),
            Rule::Localizer(name) => name.clone(),
            Rule::PeakOnOthers(name) => format!("one layer, the peak on other facts of {name}"),
        }
    }
}

/// `[fact][layer]`: the weights with which a rule picks; nothing for a fact of which the rule knows too little.
pub(super) fn picks(rule: &Rule, panel: &Panel, table: &Table) -> Vec<Option<Vec<f64>>> {
    let effects = |name: &str| -> Vec<Option<Vec<f64>>> {
        let Some(localizer) = panel.localizer(name) else { return vec![None; table.places.len()] };
        table.places.iter().map(|place| complete(&localizer.effects[*place], &table.layers)).collect()
    };
    match rule {
        Rule::Oracle => table.scores.iter().map(|row| Some(largest(row))).collect(),
        Rule::Random => {
            let count = table.layers.len();
            vec![Some(vec![1.0 / count as f64; count]); table.places.len()]
        }
        Rule::FixedOnOthers => best_on_others(&table.scores.iter().cloned().map(Some).collect::<Vec<_>>()),
        Rule::Localizer(name) => effects(name).into_iter().map(|row| Some(largest(&row?))).collect(),
        Rule::PeakOnOthers(name) => best_on_others(&effects(name)),
    }
}

/// `[fact]`: the scores at the layers that a rule picks.
pub(super) fn scores(rule: &Rule, panel: &Panel, table: &Table) -> Vec<Option<f64>> {
    picks(rule, panel, table)
        .iter()
        .zip(&table.scores)
        .map(|(picks, row)| Some(expected(picks.as_ref()?, row)))
        .collect()
}

/// For each fact the layer with the largest mean over all other facts that have numbers.
fn best_on_others(values: &[Option<Vec<f64>>]) -> Vec<Option<Vec<f64>>> {
    let there = values.iter().flatten().count();
    let Some(layers) = values.iter().flatten().next().map(Vec::len) else { return vec![None; values.len()] };
    let mut sums = vec![0.0; layers];
    values.iter().flatten().for_each(|row| sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value));
    let without = |own: &Option<Vec<f64>>| {
        let others = there - usize::from(own.is_some());
        (others > 0).then_some(())?;
        let left = |layer: usize| sums[layer] - own.as_ref().map_or(0.0, |own| own[layer]);
        Some(largest(&(0..layers).map(|layer| left(layer) / others as f64).collect::<Vec<f64>>()))
    };
    values.iter().map(without).collect()
}
