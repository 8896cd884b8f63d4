//! A sweep: facts × methods × objectives × layers × seeds, and localizers beside them.
//!
//! What is told of it is what its ledger holds, row by row (`app/sweep`).

use super::{Job, JobId, JobKind};
use crate::Aim;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What to sweep, and where its rows go.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SweepOrder {
    /// The folder of the ledger; it is made where it is not there.
    pub folder: PathBuf,
    /// The grid as its file has it; `None` goes on with the grid that the folder holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grid: Option<String>,
    /// Takes only this part of the cells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
    /// Computes the cells again that have failed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub retry_failed: bool,
    /// Ends after the estimate: nothing but the facts and the first cell of each kind is computed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub estimate_only: bool,
}

/// One of several equal parts of a sweep, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// Which part, from 1.
    pub part: u32,
    /// How many parts there are.
    pub of: u32,
}

impl Shard {
    /// Whether cells whose first has this key belong to the part. Keys are hexadecimal digits of a hash.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        let digits = key.get(..8).unwrap_or(key);
        let number = u32::from_str_radix(digits, 16).unwrap_or_default();
        number % self.of.max(1) + 1 == self.part
    }
}

impl std::str::FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("`{text}` is no part of a sweep; write it as 2/8: the second of eight");
        let (part, of) = text.split_once('/').ok_or_else(bad)?;
        let shard = Self { part: part.trim().parse().map_err(|_| bad())?, of: of.trim().parse().map_err(|_| bad())? };
        if shard.part == 0 || shard.part > shard.of { Err(bad()) } else { Ok(shard) }
    }
}

impl Job for SweepOrder {
    fn kind(&self) -> JobKind {
        JobKind::Sweep
    }

    /// Title from the grid.
    fn title(&self) -> String {
        let folder = self.folder.file_name().unwrap_or(self.folder.as_os_str());
        format!("sweep in {}", folder.to_string_lossy())
    }

    fn lets_looks_in(&self) -> bool {
        true
    }

    fn needs_plugins(&self) -> bool {
        true
    }
}

/// What a sweep starts from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SweepStarted {
    pub job: JobId,
    /// The folder of the ledger.
    pub folder: PathBuf,
    pub title: String,
    /// Layers of the model.
    pub layers: usize,
    /// Facts that pass the filters.
    pub facts: usize,
    /// Facts that do not, by the reason.
    pub left_out: BTreeMap<String, usize>,
    /// Facts by what should be known of them before their scores are believed, those that pass among them.
    pub remarked: BTreeMap<String, usize>,
    /// Cells of the grid: edits, each with its scores.
    pub cells: usize,
    /// Localizations of the grid: a fact's effect by layer, for each localizer.
    pub localizations: usize,
    /// Cells and localizations that the ledger holds already.
    pub done: usize,
    /// How long what is left is going to take, in seconds, by the first of each kind; `None` before those are timed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Bytes that the ledger is going to have.
    #[serde(default)]
    pub bytes: u64,
    /// Bytes that are free where the ledger is.
    #[serde(default)]
    pub free: u64,
}

/// A fact of a sweep as the unedited model has it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SweptFact {
    /// Tells this fact and model from others.
    pub key: String,
    /// Tells this fact from others, whatever the model.
    pub fact: String,
    /// Its place among the facts.
    pub index: usize,
    /// Its number in its file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case_id: Option<u64>,
    pub subject: String,
    pub prompt: String,
    pub target_true: String,
    pub target_new: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub relation: String,
    /// Joint probability of the true answer.
    pub probability: f64,
    /// Whether the model says the true answer within 36 tokens (Hase et al. 2023).
    pub correct: bool,
    /// What should be known of it before its scores are believed, by kind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
    /// Why it is left out, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
}

/// One cell of a sweep: a fact edited at one place, and what that does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SweptCell {
    /// Everything that determines it, hashed.
    pub key: String,
    /// The fact, see [`SweptFact::fact`].
    pub fact: String,
    /// Name of the edit in the grid.
    pub edit: String,
    /// Id of the method.
    pub method: String,
    /// Id of the objective.
    pub objective: String,
    /// The layer around which the edit lies.
    pub layer: usize,
    /// Layers that it was to change around that.
    pub window: usize,
    /// Layers that it changes.
    pub layers: Vec<usize>,
    pub seed: u64,
    /// What was aimed at.
    #[serde(default)]
    pub aim: Aim,
    /// Measures by name, see docs/metrics.md.
    #[serde(default, with = "crate::number::map")]
    pub numbers: BTreeMap<String, f64>,
    /// What should be known before they are believed: that the value stalled, that the change is larger than it should be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Why there are no measures, if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// How long it took; its share of what was done together with other cells.
    pub seconds: f64,
    /// When it was done.
    pub time: String,
}

/// Where a localizer finds a fact.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Localized {
    /// Everything that determines it, hashed.
    pub key: String,
    /// The fact, see [`SweptFact::fact`].
    pub fact: String,
    /// Name of the localizer in the grid.
    pub localizer: String,
    pub kind: String,
    #[serde(default)]
    pub settings: Map<String, Value>,
    /// Effect per layer; the higher, the more the fact is there.
    pub effects: Vec<f64>,
    /// The same by halves of the noise draws, where it has such.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub halves: Vec<Vec<f64>>,
    /// Further numbers: probabilities of the clean and the corrupted run.
    #[serde(default, with = "crate::number::map")]
    pub numbers: BTreeMap<String, f64>,
    /// Why there are no effects, if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// How long it took.
    pub seconds: f64,
    /// When it was done.
    pub time: String,
}

/// A row of a sweep's ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "row", rename_all = "kebab-case")]
pub enum SweepRow {
    /// A fact as the unedited model has it.
    Fact(SweptFact),
    /// A fact edited at one place.
    Cell(SweptCell),
    /// Where a localizer finds a fact.
    Localized(Localized),
}

impl SweepRow {
    /// What determines it, hashed.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Fact(fact) => &fact.key,
            Self::Cell(cell) => &cell.key,
            Self::Localized(localized) => &localized.key,
        }
    }

    /// Why it holds no numbers, if it holds none.
    #[must_use]
    pub fn failed(&self) -> Option<&str> {
        match self {
            Self::Fact(_) => None,
            Self::Cell(cell) => cell.failed.as_deref(),
            Self::Localized(localized) => localized.failed.as_deref(),
        }
    }

    /// When it was written.
    #[must_use]
    pub fn time(&self) -> &str {
        match self {
            Self::Fact(_) => "",
            Self::Cell(cell) => &cell.time,
            Self::Localized(localized) => &localized.time,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Shard;

    #[test]
    fn every_key_belongs_to_one_part() {
        let parts: Vec<Shard> = (1..=7).map(|part| Shard { part, of: 7 }).collect();
        for key in 0..1000_u32 {
            let key = format!("{:08x}aaaa", key.wrapping_mul(2_654_435_761));
            assert_eq!(parts.iter().filter(|part| part.has(&key)).count(), 1, "{key}");
        }
        assert_eq!("2/8".parse(), Ok(Shard { part: 2, of: 8 }));
        for bad in ["", "2", "0/3", "4/3", "a/b", "-1/2"] {
            assert!(bad.parse::<Shard>().expect_err(bad).contains("2/8"), "{bad}");
        }
    }
}
