//! What an analysis reads: scores of edits and effects of localizers, per fact and layer.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// All that one analysis reads. It can be kept as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Study {
    pub identity: Identity,
    /// Facts that never came into a panel, by reason.
    #[serde(default)]
    pub dropped: Vec<Dropped>,
    pub panels: Vec<Panel>,
}

/// Where the numbers come from. It stands in every output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The model by name, with its hash where it is known.
    pub model: String,
    /// The program and its version.
    pub program: String,
    /// The file of facts.
    pub facts: String,
    /// The seeds of the sweep (noise, sampling); a fact's scores are means over them. The seed of the analysis is in its
    /// settings.
    pub seeds: Vec<u64>,
}

impl Identity {
    /// The seeds of the sweep in words: "0", or "0, 1 and 2".
    pub fn spoken_seeds(&self) -> String {
        let all: Vec<String> = self.seeds.iter().map(u64::to_string).collect();
        match all.as_slice() {
            [] => "none".to_owned(),
            [only] => only.clone(),
            [others @ .., last] => format!("{} and {last}", others.join(", ")),
        }
    }
}

/// Facts that were left out for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    pub reason: String,
    pub facts: usize,
}

/// One method with one objective, measured by one score: a table of facts and layers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Panel {
    /// The method, by its name ("ROME") or id ("rome").
    pub method: String,
    /// How many layers are edited around the center.
    pub window: usize,
    /// The objective, by its name ("error injection") or id ("error-injection").
    pub objective: String,
    /// The score, by its name ("rewrite score") or id ("rewrite_score"). Larger is better.
    pub score: String,
    /// How the score is taken: normalized or not, teacher forced or free, which prompts.
    pub score_definition: String,
    pub facts: Vec<Fact>,
    /// The centers of the edits, from 0, rising.
    pub layers: Vec<usize>,
    /// `[fact][layer]`.
    pub scores: Vec<Vec<Cell>>,
    pub localizers: Vec<Localizer>,
}

/// A fact of a panel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    pub id: String,
    /// Why the filter leaves the fact out (for one, "the model answers wrongly"); nothing where it passes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
}

/// Something that says for each fact which layers matter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Localizer {
    /// "causal trace of MLP outputs", "gradient of the edit's loss", and so on.
    pub name: String,
    /// How the effect is taken: noise, window, what is done with tokens, raw or as a fraction.
    pub definition: String,
    /// Whether this is the variable of Hase et al. (the share that restoring MLP outputs brings back, the largest over
    /// tokens, window as there); then the rows that they published stand beside.
    #[serde(default)]
    pub as_published: bool,
    /// `[fact][layer]` on the layers of the panel. Larger means: edit here.
    pub effects: Vec<Vec<Cell>>,
    /// `[draw][fact][layer]`: the effects of each noise draw alone, or of each half of the draws.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draws: Option<Vec<Vec<Vec<Cell>>>>,
    /// `[fact]`: the effect at all layers of the model, for the subset of concentrated traces; without it the layers of
    /// the panel are taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub curves: Option<Vec<Vec<f64>>>,
}

/// A number, or why it is missing. In JSON a number or a text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Cell {
    Value(f64),
    Missing(String),
}

impl Cell {
    /// The number, if it is there.
    pub fn value(&self) -> Option<f64> {
        match self {
            Cell::Value(value) => Some(*value),
            Cell::Missing(_) => None,
        }
    }
}

impl From<f64> for Cell {
    fn from(value: f64) -> Self {
        Cell::Value(value)
    }
}

impl From<Option<f64>> for Cell {
    fn from(value: Option<f64>) -> Self {
        value.map_or_else(|| Cell::Missing("not measured".to_owned()), Cell::Value)
    }
}

/// What is wrong with a study.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("{panel}: {what} has {have} {of}, but {need} are needed; run the sweep's export again")]
    Shape { panel: String, what: String, of: &'static str, have: usize, need: usize },
    #[error(
        "{panel}: {what} of fact {fact} at layer {layer} is not a finite number; record it as missing, with a reason"
    )]
    NotFinite { panel: String, what: String, fact: String, layer: String },
    #[error("{panel}: {what} {name} appears twice; name each once")]
    Twice { panel: String, what: &'static str, name: String },
    #[error("{panel}: layers are not in rising order; sort them, and the columns with them")]
    Unsorted { panel: String },
    #[error("the study has no panel; run a sweep that edits at least one fact first")]
    Empty,
}

impl Study {
    /// Refuses a study whose tables do not fit together.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, in one sentence.
    pub fn check(&self) -> Result<(), Malformed> {
        if self.panels.is_empty() {
            return Err(Malformed::Empty);
        }
        let mut titles = BTreeSet::new();
        for panel in &self.panels {
            if !titles.insert(panel.title()) {
                return Err(Malformed::Twice { panel: panel.title(), what: "the panel", name: panel.title() });
            }
            panel.check()?;
        }
        Ok(())
    }
}

impl Panel {
    /// "ROME, window 1, error injection, rewrite score".
    pub fn title(&self) -> String {
        format!("{}, window {}, {}, {}", self.method, self.window, self.objective, self.score)
    }

    /// Refuses a panel whose tables do not fit together.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, in one sentence.
    pub fn check(&self) -> Result<(), Malformed> {
        self.check_names()?;
        self.check_table("the score", &self.scores)?;
        for localizer in &self.localizers {
            self.check_table(&localizer.name, &localizer.effects)?;
            for draw in localizer.draws.iter().flatten() {
                self.check_table(&format!("a noise draw of {}", localizer.name), draw)?;
            }
            if let Some(curves) = &localizer.curves {
                self.check_curves(&localizer.name, curves)?;
            }
        }
        Ok(())
    }

    fn check_names(&self) -> Result<(), Malformed> {
        let twice = |what, name: &str| Malformed::Twice { panel: self.title(), what, name: name.to_owned() };
        let mut facts = BTreeSet::new();
        if let Some(fact) = self.facts.iter().find(|fact| !facts.insert(&fact.id)) {
            return Err(twice("the fact", &fact.id));
        }
        let mut names = BTreeSet::new();
        if let Some(localizer) = self.localizers.iter().find(|localizer| !names.insert(&localizer.name)) {
            return Err(twice("the localizer", &localizer.name));
        }
        if self.layers.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(Malformed::Unsorted { panel: self.title() });
        }
        Ok(())
    }

    fn shape(&self, what: &str, of: &'static str, have: usize, need: usize) -> Result<(), Malformed> {
        let malformed = || Malformed::Shape { panel: self.title(), what: what.to_owned(), of, have, need };
        if have == need { Ok(()) } else { Err(malformed()) }
    }

    fn check_table(&self, what: &str, table: &[Vec<Cell>]) -> Result<(), Malformed> {
        self.shape(what, "facts", table.len(), self.facts.len())?;
        for (fact, row) in self.facts.iter().zip(table) {
            self.shape(&format!("{what} of fact {}", fact.id), "layers", row.len(), self.layers.len())?;
            for (layer, cell) in self.layers.iter().zip(row) {
                if cell.value().is_some_and(|value| !value.is_finite()) {
                    return Err(self.not_finite(what, fact, layer.to_string()));
                }
            }
        }
        Ok(())
    }

    fn check_curves(&self, name: &str, curves: &[Vec<f64>]) -> Result<(), Malformed> {
        self.shape(&format!("the whole curve of {name}"), "facts", curves.len(), self.facts.len())?;
        for (fact, curve) in self.facts.iter().zip(curves) {
            if let Some(layer) = curve.iter().position(|value| !value.is_finite()) {
                return Err(self.not_finite(name, fact, layer.to_string()));
            }
        }
        Ok(())
    }

    fn not_finite(&self, what: &str, fact: &Fact, layer: String) -> Malformed {
        Malformed::NotFinite { panel: self.title(), what: what.to_owned(), fact: fact.id.clone(), layer }
    }

    /// The localizer of this name.
    pub fn localizer(&self, name: &str) -> Option<&Localizer> {
        self.localizers.iter().find(|localizer| localizer.name == name)
    }
}
