//! Second moments of the MLP keys: tasks and reports.

use super::{Job, JobId, JobKind};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What to do with the second moments of the unedited model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum SecondMomentsTask {
    /// Collects those of all layers, unless they are cached; resumes an interrupted run.
    Collect,
    /// The same over only this many tokens, for the edits of this session.
    CollectFewer { tokens: usize },
    /// Checks a file: checksum, shape, symmetry, eigenvalues, and that it belongs to the model.
    Verify {
        /// The file; `None` for the one that an edit would use.
        file: Option<PathBuf>,
    },
    /// Imports published ones, which edits of the model then use.
    Import {
        /// A `.npz` file of one layer, a folder of such files, or a safetensors file.
        path: PathBuf,
        /// The layer, if the file name does not say it.
        layer: Option<usize>,
    },
    /// Writes them for other programs.
    Export {
        /// The file to read; `None` for the one that an edit would use.
        file: Option<PathBuf>,
        /// Which layers; all if empty.
        layers: Vec<usize>,
        /// Format and destination of the export.
        target: SecondMomentsTarget,
    },
}

impl Job for SecondMomentsTask {
    fn kind(&self) -> JobKind {
        JobKind::SecondMoments
    }

    fn title(&self) -> String {
        match self {
            Self::Collect => "collecting second moments".to_owned(),
            Self::CollectFewer { tokens } => format!("collecting second moments of {tokens} tokens"),
            Self::Verify { .. } => "checking second moments".to_owned(),
            Self::Import { path, .. } => format!("importing second moments from {}", path.display()),
            Self::Export { .. } => "exporting second moments".to_owned(),
        }
    }

    fn lets_looks_in(&self) -> bool {
        true
    }
}

/// Second moments that an edit needs and that would take long: its job ends, and is started again after the user has
/// chosen how to get them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecondMomentsNeeded {
    /// The job of the edit, which has ended.
    pub job: JobId,
    /// Id of its method.
    pub method: String,
    /// The layers that its plan names.
    pub layers: Vec<usize>,
    /// The choices, the most expensive first.
    pub choices: Vec<MomentsChoice>,
}

/// What can be done about missing second moments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "choice", rename_all = "kebab-case")]
pub enum MomentsChoice {
    /// Collect those of all layers, and cache them for this model.
    Collect {
        /// Maximum number of tokens; `None` if unknown.
        tokens: Option<u64>,
        /// About how long it takes, in seconds.
        seconds: Option<f64>,
    },
    /// Fewer tokens, for the edits of this session.
    CollectFewer {
        tokens: u64,
        /// About how long it takes, in seconds.
        seconds: f64,
    },
    /// Turn off a hyperparameter of the method, so that its plan needs none.
    Without {
        /// Name of the hyperparameter that makes second moments unnecessary.
        setting: String,
        /// Its line of help.
        help: String,
    },
}

/// Format in which second moments are exported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "as", rename_all = "kebab-case")]
pub enum SecondMomentsTarget {
    /// One `.npz` file per layer, as published by the authors of ROME.
    Archives {
        folder: PathBuf,
        /// Number of documents to record; `None` for the known number.
        sample_size: Option<u64>,
    },
    /// One safetensors file with entries `layerN.mom2`.
    Safetensors { file: PathBuf },
}

/// Second moments that were collected, checked, imported or exported.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SecondMomentsReport {
    pub job: JobId,
    /// The file they are in; an empty path for none.
    pub file: PathBuf,
    /// Fingerprint of their model.
    pub model: String,
    /// Fingerprint of their corpus, or `imported`.
    pub corpus: String,
    /// Display name of the corpus.
    pub corpus_name: String,
    /// Dtype in which they were summed.
    pub precision: String,
    pub layers: Vec<SecondMomentsLayer>,
    /// What is wrong with the whole file, one sentence each; only a check looks for it.
    #[serde(default)]
    pub problems: Vec<String>,
    /// Files that were written for other programs.
    #[serde(default)]
    pub written: Vec<PathBuf>,
}

/// The second moment of one layer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SecondMomentsLayer {
    pub layer: usize,
    /// Number of keys in the mean; 0 if unknown.
    pub tokens: u64,
    /// Number of documents they come from; 0 if unknown.
    pub documents: u64,
    /// The file it was imported from; empty if it was collected.
    #[serde(default)]
    pub source: String,
    /// Number of keys that never fired.
    pub dead_keys: i64,
    /// Relative deviation of the sums from float64; `None` if unknown.
    #[serde(default)]
    pub deviation: Option<f64>,
    /// Result of a check; `None` if it was not made.
    #[serde(default)]
    pub check: Option<SecondMomentsCheck>,
}

/// Result of checking one layer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SecondMomentsCheck {
    /// Largest difference of mirrored entries, relative to the largest entry.
    pub asymmetry: f64,
    /// Smallest eigenvalue among the keys that fire; `None` if the matrix is singular there.
    pub smallest: Option<f64>,
    /// Largest eigenvalue among the keys that fire.
    pub largest: f64,
    /// Condition number among the keys that fire; `None` if the matrix is singular there.
    pub condition: Option<f64>,
    /// What is wrong, one sentence each.
    pub problems: Vec<String>,
}

/// An estimated duration in words, with no more digits than are known.
#[must_use]
pub fn about_seconds(seconds: f64) -> String {
    let whole = seconds.clamp(1.0, 1e9).round() as u64;
    match whole {
        0..20 => format!("about {whole} s"),
        20..100 => format!("about {} s", whole.div_ceil(10) * 10),
        100..6000 => format!("about {} min", (whole + 30) / 60),
        _ => format!("about {} h", (whole + 1800) / 3600),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_time_has_no_more_digits_than_are_known() {
        let said = [0.1, 7.4, 33.0, 95.0, 130.0, 3000.0, 9000.0].map(super::about_seconds);
        let wanted = ["1 s", "7 s", "40 s", "100 s", "2 min", "50 min", "3 h"].map(|time| format!("about {time}"));
        assert_eq!(said, wanted);
    }
}
