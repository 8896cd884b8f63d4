//! A sweep: facts × methods × objectives × layers × seeds, and localizers.
//! Its events are the rows of its ledger (`app/sweep`).

use super::{Job, JobId, JobKind};
use crate::Aim;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What to sweep, and where its rows go.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SweepOrder {
    /// The folder of the ledger; created if missing.
    pub folder: PathBuf,
    /// Text of the grid's file; `None` resumes with the grid in the folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grid: Option<String>,
    /// Only this part of the cells; `None` for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
    /// Computes failed cells again.
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
    /// Number of parts.
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
        let bad = || format!("`{text}` is not a part of a sweep; write it as 2/8, the second of eight");
        let (part, of) = text.split_once('/').ok_or_else(bad)?;
        let shard = Self { part: part.trim().parse().map_err(|_| bad())?, of: of.trim().parse().map_err(|_| bad())? };
        if shard.part == 0 || shard.part > shard.of { Err(bad()) } else { Ok(shard) }
    }
}

impl Job for SweepOrder {
    fn kind(&self) -> JobKind {
        JobKind::Sweep
    }

    /// The folder's name after `sweep in`.
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

/// What a sweep has to do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SweepStarted {
    pub job: JobId,
    /// The folder of the ledger.
    pub folder: PathBuf,
    pub title: String,
    /// Number of layers of the model.
    pub layers: usize,
    /// Number of facts that pass the filters.
    pub facts: usize,
    /// Number of facts that do not, by reason.
    pub left_out: BTreeMap<String, usize>,
    /// Number of facts with remarks that put their scores in doubt, by kind, including facts that pass.
    pub remarked: BTreeMap<String, usize>,
    /// Cells of the grid: edits, each with its scores.
    pub cells: usize,
    /// Localizations of the grid: a fact's effect by layer, for each localizer.
    pub localizations: usize,
    /// Number of cells and localizations already in the ledger.
    pub done: usize,
    /// Estimated remaining time in seconds, from the first of each kind; `None` before those are timed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Estimated final size of the ledger, in bytes.
    #[serde(default)]
    pub bytes: u64,
    /// Free disk space at the ledger, in bytes.
    #[serde(default)]
    pub free: u64,
}

/// A fact of a sweep, measured on the unedited model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SweptFact {
    /// Identifies this fact and model.
    pub key: String,
    /// Identifies this fact, independently of the model.
    pub fact: String,
    /// Index among the facts, from 0.
    pub index: usize,
    /// Its number in its file; `None` if it has none.
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
    /// Whether the model gives the true answer within 36 tokens (Hase et al. 2023).
    pub correct: bool,
    /// Remarks that put its scores in doubt, by kind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
    /// Why it is left out; `None` if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
}

/// One cell of a sweep: an edit of a fact at one layer, and its scores.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SweptCell {
    /// Hash of everything that determines it.
    pub key: String,
    /// The fact, see [`SweptFact::fact`].
    pub fact: String,
    /// Name of the edit in the grid.
    pub edit: String,
    /// Id of the method.
    pub method: String,
    /// Id of the objective.
    pub objective: String,
    /// The layer around which the edit is centered.
    pub layer: usize,
    /// Requested number of layers around it.
    pub window: usize,
    /// Layers that it changes, ascending.
    pub layers: Vec<usize>,
    pub seed: u64,
    /// What the objective aimed at.
    #[serde(default)]
    pub aim: Aim,
    /// Measures by name, see docs/metrics.md.
    #[serde(default, with = "crate::number::map")]
    pub numbers: BTreeMap<String, f64>,
    /// Warnings about them: that the value stalled, or that the change is too large.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Why there are no measures; `None` if there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// Wall time in seconds; its share, if computed together with other cells.
    pub seconds: f64,
    /// When it was computed, in UTC.
    pub time: String,
}

/// Effects of a localizer for a fact.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Localized {
    /// Hash of everything that determines it.
    pub key: String,
    /// The fact, see [`SweptFact::fact`].
    pub fact: String,
    /// Name of the localizer in the grid.
    pub localizer: String,
    pub kind: String,
    #[serde(default)]
    pub settings: Map<String, Value>,
    /// Effect per layer; the higher, the more the fact is located there.
    pub effects: Vec<f64>,
    /// The same for each half of the noise draws; empty if it draws no noise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub halves: Vec<Vec<f64>>,
    /// Further numbers: probabilities of the clean and the corrupted run.
    #[serde(default, with = "crate::number::map")]
    pub numbers: BTreeMap<String, f64>,
    /// Why there are no effects; `None` if there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// Wall time in seconds.
    pub seconds: f64,
    /// When it was computed, in UTC.
    pub time: String,
}

/// A row of a sweep's ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "row", rename_all = "kebab-case")]
pub enum SweepRow {
    /// A fact, measured on the unedited model.
    Fact(SweptFact),
    /// An edit of a fact at one layer.
    Cell(SweptCell),
    /// Effects of a localizer for a fact.
    Localized(Localized),
}

impl SweepRow {
    /// Hash of everything that determines the row.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Fact(fact) => &fact.key,
            Self::Cell(cell) => &cell.key,
            Self::Localized(localized) => &localized.key,
        }
    }

    /// Why it has no numbers; `None` if it has.
    #[must_use]
    pub fn failed(&self) -> Option<&str> {
        match self {
            Self::Fact(_) => None,
            Self::Cell(cell) => cell.failed.as_deref(),
            Self::Localized(localized) => localized.failed.as_deref(),
        }
    }

    /// When it was computed, in UTC; empty for a fact.
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
