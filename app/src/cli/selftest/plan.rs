//! What the self-test does, what was recorded for it in float64, and how far other number formats may be off:
//! `configs/selftest.json`, compiled in.

use super::run::Measured;
use crate::cli::Failure;
use locus_protocol::{EditOrder, Fact};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;

const FILE: &str = include_str!("../../../../configs/selftest.json");

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// So many of the built-in facts are measured.
    pub facts: usize,
    /// Second moments are taken over so many tokens.
    pub corpus_tokens: usize,
    /// Edits of the first fact, each on the unedited model.
    pub edits: Vec<Planned>,
    /// By number format and name: the largest deviation that is allowed.
    tolerances: BTreeMap<String, BTreeMap<String, f64>>,
    /// What came out in float64.
    recorded: BTreeMap<String, Vec<f64>>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Planned {
    /// What the table calls it.
    pub name: String,
    method: String,
    objective: String,
    layers: Vec<usize>,
    settings: Map<String, Value>,
}

impl Planned {
    /// The edit of a fact.
    pub fn order(&self, fact: &Fact) -> EditOrder {
        EditOrder {
            fact: fact.clone(),
            method: self.method.clone(),
            objective: self.objective.clone(),
            layers: self.layers.clone(),
            method_settings: self.settings.clone(),
            ..EditOrder::default()
        }
    }
}

impl Plan {
    /// The plan that is compiled in.
    ///
    /// # Errors
    /// It was damaged before it was compiled in.
    pub fn read() -> Result<Self, Failure> {
        serde_json::from_str(FILE).map_err(|error| Failure::failed(format!("configs/selftest.json: {error}")))
    }

    /// The largest deviation from what was recorded, against the larger of 1 and the number itself; `None` where nothing was,
    /// or not as many numbers.
    pub fn deviation(&self, name: &str, values: &[f64]) -> Option<f64> {
        let recorded = self.recorded.get(name).filter(|recorded| recorded.len() == values.len())?;
        let off = values.iter().zip(recorded).map(|(value, wanted)| (value - wanted).abs() / wanted.abs().max(1.0));
        // no number is the largest deviation there is
        Some(off.fold(0.0, |largest: f64, off| if off.is_nan() { f64::INFINITY } else { largest.max(off) }))
    }

    /// How far a number format may be off.
    pub fn allowed(&self, format: &str, name: &str) -> Option<f64> {
        self.tolerances.get(format)?.get(name).copied()
    }

    /// Writes the file with new recorded numbers.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn record(self, measured: &Measured, file: &Path) -> Result<(), Failure> {
        let plan = Self { recorded: measured.iter().cloned().collect(), ..self };
        let text = serde_json::to_string_pretty(&plan).map_err(|error| Failure::failed(error.to_string()))?;
        let bad = |error: &dyn std::fmt::Display| Failure::failed(format!("{}: {error}", file.display()));
        locus_files::write(file, format!("{text}\n").as_bytes()).map_err(|error| bad(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::Plan;

    #[test]
    fn every_recorded_number_has_a_tolerance_in_every_format() {
        let plan = Plan::read().expect("a plan");
        assert!(plan.recorded.len() >= 8, "{:?}", plan.recorded.keys());
        for format in ["float64", "float32", "bfloat16", "float16"] {
            for name in plan.recorded.keys() {
                assert!(plan.allowed(format, name) > Some(0.0), "{format}: {name}");
            }
        }
        // four times what separates two numbers at one, and eight times for edits, which optimize by gradients
        for (format, epsilon) in [("bfloat16", 2_f64.powi(-7)), ("float16", 2_f64.powi(-10))] {
            for name in plan.recorded.keys() {
                let is_edit = name.starts_with("edited") || plan.edits.iter().any(|edit| edit.name == *name);
                let times = if is_edit { 8.0 } else { 4.0 };
                assert_eq!(plan.allowed(format, name), Some(times * epsilon), "{format}: {name}");
            }
        }
        let name = plan.recorded.keys().next().expect("a name");
        let same = &plan.recorded[name];
        assert_eq!(plan.deviation(name, same), Some(0.0));
        assert_eq!(plan.deviation(name, &same[1..]), None);
        let mut other = same.clone();
        other[0] = f64::NAN;
        assert_eq!(plan.deviation(name, &other), Some(f64::INFINITY));
    }
}
